#include "orthanc_ids.hpp"

#include <algorithm>
#include <mutex>

#include "aceso/crypto/sha1.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::size_t kIdGroup = 8;  // hexadecimal digits between hyphens
constexpr std::size_t kIdLength = 44;

OrthancId orthanc_hash(const std::string& text) {
  return {crypto::sha1(crypto::as_bytes(text))};
}

std::string joined_by_bar(std::string_view first, std::initializer_list<std::string_view> rest) {
  std::string out{first};
  for (const auto part : rest) (out += '|') += part;
  return out;
}

}  // namespace

OrthancId orthanc_id(std::string_view patient_id) {
  return orthanc_hash(std::string{patient_id});
}
OrthancId orthanc_id(std::string_view patient_id, std::string_view study_uid) {
  return orthanc_hash(joined_by_bar(patient_id, {study_uid}));
}
OrthancId orthanc_id(std::string_view patient_id, std::string_view study_uid, std::string_view series_uid) {
  return orthanc_hash(joined_by_bar(patient_id, {study_uid, series_uid}));
}
OrthancId orthanc_id(std::string_view patient_id, const Instance& instance) {
  return orthanc_hash(
      joined_by_bar(patient_id, {instance.key->study_uid, instance.key->series_uid, instance.sop_instance_uid}));
}

std::string to_string(const OrthancId& id) {
  const std::string digits = crypto::to_hex(id.bytes);
  std::string out;
  for (std::size_t at = 0; at < digits.size(); at += kIdGroup) out += (at > 0 ? "-" : "") + digits.substr(at, kIdGroup);
  return out;
}

std::optional<OrthancId> parse_orthanc_id(std::string_view text) {
  if (text.size() != kIdLength) return std::nullopt;
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % (kIdGroup + 1) != kIdGroup) {
      digits += text[i];
    } else if (text[i] != '-') {
      return std::nullopt;
    }
  }
  const auto bytes = crypto::from_hex(digits);
  OrthancId id;
  if (!bytes || bytes->size() != id.bytes.size()) return std::nullopt;
  std::ranges::copy(*bytes, id.bytes.begin());
  return id;
}

std::string patient_id_of(const Study& study) {
  const std::shared_lock lock{study.mutex};
  return std::string{study.patient.value(tags::kPatientID)};
}

void OrthancIds::ensure() {
  {
    const std::shared_lock lock{mutex_};
    if (made_) return;
  }
  const std::unique_lock lock{mutex_};
  if (made_) return;
  index_.each_study([&](const StudyPtr& study) {
    add_study(study);
    return true;
  });
  made_ = true;
}

void OrthancIds::add_study(const StudyPtr& study) {
  const auto all = index_.instances_of(study->uid);
  if (all.empty()) return;
  auto& of = by_study_[study->uid];
  of.patient_id = patient_id_of(*study);
  studies_.emplace(orthanc_id(of.patient_id, study->uid), study->uid);
  auto& patient = patients_[orthanc_id(of.patient_id)];
  patient.id = of.patient_id;
  ++patient.studies;
  for (const auto& one : all) add_instance(of, one);
}

void OrthancIds::add_instance(OfStudy& of, const InstancePtr& instance) {
  const auto id = orthanc_id(of.patient_id, *instance);
  if (instances_.insert_or_assign(id, instance).second) of.instances.push_back(id);
  const auto series = orthanc_id(of.patient_id, instance->key->study_uid, instance->key->series_uid);
  if (series_.emplace(series, instance->key).second) of.series.push_back(series);
}

void OrthancIds::forget_study(std::string_view study_uid) {
  const auto found = by_study_.find(std::string{study_uid});
  if (found == by_study_.end()) return;
  for (const auto& id : found->second.instances) instances_.erase(id);
  for (const auto& id : found->second.series) series_.erase(id);
  studies_.erase(orthanc_id(found->second.patient_id, study_uid));
  if (const auto patient = patients_.find(orthanc_id(found->second.patient_id));
      patient != patients_.end() && --patient->second.studies == 0)
    patients_.erase(patient);
  by_study_.erase(found);
}

void OrthancIds::stored(std::string_view study_uid, std::string_view sop_instance_uid) {
  const std::unique_lock lock{mutex_};
  if (!made_) return;
  const auto study = index_.study(study_uid);
  const auto instance = index_.find(sop_instance_uid);
  if (!study || !instance) return;  // deleted meanwhile: removed() comes, or came
  const auto found = by_study_.find(study->uid);
  if (found != by_study_.end() && found->second.patient_id == patient_id_of(*study))
    return add_instance(found->second, instance);
  forget_study(study_uid);  // its first objects came without a Patient ID: everything is called otherwise now
  add_study(study);
}

void OrthancIds::removed(std::string_view study_uid) {
  const std::unique_lock lock{mutex_};
  if (!made_) return;
  forget_study(study_uid);
  if (const auto study = index_.study(study_uid)) add_study(study);
}

std::optional<std::string> OrthancIds::patient(const OrthancId& id) {
  ensure();
  const std::shared_lock lock{mutex_};
  const auto found = patients_.find(id);
  return found == patients_.end() ? std::nullopt : std::optional{found->second.id};
}

StudyPtr OrthancIds::study(const OrthancId& id) {
  ensure();
  const std::shared_lock lock{mutex_};
  const auto found = studies_.find(id);
  return found == studies_.end() ? nullptr : index_.study(found->second);
}

std::shared_ptr<const SeriesKey> OrthancIds::series(const OrthancId& id) {
  ensure();
  const std::shared_lock lock{mutex_};
  const auto found = series_.find(id);
  return found == series_.end() ? nullptr : found->second;
}

InstancePtr OrthancIds::instance(const OrthancId& id) {
  ensure();
  const std::shared_lock lock{mutex_};
  const auto found = instances_.find(id);
  return found == instances_.end() ? nullptr : found->second;
}

bool OrthancIds::exists(QueryLevel level, const OrthancId& id) {
  switch (level) {
    case QueryLevel::patient:
      return patient(id).has_value();
    case QueryLevel::study:
      return study(id) != nullptr;
    case QueryLevel::series:
      return series(id) != nullptr;
    case QueryLevel::image:
      return instance(id) != nullptr;
  }
  return false;
}

template <class Map>
std::vector<OrthancId> OrthancIds::page(const Map& map, std::size_t since, std::size_t limit) {
  std::vector<OrthancId> out;
  if (since >= map.size()) return out;
  limit = std::min(limit, map.size() - since);
  out.reserve(limit);
  for (auto at = std::next(map.begin(), static_cast<std::ptrdiff_t>(since)); out.size() < limit; ++at)
    out.push_back(at->first);
  return out;
}

std::vector<OrthancId> OrthancIds::list(QueryLevel level, std::size_t since, std::size_t limit) {
  ensure();
  const std::shared_lock lock{mutex_};
  switch (level) {
    case QueryLevel::patient:
      return page(patients_, since, limit);
    case QueryLevel::study:
      return page(studies_, since, limit);
    case QueryLevel::series:
      return page(series_, since, limit);
    case QueryLevel::image:
      return page(instances_, since, limit);
  }
  return {};
}

std::size_t OrthancIds::patients() {
  ensure();
  const std::shared_lock lock{mutex_};
  return patients_.size();
}

}  // namespace aceso::archive
