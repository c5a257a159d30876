// Log and index together: objects go in whole or not at all, each SOP instance UID once.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "aceso/base/clock.hpp"
#include "index.hpp"
#include "object_log.hpp"

namespace aceso::archive {

struct Stored {
  InstancePtr instance;
  bool duplicate = false;
  bool new_study = false;
};

// Thread-safe.
class ObjectStore {
 public:
  static Result<std::unique_ptr<ObjectStore>> open(const std::filesystem::path& folder,
                                                   const ObjectLog::Options& options, const Clock& clock,
                                                   const Logger& logger);

  const Index& index() const noexcept { return index_; }
  ObjectLog& log() noexcept { return *log_; }
  const ObjectLog& log() const noexcept { return *log_; }
  bool syncs_each() const noexcept { return each_; }

  Result<std::unique_ptr<store::SegmentedLog::Writer>> begin() { return log_->begin(); }
  // `writer` holds the whole file. exists: other bytes are kept under the UID.
  Result<Stored> commit(store::SegmentedLog::Writer& writer, const Entry& entry);
  // Those that are there; on disk when it returns. How many were removed.
  Result<std::size_t> remove(const std::vector<InstancePtr>& instances);

  // [from, from + out.size()) of the part 10 file. Errors: invalid, data_loss.
  Status read(const Instance& instance, std::uint64_t from, std::span<std::byte> out) const;
  // Errors: too_large.
  Result<std::vector<std::byte>> read_all(const Instance& instance, std::uint64_t limit) const;

 private:
  ObjectStore() = default;
  class Reservation;
  Result<bool> same_data_set(const Instance& kept, const Entry& entry, const store::RecordRef& record) const;

  Index index_;
  std::unique_ptr<ObjectLog> log_;
  const Clock* clock_ = nullptr;
  bool each_ = true;
  std::mutex mutex_;
  std::condition_variable released_;
  std::unordered_set<std::string> committing_;  // SOP instance UIDs: as many as threads that commit
};

}  // namespace aceso::archive
