// Objects on disk: a segmented log that holds each object's bytes with its trailer, and a second one that repeats the
// trailers alone, so that the index comes back without touching the objects. The first decides; the second may lag and
// is brought up at start (docs/formats/archive.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/result.hpp"
#include "aceso/store/log.hpp"
#include "entry.hpp"

namespace aceso::archive {

struct RecoveredObjects {
  std::uint64_t listed = 0;   // from the log of trailers
  std::uint64_t scanned = 0;  // found behind its end, in the objects' own log
  std::uint64_t damaged = 0;  // records without a readable trailer: kept, not indexed
};

// Thread-safe.
class ObjectLog {
 public:
  struct Options {
    store::SyncMode sync = store::SyncMode::each;
    std::int64_t window_ms = 20;
    std::uint64_t segment_bytes = std::uint64_t{256} << 20;
    std::optional<crypto::SecretKey> key = {};
  };
  using OnEntry = std::function<void(const Entry&, const store::RecordRef&)>;
  // Calls on_entry for what is there, oldest first; of removed objects nothing is told.
  static Result<std::unique_ptr<ObjectLog>> open(const std::filesystem::path& folder, const Options& options,
                                                 const Clock& clock, const Logger& logger, const OnEntry& on_entry);
  ~ObjectLog();  // notes how far the list reaches

  Result<std::unique_ptr<store::SegmentedLog::Writer>> begin() { return objects_->begin(); }
  // Appends the trailer to what was written and makes it last as Options::sync says.
  Result<store::RecordRef> commit(store::SegmentedLog::Writer& writer, const Entry& entry);
  // On disk in any mode when it returns.
  Status remove(const Removal& removal);

  Status read(const store::RecordRef& record, std::uint64_t from, std::span<std::byte> out) const {
    return objects_->read_range(record, from, out);
  }
  // What was written behind an object. Errors: data_loss, invalid.
  Result<Entry> entry(const store::RecordRef& record) const;
  Status sync() { return objects_->sync(); }
  Status verify() const { return objects_->verify(); }
  const RecoveredObjects& recovered() const noexcept { return recovered_; }

 private:
  ObjectLog() = default;
  Status recover(const Logger& logger, const OnEntry& on_entry);
  Status list(std::string_view trailer_body, const store::RecordRef& record);
  Status note(char kind, store::LogPosition at);
  void note_progress();

  std::unique_ptr<store::SegmentedLog> objects_;
  std::unique_ptr<store::SegmentedLog> entries_;
  bool each_ = true;
  RecoveredObjects recovered_;

  std::mutex pending_mutex_;
  std::multiset<store::LogPosition> pending_;  // where commits that are not listed yet may have begun
  store::LogPosition noted_;
  std::uint64_t since_note_ = 0;
};

}  // namespace aceso::archive
