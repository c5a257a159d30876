// The index of studies, series and instances: in memory, rebuilt at start. Readers hold one study's lock, or the lock
// of the list of studies, for moments; nobody waits for a disk under either.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "entry.hpp"

namespace aceso::archive {

struct SeriesKey {
  std::string study_uid;
  std::string series_uid;
};

// Immutable once in the index.
struct Instance {
  std::shared_ptr<const SeriesKey> key;  // shared by the instances of a series
  std::string sop_instance_uid;
  std::string_view sop_class_uid;        // kept by the index as long as it lives
  std::string_view transfer_syntax_uid;  //
  store::RecordRef record;
  std::uint64_t file_bytes = 0;
  std::uint64_t data_set_offset = 0;
  std::int64_t received_us = 0;
  std::int64_t number = 0;  // Instance Number, 0 without one
  Attributes image;
  std::string frames;
};
using InstancePtr = std::shared_ptr<const Instance>;  // shared by the index and whoever reads the object

struct Series {
  std::shared_ptr<const SeriesKey> key;
  Attributes attributes;
  std::vector<InstancePtr> instances;  // by Instance Number, then UID
};

struct Study {
  std::string uid;
  std::string order;  // key of the list of studies
  Attributes patient;
  Attributes attributes;
  std::map<std::string, Series, std::less<>> series;
  std::size_t instances = 0;
  std::int64_t last_received_us = 0;
  bool gone = false;                // taken out of the list while somebody looked at it
  mutable std::shared_mutex mutex;  // of all above but uid and order
};
using StudyPtr = std::shared_ptr<Study>;  // shared by the index and whoever looks at it

struct IndexTotals {
  std::uint64_t studies = 0, series = 0, instances = 0, bytes = 0;
};

// Thread-safe.
class Index {
 public:
  // False when there is an instance with this UID. `new_study` says that it is the first of its study.
  bool add(const Entry& entry, const store::RecordRef& record, bool* new_study = nullptr);
  bool remove(const InstancePtr& instance);  // false: it is not there any more

  InstancePtr find(std::string_view sop_instance_uid) const;
  StudyPtr study(std::string_view uid) const;  // null: not there
  // Newest study date first, in a stable order, until visit returns false. What is stored meanwhile may or may not be
  // among them.
  void each_study(const std::function<bool(const StudyPtr&)>& visit) const;
  // Candidates in order: all with this value, and those that came without one.
  std::vector<StudyPtr> of_patient(std::string_view patient_id) const;
  std::vector<StudyPtr> of_accession(std::string_view accession) const;
  // In order; of all series when `series_uid` is empty.
  std::vector<InstancePtr> instances_of(std::string_view study_uid, std::string_view series_uid = {}) const;
  IndexTotals totals() const noexcept;

 private:
  static constexpr std::size_t kShards = 64;
  struct Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<std::string_view, InstancePtr> instances;  // keys view the instance's own UID
  };
  Shard& shard(std::string_view uid) const noexcept { return shards_[std::hash<std::string_view>{}(uid) % kShards]; }
  StudyPtr study_for(const Entry& entry, bool& made);
  void drop_if_empty(const StudyPtr& study);
  std::string_view intern(std::string_view text);
  using ByValue = std::multimap<std::string, StudyPtr, std::less<>>;
  static std::vector<StudyPtr> all_of(const ByValue& map, std::string_view value);

  mutable std::array<Shard, kShards> shards_;
  mutable std::shared_mutex studies_mutex_;
  std::unordered_map<std::string_view, StudyPtr> by_uid_;  // keys view the study's own UID
  std::map<std::string, StudyPtr, std::less<>> by_order_;
  ByValue by_patient_;
  ByValue by_accession_;
  std::mutex interned_mutex_;
  std::unordered_set<std::string> interned_;
  std::atomic<std::uint64_t> series_{0}, instances_{0}, bytes_{0};
};

}  // namespace aceso::archive
