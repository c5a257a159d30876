#include "aceso/dicom/measurement_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "report_content.hpp"

namespace aceso::dicom {
namespace {

std::string decimal(double value) {
  std::array<char, 48> out{};
  (void)std::snprintf(out.data(), out.size(), "%.6f", value);
  std::string digits{out.data()};
  while (digits.ends_with('0')) digits.pop_back();
  if (digits.ends_with('.')) digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

// Around the region and back to where it began.
std::vector<double> corners(const ImageRegion& r) {
  return {r.left, r.top, r.right, r.top, r.right, r.bottom, r.left, r.bottom, r.left, r.top};
}

// TID 320: where the number comes from, as precisely as it is known.
std::vector<Dataset> sources_of(const MeasurementGroup& group) {
  const CodedEntry name = dcm_code("121112", "Source of Measurement");
  std::vector<Dataset> out;
  if (group.region) {
    out.push_back(outline_item(kInferred, name, group.images.front(), corners(*group.region)));
    return out;
  }
  out.reserve(group.images.size());
  for (const auto& image : group.images) out.push_back(image_item(kInferred, &name, image));
  return out;
}

Dataset number(const ReportedNumber& reported, const MeasurementGroup& group) {
  Dataset value;
  value.set_items(tags::kMeasurementUnitsCodeSequence, {code_item(reported.unit)});
  if (const auto digits = decimal(reported.value); digits.size() <= 16) {
    value.set_text(tags::kNumericValue, digits);
  } else {
    value.set_number(tags::kNumericValue, reported.value);
  }
  Dataset item = content_item(kContains, "NUM", &reported.concept_name);
  item.set_items(tags::kMeasuredValueSequence, {std::move(value)});
  std::vector<Dataset> children;
  for (const auto& one : reported.modifiers) children.push_back(coded_item(kModifier, one.concept_name, one.value));
  for (auto& source : sources_of(group)) children.push_back(std::move(source));
  item.set_items(tags::kContentSequence, std::move(children));
  return finished_item(std::move(item));
}

Dataset segment_item(const ReferencedSegment& segment) {
  const CodedEntry name = dcm_code("121191", "Referenced Segment");
  Dataset of = object_reference(segment.object);
  of.set_integer(tags::kReferencedSegmentNumber, segment.number);
  Dataset item = content_item(kContains, "IMAGE", &name);
  item.set_items(tags::kReferencedSOPSequence, {std::move(of)});
  return finished_item(std::move(item));
}

Dataset group_item(const MeasurementGroup& group) {
  std::vector<Dataset> rows;
  rows.push_back(text_item(kContext, dcm_code("112039", "Tracking Identifier"), group.tracking_identifier));
  rows.push_back(uid_item(kContext, dcm_code("112040", "Tracking Unique Identifier"), group.tracking_uid));
  if (group.finding) rows.push_back(coded_item(kContains, dcm_code("121071", "Finding"), *group.finding));
  if (group.segment) {
    rows.push_back(segment_item(*group.segment));
    rows.push_back(
        uid_item(kContains, dcm_code("121232", "Source series for segmentation"), group.images.front().series_uid));
  }
  if (group.region) {
    rows.push_back(
        outline_item(kContains, dcm_code("111030", "Image Region"), group.images.front(), corners(*group.region)));
  }
  if (group.algorithm) {
    rows.push_back(text_item(kModifier, dcm_code("111001", "Algorithm Name"), group.algorithm->name));
    rows.push_back(text_item(kModifier, dcm_code("111003", "Algorithm Version"), group.algorithm->version));
    for (const auto& parameter : group.algorithm->parameters)
      rows.push_back(text_item(kModifier, dcm_code("111002", "Algorithm Parameters"), parameter));
  }
  for (const auto& one : group.numbers) rows.push_back(number(one, group));
  for (const auto& one : group.codes) rows.push_back(coded_item(kContains, one.concept_name, one.value));
  for (const auto& one : group.texts) rows.push_back(text_item(kContains, one.concept_name, one.text));
  const std::string_view form = group.segment ? "1411" : group.region ? "1410" : "1501";
  return container_item(kContains, dcm_code("125007", "Measurement Group"), form, std::move(rows));
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

// PS3.3 C.17.2.1: the images, and whatever else the report speaks of.
std::vector<ReferencedObject> evidence_of(const MeasurementReport& report, std::vector<ReferencedObject> images) {
  for (const auto& group : report.groups) {
    if (group.segment && std::ranges::find(images, group.segment->object.sop_instance_uid,
                                           &ReferencedObject::sop_instance_uid) == images.end())
      images.push_back(group.segment->object);
  }
  return images;
}

bool is_reference(const ReferencedObject& object) {
  return is_tolerable_uid(object.sop_class_uid) && is_tolerable_uid(object.sop_instance_uid) &&
         is_tolerable_uid(object.series_uid);
}

Status check(const MeasurementReport& report) {
  if (report.groups.empty()) return Error{Code::invalid, "a measurement report needs a group"};
  if (!is_tolerable_uid(report.device_uid)) return Error{Code::invalid, "the observer's UID is none"};
  for (const auto& group : report.groups) {
    if (group.images.empty()) return Error{Code::invalid, "a measurement group needs its source image"};
    if (group.tracking_identifier.empty() || !is_tolerable_uid(group.tracking_uid))
      return Error{Code::invalid, "a measurement group needs a tracking identifier and UID"};
    if (group.algorithm ? group.algorithm->name.empty() || group.algorithm->version.empty() : !report.verification)
      return Error{Code::invalid, "an algorithm is named with its version"};
    if (const auto& r = group.region; r && (group.segment || !(r->left < r->right) || !(r->top < r->bottom)))
      return Error{Code::invalid, "a region is empty, or beside a segment"};
    for (const auto& one : group.numbers) {
      if (!std::isfinite(one.value)) return Error{Code::invalid, "a reported number is not finite"};
    }
    if (!std::ranges::all_of(group.images, is_reference) || (group.segment && !is_reference(group.segment->object)))
      return Error{Code::invalid, "a reference to an image holds a UID that is none"};
  }
  if (report.verification && report.verification->person_name.empty())
    return Error{Code::invalid, "a verified report says who verified it"};
  if (!std::ranges::all_of(report.predecessors, is_reference))
    return Error{Code::invalid, "a reference to a predecessor holds a UID that is none"};
  return {};
}

// PS3.3 table C.17-2.
Dataset verifying_observer(const Verification& verification, std::chrono::minutes utc_offset) {
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  item.set_text(tags::kVerifyingOrganization,
                verification.organization.empty() ? "Not given" : verification.organization);
  item.set_text(tags::kVerificationDateTime,
                dicom_date(verification.time, utc_offset) + dicom_time(verification.time, utc_offset));
  item.set_text(tags::kVerifyingObserverName, verification.person_name);
  item.set_empty(tags::kVerifyingObserverIdentificationCodeSequence);
  return finished_item(std::move(item));
}

std::vector<Dataset> observer(const MeasurementReport& report, const Equipment& equipment) {
  if (!report.verification) return device_observer(report.device_uid, report.device_name, equipment);
  std::vector<Dataset> rows;
  rows.push_back(coded_item(kContext, dcm_code("121005", "Observer Type"), dcm_code("121006", "Person")));
  rows.push_back(person_item(kContext, dcm_code("121008", "Person Observer Name"), report.verification->person_name));
  return rows;
}

}  // namespace

Result<Dataset> make_measurement_report(const Dataset& source, const DerivedObject& object,
                                        const MeasurementReport& report) {
  ACESO_TRY_OK(check(report));
  const auto images = all_images(report);
  Dataset d = make_derived(source, kComprehensive3dSr, "SR", object);
  d.set_empty(tags::kReferencedPerformedProcedureStepSequence).set_empty(tags::kPerformedProcedureCodeSequence);
  d.set_text(tags::kCompletionFlag, "COMPLETE");
  d.set_text(tags::kVerificationFlag, report.verification ? "VERIFIED" : "UNVERIFIED");
  d.set_text(tags::kPreliminaryFlag, report.verification ? "FINAL" : "PRELIMINARY");
  if (report.verification)
    d.set_items(tags::kVerifyingObserverSequence, {verifying_observer(*report.verification, object.utc_offset)});
  const auto study_uid = source.text_or(tags::kStudyInstanceUID);
  if (!report.predecessors.empty())
    d.set_items(tags::kPredecessorDocumentsSequence, {hierarchical_reference(study_uid, report.predecessors)});
  d.set_items(tags::kCurrentRequestedProcedureEvidenceSequence,
              {hierarchical_reference(study_uid, evidence_of(report, images))});
  std::vector<Dataset> schemes;
  for (const auto& scheme : report.schemes) {
    Dataset item;
    item.set_text(tags::kCodingSchemeDesignator, scheme.value).set_text(tags::kCodingSchemeUID, scheme.scheme);
    item.set_text(tags::kCodingSchemeName, scheme.meaning);
    schemes.push_back(std::move(item));
  }
  if (!schemes.empty()) d.set_items(tags::kCodingSchemeIdentificationSequence, std::move(schemes));

  std::vector<Dataset> rows;
  rows.push_back(coded_item(kModifier, dcm_code("121049", "Language of Content Item and Descendants"),
                            {"en-US", "RFC5646", "English (United States)"}));
  for (auto& row : observer(report, object.equipment)) rows.push_back(std::move(row));
  rows.push_back(coded_item(kModifier, dcm_code("121058", "Procedure reported"), report.procedure));
  std::vector<Dataset> library;
  library.reserve(images.size());
  for (const auto& one : images) library.push_back(image_item(kContains, nullptr, one));
  rows.push_back(
      container_item(kContains, dcm_code("111028", "Image Library"), "1600",
                     {container_item(kContains, dcm_code("126200", "Image Library Group"), {}, std::move(library))}));
  std::vector<Dataset> groups;
  groups.reserve(report.groups.size());
  for (const auto& group : report.groups) groups.push_back(group_item(group));
  rows.push_back(container_item(kContains, dcm_code("126010", "Imaging Measurements"), {}, std::move(groups)));

  const Dataset root = container_item({}, dcm_code("126000", "Imaging Measurement Report"), "1500", std::move(rows));
  for (const Element& element : root.elements()) d.set(element);
  return d;
}

}  // namespace aceso::dicom
