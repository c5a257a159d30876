#include "object_store.hpp"

#include <algorithm>

namespace aceso::archive {
namespace {

constexpr std::size_t kCompareBytes = std::size_t{64} << 10;

}  // namespace

// One thread at a time commits under a UID.
class ObjectStore::Reservation {
 public:
  Reservation(ObjectStore& store, const std::string& uid) : store_{store}, uid_{uid} {
    std::unique_lock lock{store_.mutex_};
    store_.released_.wait(lock, [&] { return !store_.committing_.contains(uid_); });
    store_.committing_.insert(uid_);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    {
      const std::lock_guard lock{store_.mutex_};
      store_.committing_.erase(uid_);
    }
    store_.released_.notify_all();
  }

 private:
  ObjectStore& store_;
  const std::string& uid_;
};

Result<std::unique_ptr<ObjectStore>> ObjectStore::open(const std::filesystem::path& folder,
                                                       const ObjectLog::Options& options, const Clock& clock,
                                                       const Logger& logger) {
  std::unique_ptr<ObjectStore> store{new ObjectStore};
  store->clock_ = &clock;
  store->each_ = options.sync == store::SyncMode::each;
  ACESO_TRY(store->log_, ObjectLog::open(folder, options, clock, logger,
                                         [&index = store->index_](const Entry& entry, const store::RecordRef& record) {
                                           index.add(entry, record);
                                         }));
  return store;
}

Result<Stored> ObjectStore::commit(store::SegmentedLog::Writer& writer, const Entry& entry) {
  const Reservation mine{*this, entry.sop_instance_uid};
  ACESO_TRY(const auto record, log_->commit(writer, entry));
  Stored stored;
  if (index_.add(entry, record, &stored.new_study)) {
    stored.instance = index_.find(entry.sop_instance_uid);
    if (!stored.instance) return Error{Code::conflict, "the object was deleted while it was stored"};
    return stored;
  }
  // Another sender was first with this UID, after the look at the beginning.
  stored.instance = index_.find(entry.sop_instance_uid);
  const auto same = stored.instance ? same_data_set(*stored.instance, entry, record) : Result<bool>{false};
  ACESO_TRY_OK(log_->remove({.removed_us = entry.received_us, .records = {record.at}}));
  ACESO_TRY(const bool equal, same);
  if (!equal) return Error{Code::exists, "other bytes are kept under this SOP Instance UID"};
  stored.duplicate = true;
  return stored;
}

Result<bool> ObjectStore::same_data_set(const Instance& kept, const Entry& entry,
                                        const store::RecordRef& record) const {
  const std::uint64_t length = entry.file_bytes - entry.data_set_offset;
  if (kept.file_bytes - kept.data_set_offset != length) return false;
  std::vector<std::byte> a(kCompareBytes);
  std::vector<std::byte> b(kCompareBytes);
  for (std::uint64_t at = 0; at < length; at += kCompareBytes) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(kCompareBytes, length - at));
    ACESO_TRY_OK(read(kept, kept.data_set_offset + at, std::span{a}.first(n)));
    ACESO_TRY_OK(log_->read(record, entry.data_set_offset + at, std::span{b}.first(n)));
    if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin())) return false;
  }
  return true;
}

Result<std::size_t> ObjectStore::remove(const std::vector<InstancePtr>& instances) {
  Removal removal{
      .removed_us =
          std::chrono::duration_cast<std::chrono::microseconds>(clock_->utc_now().time_since_epoch()).count()};
  for (const auto& instance : instances) removal.records.push_back(instance->record.at);
  if (removal.records.empty()) return std::size_t{0};
  ACESO_TRY_OK(log_->remove(removal));
  std::size_t removed = 0;
  for (const auto& instance : instances) removed += index_.remove(instance) ? 1U : 0U;
  return removed;
}

Status ObjectStore::read(const Instance& instance, std::uint64_t from, std::span<std::byte> out) const {
  if (from > instance.file_bytes || out.size() > instance.file_bytes - from)
    return Error{Code::invalid, "the range lies outside the object"};
  return log_->read(instance.record, from, out);
}

Result<std::vector<std::byte>> ObjectStore::read_all(const Instance& instance, std::uint64_t limit) const {
  if (instance.file_bytes > limit) return Error{Code::too_large, "the object is larger than may be read at once"};
  std::vector<std::byte> out(static_cast<std::size_t>(instance.file_bytes));
  ACESO_TRY_OK(read(instance, 0, out));
  return out;
}

}  // namespace aceso::archive
