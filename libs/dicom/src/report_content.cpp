#include "report_content.hpp"

#include <map>
#include <utility>

#include "aceso/dicom/tags.hpp"

namespace aceso::dicom {

CodedEntry dcm_code(std::string value, std::string meaning) {
  return {std::move(value), "DCM", std::move(meaning)};
}

Dataset content_item(std::string_view relation, std::string_view type, const CodedEntry* concept_name) {
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  if (!relation.empty()) item.set_text(tags::kRelationshipType, relation);
  item.set_text(tags::kValueType, type);
  if (concept_name != nullptr) item.set_items(tags::kConceptNameCodeSequence, {code_item(*concept_name)});
  return item;
}
Dataset finished_item(Dataset item) {
  item.erase(tags::kSpecificCharacterSet);
  return item;
}

Dataset container_item(std::string_view relation, const CodedEntry& concept_name, std::string_view template_id,
                       std::vector<Dataset> children) {
  Dataset item = content_item(relation, "CONTAINER", &concept_name);
  item.set_text(tags::kContinuityOfContent, "SEPARATE");
  if (!template_id.empty()) {
    Dataset mapping;
    mapping.set_text(tags::kMappingResource, "DCMR").set_text(tags::kTemplateIdentifier, template_id);
    item.set_items(tags::kContentTemplateSequence, {std::move(mapping)});
  }
  item.set_items(tags::kContentSequence, std::move(children));
  return finished_item(std::move(item));
}
Dataset text_item(std::string_view relation, const CodedEntry& concept_name, std::string_view value) {
  Dataset item = content_item(relation, "TEXT", &concept_name);
  item.set_text(tags::kTextValue, value);
  return finished_item(std::move(item));
}
Dataset coded_item(std::string_view relation, const CodedEntry& concept_name, const CodedEntry& value) {
  Dataset item = content_item(relation, "CODE", &concept_name);
  item.set_items(tags::kConceptCodeSequence, {code_item(value)});
  return finished_item(std::move(item));
}
Dataset uid_item(std::string_view relation, const CodedEntry& concept_name, std::string_view value) {
  Dataset item = content_item(relation, "UIDREF", &concept_name);
  item.set_text(tags::kUID, value);
  return finished_item(std::move(item));
}
Dataset person_item(std::string_view relation, const CodedEntry& concept_name, std::string_view person_name) {
  Dataset item = content_item(relation, "PNAME", &concept_name);
  item.set_text(tags::kPersonName, person_name);
  return finished_item(std::move(item));
}

Dataset object_reference(const ReferencedObject& object) {
  Dataset item;
  item.set_text(tags::kReferencedSOPClassUID, object.sop_class_uid);
  item.set_text(tags::kReferencedSOPInstanceUID, object.sop_instance_uid);
  return item;
}
Dataset image_item(std::string_view relation, const CodedEntry* concept_name, const ReferencedObject& image,
                   const ReferencedObject* presentation) {
  Dataset item = content_item(relation, "IMAGE", concept_name);
  Dataset of = object_reference(image);
  if (presentation != nullptr) of.set_items(tags::kReferencedSOPSequence, {object_reference(*presentation)});
  item.set_items(tags::kReferencedSOPSequence, {std::move(of)});
  return finished_item(std::move(item));
}

Dataset outline_item(std::string_view relation, const CodedEntry& concept_name, const ReferencedObject& image,
                     const std::vector<double>& points) {
  Dataset item = content_item(relation, "SCOORD", &concept_name);
  item.set_numbers(tags::kGraphicData, Vr::fl, points).set_text(tags::kGraphicType, "POLYLINE");
  item.set_items(tags::kContentSequence, {image_item(kSelected, nullptr, image)});
  return finished_item(std::move(item));
}

Dataset hierarchical_reference(std::string_view study_uid, const std::vector<ReferencedObject>& objects) {
  std::map<std::string, std::vector<Dataset>> by_series;
  for (const auto& one : objects) by_series[one.series_uid].push_back(object_reference(one));
  std::vector<Dataset> series;
  for (auto& [series_uid, references] : by_series) {
    Dataset item;
    item.set_text(tags::kSeriesInstanceUID, series_uid).set_items(tags::kReferencedSOPSequence, std::move(references));
    series.push_back(std::move(item));
  }
  Dataset study;
  study.set_text(tags::kStudyInstanceUID, study_uid);
  study.set_items(tags::kReferencedSeriesSequence, std::move(series));
  return study;
}

std::vector<Dataset> device_observer(std::string_view uid, std::string_view name, const Equipment& equipment) {
  std::vector<Dataset> rows;
  rows.push_back(coded_item(kContext, dcm_code("121005", "Observer Type"), dcm_code("121007", "Device")));
  rows.push_back(uid_item(kContext, dcm_code("121012", "Device Observer UID"), uid));
  rows.push_back(text_item(kContext, dcm_code("121013", "Device Observer Name"), name));
  rows.push_back(text_item(kContext, dcm_code("121014", "Device Observer Manufacturer"), equipment.manufacturer));
  rows.push_back(text_item(kContext, dcm_code("121015", "Device Observer Model Name"), equipment.model_name));
  return rows;
}

}  // namespace aceso::dicom
