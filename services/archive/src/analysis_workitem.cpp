#include "analysis_workitem.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <shared_mutex>

#include "aceso/dicom/derived.hpp"
#include "aceso/dicom/tags.hpp"
#include "result_parts.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;

constexpr std::size_t kLongString = 64;  // LO
constexpr Tag kStationName{0x0040, 0x4025};
constexpr Tag kPerformedStationName{0x0040, 0x4028};
constexpr Tag kStepStart{0x0040, 0x4005};
constexpr Tag kBegan{0x0040, 0x4050};
constexpr Tag kFinished{0x0040, 0x4051};
constexpr Tag kCanceledAt{0x0040, 0x4052};
constexpr Tag kReason{0x0074, 0x1238};
constexpr Tag kTypeOfInstances{0x0040, 0xE020};
constexpr Tag kWadoRetrieval{0x0040, 0xE025};
constexpr Tag kReferencedRequest{0x0040, 0xA370};

UpsState state_of(AnalysisState state) noexcept {
  switch (state) {
    case AnalysisState::waiting:
      return UpsState::scheduled;
    case AnalysisState::running:
      return UpsState::in_progress;
    case AnalysisState::analysed:
      return UpsState::completed;
    case AnalysisState::failed:
    case AnalysisState::not_applicable:
      break;
  }
  return UpsState::canceled;
}

dicom::Dataset new_item() {
  dicom::Dataset item;
  item.set_charset(dicom::CharacterSet::utf8());
  item.erase(tags::kSpecificCharacterSet);
  return item;
}

// LO and SH are cut at a character.
std::string shortened(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

// When a UUIDv7 was made (RFC 9562 5.7).
std::int64_t made_us(std::string_view uuid) {
  std::string digits;
  for (const char c : uuid.substr(0, std::min<std::size_t>(13, uuid.size()))) {
    if (c != '-') digits += c;
  }
  std::int64_t ms = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), ms, 16);
  return ms * 1000;
}

dicom::Dataset instances_item(const std::vector<InstancePtr>& instances, const std::string& root) {
  auto item = new_item();
  const auto& key = *instances.front()->key;
  item.set_text(kTypeOfInstances, dicom::Vr::cs, "DICOM");
  item.set_text(tags::kStudyInstanceUID, key.study_uid).set_text(tags::kSeriesInstanceUID, key.series_uid);
  std::vector<dicom::Dataset> references;
  for (const auto& one : instances) {
    auto reference = new_item();
    reference.set_text(tags::kReferencedSOPClassUID, one->sop_class_uid);
    reference.set_text(tags::kReferencedSOPInstanceUID, one->sop_instance_uid);
    references.push_back(std::move(reference));
  }
  item.set_items(tags::kReferencedSOPSequence, std::move(references));
  auto where = new_item();
  where.set_text(tags::kRetrieveURL, study_path(root, key.study_uid) + "/series/" + key.series_uid);
  item.set_items(kWadoRetrieval, {std::move(where)});
  return item;
}

void put_patient(const Index& index, const std::string& study_uid, dicom::Dataset& out) {
  for (const Tag tag : {tags::kPatientName, tags::kPatientID, tags::kPatientBirthDate, tags::kPatientSex})
    out.set_empty(tag);
  auto request = new_item();
  request.set_text(tags::kStudyInstanceUID, study_uid);
  if (const auto study = index.study(study_uid)) {
    const std::shared_lock lock{study->mutex};
    for (const Tag tag :
         {tags::kPatientName, tags::kPatientID, tags::kIssuerOfPatientID, tags::kPatientBirthDate, tags::kPatientSex}) {
      if (const auto value = study->patient.find(tag)) out.set_text(tag, *value);
    }
    request.set_text(tags::kAccessionNumber, study->attributes.value(tags::kAccessionNumber));
  }
  out.set_items(kReferencedRequest, {std::move(request)});
}

dicom::Dataset performed_item(const Analyses::Impl& analyses, const Analysis& one, const std::string& root) {
  auto item = new_item();
  item.set_items(kPerformedStationName, {dicom::code_item(own_code("NODE", "Aceso node"))});
  item.set_text(kBegan, dicom::Vr::dt,
                dicom_date_time(one.answered_s > 0 ? one.answered_s * 1'000'000 : made_us(one.id)));
  item.set_text(kFinished, dicom::Vr::dt, dicom_date_time(one.updated_us));
  item.set_items(tags::kPerformedWorkitemCodeSequence, {dicom::code_item(own_code("ANALYSE", "Analysis by a model"))});
  std::vector<dicom::Dataset> made;
  for (const auto& uid : one.results) {
    if (const auto kept = analyses.archive.store->index().find(uid)) made.push_back(instances_item({kept}, root));
  }
  item.set_items(tags::kOutputInformationSequence, std::move(made));
  return item;
}

}  // namespace

Workitem workitem_of(const Analyses::Impl& analyses, const Analysis& one, const std::string& root) {
  Workitem item{.uid = uid_of_uuid(one.id), .state = state_of(one.state), .updated_us = one.updated_us};
  auto& data = item.data;
  const auto& index = analyses.archive.store->index();
  data.set_charset(dicom::CharacterSet::utf8());
  data.set_text(tags::kSOPClassUID, kUpsPush).set_text(tags::kSOPInstanceUID, item.uid);
  put_patient(index, one.study_uid, data);
  data.set_text(tags::kStudyInstanceUID, one.study_uid);
  data.set_items(tags::kScheduledWorkitemCodeSequence, {dicom::code_item(own_code("ANALYSE", "Analysis by a model"))});
  data.set_items(kStationName, {dicom::code_item(own_code("NODE", "Aceso node"))});
  data.set_text(kStepStart, dicom::Vr::dt, dicom_date_time(made_us(one.id)));
  data.set_text(tags::kInputReadinessState, "READY");
  auto images = index.instances_of(one.study_uid, one.series_uid);
  if (!one.instance_uid.empty())
    std::erase_if(images, [&](const InstancePtr& image) { return image->sop_instance_uid != one.instance_uid; });
  std::vector<dicom::Dataset> inputs;
  if (!images.empty()) inputs.push_back(instances_item(images, root));
  data.set_items(tags::kInputInformationSequence, std::move(inputs));
  data.set_text(tags::kProcedureStepState, to_string(item.state));
  data.set_text(tags::kScheduledProcedureStepPriority, "MEDIUM");
  data.set_text(tags::kWorklistLabel, "Aceso analyses");
  const std::string label = one.model.empty() ? one.rule : one.model + " (" + one.rule + ")";
  data.set_text(tags::kProcedureStepLabel, shortened(label.empty() ? "analysis" : label, kLongString));
  if (item.state == UpsState::canceled || !one.reason.empty()) {
    auto progress = new_item();
    if (item.state == UpsState::canceled) {
      progress.set_text(kCanceledAt, dicom::Vr::dt, dicom_date_time(one.updated_us));
      progress.set_text(kReason, dicom::Vr::lt, one.reason);
    } else {
      progress.set_text(tags::kProcedureStepProgressDescription, dicom::Vr::st, one.reason);
    }
    data.set_items(tags::kProcedureStepProgressInformationSequence, {std::move(progress)});
  }
  if (item.state == UpsState::completed)
    data.set_items(tags::kUnifiedProcedureStepPerformedProcedureSequence, {performed_item(analyses, one, root)});
  return item;
}

}  // namespace aceso::archive
