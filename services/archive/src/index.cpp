#include "index.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::size_t kBatch = 256;  // studies taken from the list under one lock

// Sorts newest first: digits are turned round, what has no date comes last.
std::string order_key(const Entry& entry) {
  std::string key;
  const auto append = [&](std::string_view value, std::size_t digits) {
    std::size_t n = 0;
    for (const char c : value) {
      if (c >= '0' && c <= '9' && n < digits) {
        key.push_back(static_cast<char>('9' - (c - '0')));
        ++n;
      }
    }
    key.append(digits - n, '~');
  };
  append(entry.study.value(tags::kStudyDate), 8);
  append(entry.study.value(tags::kStudyTime), 6);
  return key + entry.study_uid;
}

std::int64_t instance_number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool before(const InstancePtr& a, const InstancePtr& b) {
  return std::tie(a->number, a->sop_instance_uid) < std::tie(b->number, b->sop_instance_uid);
}

void forget(auto& map, std::string_view value, const StudyPtr& study) {
  const auto [first, last] = map.equal_range(value);
  for (auto at = first; at != last; ++at) {
    if (at->second == study) {
      map.erase(at);
      return;
    }
  }
}

}  // namespace

std::string_view Index::intern(std::string_view text) {
  const std::lock_guard lock{interned_mutex_};
  return *interned_.emplace(text).first;
}

StudyPtr Index::study_for(const Entry& entry, bool& made) {
  {
    const std::shared_lock lock{studies_mutex_};
    if (const auto found = by_uid_.find(entry.study_uid); found != by_uid_.end()) return found->second;
  }
  const std::unique_lock lock{studies_mutex_};
  if (const auto found = by_uid_.find(entry.study_uid); found != by_uid_.end()) return found->second;
  auto study = std::make_shared<Study>();
  study->uid = entry.study_uid;
  study->order = order_key(entry);
  study->patient = entry.patient;
  study->attributes = entry.study;
  by_uid_.emplace(study->uid, study);
  by_order_.emplace(study->order, study);
  by_patient_.emplace(entry.patient.value(tags::kPatientID), study);
  by_accession_.emplace(entry.study.value(tags::kAccessionNumber), study);
  made = true;
  return study;
}

bool Index::add(const Entry& entry, const store::RecordRef& record, bool* new_study) {
  auto instance = std::make_shared<Instance>();
  instance->sop_instance_uid = entry.sop_instance_uid;
  instance->sop_class_uid = intern(entry.sop_class_uid);
  instance->transfer_syntax_uid = intern(entry.transfer_syntax_uid);
  instance->record = record;
  instance->file_bytes = entry.file_bytes;
  instance->data_set_offset = entry.data_set_offset;
  instance->received_us = entry.received_us;
  instance->number = instance_number(entry.image.value(tags::kInstanceNumber));
  instance->image = entry.image;
  instance->frames = entry.frames;
  for (;;) {
    bool made = false;
    const StudyPtr study = study_for(entry, made);
    const std::unique_lock in_study{study->mutex};
    if (study->gone) continue;  // its last instance was just removed: a new one takes its place
    auto found = study->series.find(entry.series_uid);
    instance->key = found != study->series.end()
                        ? found->second.key
                        : std::make_shared<const SeriesKey>(SeriesKey{entry.study_uid, entry.series_uid});
    {
      Shard& home = shard(instance->sop_instance_uid);
      const std::unique_lock in_shard{home.mutex};
      if (!home.instances.emplace(instance->sop_instance_uid, instance).second) return false;
    }
    if (found == study->series.end()) {
      found = study->series.emplace(entry.series_uid, Series{instance->key, entry.series, {}}).first;
      ++series_;
    } else {
      found->second.attributes.fill_from(entry.series);
    }
    study->patient.fill_from(entry.patient);
    study->attributes.fill_from(entry.study);
    auto& list = found->second.instances;
    const InstancePtr kept = instance;
    list.insert(std::upper_bound(list.begin(), list.end(), kept, before), kept);
    ++study->instances;
    study->last_received_us = std::max(study->last_received_us, entry.received_us);
    ++instances_;
    bytes_ += entry.file_bytes;
    if (new_study != nullptr) *new_study = made;
    return true;
  }
}

