#include "aceso/dicom/key_objects.hpp"

#include <utility>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "report_content.hpp"

namespace aceso::dicom {
namespace {

bool named(const ReferencedObject& object) {
  return is_tolerable_uid(object.sop_class_uid) && is_tolerable_uid(object.sop_instance_uid) &&
         is_tolerable_uid(object.series_uid);
}

Status check(const KeyObjects& keys) {
  if (keys.images.empty()) return Error{Code::invalid, "a key object note needs an image"};
  if (keys.description.empty()) return Error{Code::invalid, "a key object note says why"};
  if (!is_tolerable_uid(keys.device_uid)) return Error{Code::invalid, "the observer's UID is none"};
  for (const auto& one : keys.images) {
    if (!named(one.image) || (one.presentation && !named(*one.presentation)))
      return Error{Code::invalid, "a reference to a key image holds a UID that is none"};
  }
  return {};
}

}  // namespace

Result<Dataset> make_key_objects(const Dataset& source, const DerivedObject& object, const KeyObjects& keys) {
  ACESO_TRY_OK(check(keys));
  Dataset d = make_derived(source, kKeyObjectSelection, "KO", object);
  d.set_empty(tags::kReferencedPerformedProcedureStepSequence);
  std::vector<ReferencedObject> evidence;
  for (const auto& one : keys.images) {
    evidence.push_back(one.image);
    if (one.presentation) evidence.push_back(*one.presentation);
  }
  d.set_items(tags::kCurrentRequestedProcedureEvidenceSequence,
              {hierarchical_reference(source.text_or(tags::kStudyInstanceUID), evidence)});
  std::vector<Dataset> rows = device_observer(keys.device_uid, keys.device_name, object.equipment);
  rows.push_back(text_item(kContains, dcm_code("113012", "Key Object Description"), keys.description));
  for (const auto& one : keys.images)
    rows.push_back(image_item(kContains, nullptr, one.image, one.presentation ? &*one.presentation : nullptr));
  const Dataset root = container_item({}, keys.title, "2010", std::move(rows));
  for (const Element& element : root.elements()) d.set(element);
  return d;
}

}  // namespace aceso::dicom
