#include "aceso/dicom/measurement_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"

namespace aceso::dicom {
namespace {

// Relationships with their targets (PS3.3 C.17.3.2.4).
constexpr std::string_view kContains = "CONTAINS";
constexpr std::string_view kContext = "HAS OBS CONTEXT";
constexpr std::string_view kModifier = "HAS CONCEPT MOD";
constexpr std::string_view kInferred = "INFERRED FROM";

CodedEntry dcm(std::string value, std::string meaning) {
  return {std::move(value), "DCM", std::move(meaning)};
}

Dataset content(std::string_view relation, std::string_view type, const CodedEntry* concept_name) {
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  if (!relation.empty()) item.set_text(tags::kRelationshipType, relation);
  item.set_text(tags::kValueType, type);
  if (concept_name != nullptr) item.set_items(tags::kConceptNameCodeSequence, {code_item(*concept_name)});
  return item;
}
Dataset finished(Dataset item) {
  item.erase(tags::kSpecificCharacterSet);
  return item;
}

Dataset template_item(std::string_view id) {
  Dataset item;
  item.set_text(tags::kMappingResource, "DCMR").set_text(tags::kTemplateIdentifier, id);
  return item;
}

Dataset container(std::string_view relation, const CodedEntry& concept_name, std::string_view template_id,
                  std::vector<Dataset> children) {
  Dataset item = content(relation, "CONTAINER", &concept_name);
  item.set_text(tags::kContinuityOfContent, "SEPARATE");
  if (!template_id.empty()) item.set_items(tags::kContentTemplateSequence, {template_item(template_id)});
  item.set_items(tags::kContentSequence, std::move(children));
  return finished(std::move(item));
}
Dataset text(std::string_view relation, const CodedEntry& concept_name, std::string_view value) {
  Dataset item = content(relation, "TEXT", &concept_name);
  item.set_text(tags::kTextValue, value);
  return finished(std::move(item));
}
Dataset code(std::string_view relation, const CodedEntry& concept_name, const CodedEntry& value) {
  Dataset item = content(relation, "CODE", &concept_name);
  item.set_items(tags::kConceptCodeSequence, {code_item(value)});
  return finished(std::move(item));
}
Dataset uid(std::string_view relation, const CodedEntry& concept_name, std::string_view value) {
  Dataset item = content(relation, "UIDREF", &concept_name);
  item.set_text(tags::kUID, value);
  return finished(std::move(item));
}

Dataset reference(const ReferencedObject& image) {
  Dataset item;
  item.set_text(tags::kReferencedSOPClassUID, image.sop_class_uid);
  item.set_text(tags::kReferencedSOPInstanceUID, image.sop_instance_uid);
  return item;
}
Dataset image(std::string_view relation, const CodedEntry* concept_name, const ReferencedObject& referenced) {
  Dataset item = content(relation, "IMAGE", concept_name);
  item.set_items(tags::kReferencedSOPSequence, {reference(referenced)});
  return finished(std::move(item));
}

std::string decimal(double value) {
  std::array<char, 48> out{};
  (void)std::snprintf(out.data(), out.size(), "%.6f", value);
  std::string digits{out.data()};
  while (digits.ends_with('0')) digits.pop_back();
  if (digits.ends_with('.')) digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

Dataset number(const ReportedNumber& reported, const std::vector<ReferencedObject>& sources) {
  Dataset value;
  value.set_items(tags::kMeasurementUnitsCodeSequence, {code_item(reported.unit)});
  if (const auto digits = decimal(reported.value); digits.size() <= 16)
    value.set_text(tags::kNumericValue, digits);
  else
    value.set_number(tags::kNumericValue, reported.value);
  Dataset item = content(kContains, "NUM", &reported.concept_name);
  item.set_items(tags::kMeasuredValueSequence, {std::move(value)});
  const CodedEntry source_name = dcm("121112", "Source of Measurement");
  std::vector<Dataset> children;
  for (const auto& one : reported.modifiers) children.push_back(code(kModifier, one.concept_name, one.value));
  for (const auto& source : sources) children.push_back(image(kInferred, &source_name, source));
  item.set_items(tags::kContentSequence, std::move(children));
  return finished(std::move(item));
}

Dataset group_item(const MeasurementGroup& group) {
  std::vector<Dataset> rows;
  rows.push_back(text(kContext, dcm("112039", "Tracking Identifier"), group.tracking_identifier));
  rows.push_back(uid(kContext, dcm("112040", "Tracking Unique Identifier"), group.tracking_uid));
  if (group.finding) rows.push_back(code(kContains, dcm("121071", "Finding"), *group.finding));
  rows.push_back(text(kModifier, dcm("111001", "Algorithm Name"), group.algorithm.name));
  rows.push_back(text(kModifier, dcm("111003", "Algorithm Version"), group.algorithm.version));
  for (const auto& parameter : group.algorithm.parameters)
    rows.push_back(text(kModifier, dcm("111002", "Algorithm Parameters"), parameter));
  for (const auto& one : group.numbers) rows.push_back(number(one, group.images));
  for (const auto& one : group.codes) rows.push_back(code(kContains, one.concept_name, one.value));
  for (const auto& one : group.texts) rows.push_back(text(kContains, one.concept_name, one.text));
  return container(kContains, dcm("125007", "Measurement Group"), "1501", std::move(rows));
}

std::vector<ReferencedObject> all_images(const MeasurementReport& report) {
  std::vector<ReferencedObject> out;
  for (const auto& group : report.groups) {
    for (const auto& one : group.images) {
      if (std::ranges::find(out, one.sop_instance_uid, &ReferencedObject::sop_instance_uid) == out.end())
        out.push_back(one);
    }
  }
  return out;
}

// PS3.3 C.17.2.1 and table C.17-3: which objects the report speaks of.
Dataset evidence(const Dataset& source, const std::vector<ReferencedObject>& images) {
  std::map<std::string, std::vector<Dataset>> by_series;
  for (const auto& one : images) by_series[one.series_uid].push_back(reference(one));
  std::vector<Dataset> series;
  for (auto& [series_uid, objects] : by_series) {
    Dataset item;
    item.set_text(tags::kSeriesInstanceUID, series_uid).set_items(tags::kReferencedSOPSequence, std::move(objects));
    series.push_back(std::move(item));
  }
  Dataset study;
  study.set_text(tags::kStudyInstanceUID, source.text_or(tags::kStudyInstanceUID));
  study.set_items(tags::kReferencedSeriesSequence, std::move(series));
  return study;
}

Status check(const MeasurementReport& report) {
  if (report.groups.empty()) return Error{Code::invalid, "a measurement report needs a group"};
  if (!is_tolerable_uid(report.device_uid)) return Error{Code::invalid, "the observer's UID is none"};
  for (const auto& group : report.groups) {
    if (group.images.empty()) return Error{Code::invalid, "a measurement group needs its source image"};
    if (group.tracking_identifier.empty() || !is_tolerable_uid(group.tracking_uid))
      return Error{Code::invalid, "a measurement group needs a tracking identifier and UID"};
    if (group.algorithm.name.empty() || group.algorithm.version.empty())
      return Error{Code::invalid, "an algorithm is named with its version"};
    for (const auto& one : group.numbers) {
      if (!std::isfinite(one.value)) return Error{Code::invalid, "a reported number is not finite"};
    }
    for (const auto& one : group.images) {
      if (!is_tolerable_uid(one.sop_class_uid) || !is_tolerable_uid(one.sop_instance_uid) ||
          !is_tolerable_uid(one.series_uid))
        return Error{Code::invalid, "a reference to an image holds a UID that is none"};
    }
  }
  return {};
}

}  // namespace

Result<Dataset> make_measurement_report(const Dataset& source, const DerivedObject& object,
                                        const MeasurementReport& report) {
  ACESO_TRY_OK(check(report));
  const auto images = all_images(report);
  Dataset d = make_derived(source, kComprehensive3dSr, "SR", object);
  d.set_empty(tags::kReferencedPerformedProcedureStepSequence).set_empty(tags::kPerformedProcedureCodeSequence);
  d.set_text(tags::kCompletionFlag, "COMPLETE").set_text(tags::kVerificationFlag, "UNVERIFIED");
  d.set_text(tags::kPreliminaryFlag, "PRELIMINARY");
  d.set_items(tags::kCurrentRequestedProcedureEvidenceSequence, {evidence(source, images)});
  std::vector<Dataset> schemes;
  for (const auto& scheme : report.schemes) {
    Dataset item;
    item.set_text(tags::kCodingSchemeDesignator, scheme.value).set_text(tags::kCodingSchemeUID, scheme.scheme);
    item.set_text(tags::kCodingSchemeName, scheme.meaning);
    schemes.push_back(std::move(item));
  }
  if (!schemes.empty()) d.set_items(tags::kCodingSchemeIdentificationSequence, std::move(schemes));

  std::vector<Dataset> rows;
  rows.push_back(code(kModifier, dcm("121049", "Language of Content Item and Descendants"),
                      {"en-US", "RFC5646", "English (United States)"}));
  rows.push_back(code(kContext, dcm("121005", "Observer Type"), dcm("121007", "Device")));
  rows.push_back(uid(kContext, dcm("121012", "Device Observer UID"), report.device_uid));
  rows.push_back(text(kContext, dcm("121013", "Device Observer Name"), report.device_name));
  rows.push_back(text(kContext, dcm("121014", "Device Observer Manufacturer"), object.equipment.manufacturer));
  rows.push_back(text(kContext, dcm("121015", "Device Observer Model Name"), object.equipment.model_name));
  rows.push_back(code(kModifier, dcm("121058", "Procedure reported"), report.procedure));
  std::vector<Dataset> library;
  for (const auto& one : images) library.push_back(image(kContains, nullptr, one));
  rows.push_back(container(kContains, dcm("111028", "Image Library"), "1600",
                           {container(kContains, dcm("126200", "Image Library Group"), {}, std::move(library))}));
  std::vector<Dataset> groups;
  for (const auto& group : report.groups) groups.push_back(group_item(group));
  rows.push_back(container(kContains, dcm("126010", "Imaging Measurements"), {}, std::move(groups)));

  const Dataset root = container({}, dcm("126000", "Imaging Measurement Report"), "1500", std::move(rows));
  for (const Element& element : root.elements()) d.set(element);
  return d;
}

}  // namespace aceso::dicom