bool Index::remove(const InstancePtr& instance) {
  const StudyPtr study = this->study(instance->key->study_uid);
  if (!study) return false;
  bool empty = false;
  {
    const std::unique_lock lock{study->mutex};
    {
      Shard& home = shard(instance->sop_instance_uid);
      const std::unique_lock in_shard{home.mutex};
      const auto found = home.instances.find(instance->sop_instance_uid);
      if (found == home.instances.end() || found->second != instance) return false;
      home.instances.erase(found);
    }
    const auto series = study->series.find(instance->key->series_uid);
    if (series != study->series.end()) {
      if (std::erase(series->second.instances, instance) > 0) {
        --study->instances;
        --instances_;
        bytes_ -= instance->file_bytes;
      }
      if (series->second.instances.empty()) {
        study->series.erase(series);
        --series_;
      }
    }
    empty = study->series.empty();
  }
  if (empty) drop_if_empty(study);
  return true;
}

void Index::drop_if_empty(const StudyPtr& study) {
  const std::unique_lock list{studies_mutex_};
  const std::unique_lock lock{study->mutex};
  if (!study->series.empty() || study->gone) return;
  study->gone = true;
  by_uid_.erase(study->uid);
  by_order_.erase(study->order);
  // The keys were those of the first instance: filled attributes were empty then.
  const auto everywhere = [&](ByValue& map, std::string_view value) {
    forget(map, value, study);
    forget(map, "", study);
  };
  everywhere(by_patient_, study->patient.value(tags::kPatientID));
  everywhere(by_accession_, study->attributes.value(tags::kAccessionNumber));
}

InstancePtr Index::find(std::string_view sop_instance_uid) const {
  const Shard& home = shard(sop_instance_uid);
  const std::shared_lock lock{home.mutex};
  const auto found = home.instances.find(sop_instance_uid);
  return found == home.instances.end() ? nullptr : found->second;
}

StudyPtr Index::study(std::string_view uid) const {
  const std::shared_lock lock{studies_mutex_};
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : found->second;
}

void Index::each_study(const std::function<bool(const StudyPtr&)>& visit) const {
  std::string after;
  std::vector<StudyPtr> batch;
  batch.reserve(kBatch);
  for (;;) {
    batch.clear();
    {
      const std::shared_lock lock{studies_mutex_};
      for (auto at = by_order_.upper_bound(after); at != by_order_.end() && batch.size() < kBatch; ++at)
        batch.push_back(at->second);
    }
    for (const auto& study : batch) {
      if (!visit(study)) return;
    }
    if (batch.size() < kBatch) return;
    after = batch.back()->order;
  }
}

std::vector<StudyPtr> Index::all_of(const ByValue& map, std::string_view value) {
  std::vector<StudyPtr> out;
  const auto take = [&](std::string_view key) {
    const auto [first, last] = map.equal_range(key);
    for (auto at = first; at != last; ++at) out.push_back(at->second);
  };
  take(value);
  if (!value.empty()) take({});  // the first instance of such a study had no value, a later one may have
  std::ranges::sort(out, {}, [](const StudyPtr& study) -> const std::string& { return study->order; });
  return out;
}

std::vector<StudyPtr> Index::of_patient(std::string_view patient_id) const {
  const std::shared_lock lock{studies_mutex_};
  return all_of(by_patient_, patient_id);
}
std::vector<StudyPtr> Index::of_accession(std::string_view accession) const {
  const std::shared_lock lock{studies_mutex_};
  return all_of(by_accession_, accession);
}

std::vector<InstancePtr> Index::instances_of(std::string_view study_uid, std::string_view series_uid) const {
  std::vector<InstancePtr> out;
  const auto found = study(study_uid);
  if (!found) return out;
  const std::shared_lock lock{found->mutex};
  for (const auto& [uid, series] : found->series) {
    if (series_uid.empty() || uid == series_uid)
      out.insert(out.end(), series.instances.begin(), series.instances.end());
  }
  return out;
}

IndexTotals Index::totals() const noexcept {
  std::uint64_t studies = 0;
  {
    const std::shared_lock lock{studies_mutex_};
    studies = by_uid_.size();
  }
  return {studies, series_.load(), instances_.load(), bytes_.load()};
}

}  // namespace aceso::archive
