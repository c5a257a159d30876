// The log: an index of segments for readers, one segment that is written, and turns in which writers write it.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "aceso/store/log.hpp"
#include "segment.hpp"
#include "segment_file.hpp"

namespace aceso::store {

// SegmentedLog::open() with the system calls of `ops`, which must outlive the log.
Result<std::unique_ptr<SegmentedLog>> open_log(const std::filesystem::path& folder, SegmentedLog::Options options,
                                               const Clock& clock, const Logger& logger, FileOps& ops);

class SegmentedLogImpl final : public SegmentedLog {
 public:
  SegmentedLogImpl(std::filesystem::path folder, Options options, const Clock& clock, const Logger& logger,
                   FileOps& ops)
      : folder_{std::move(folder)}, options_{std::move(options)}, clock_{clock}, logger_{logger}, ops_{ops} {}
  ~SegmentedLogImpl() override;
  Status recover();  // once, before anything else

  Result<RecordRef> append(std::span<const std::byte> record) override;
  Result<std::unique_ptr<Writer>> begin() override;
  Status read_range(const RecordRef& record, std::uint64_t from, std::span<std::byte> out) const override;
  Status scan(LogPosition from, const std::function<bool(const RecordRef&)>& visit) const override;
  Status sync() override;
  Status verify() const override;
  const RecoveryReport& recovery() const override { return report_; }
  LogPosition end() const override;

  // For the streaming writer.
  Result<std::unique_ptr<SegmentFile>> make_part();
  Result<RecordRef> adopt(SegmentFile& part, std::uint64_t length);

 private:
  struct Pending {
    std::span<const std::byte> record;
    RecordRef ref = {};
    Status status = {};
    bool done = false;
  };
  struct Entry {
    std::uint64_t end = 0;               // what readers may see
    std::shared_ptr<Segment> open = {};  // shared: readers go on with a segment that the cache has dropped
  };
  class Turn;

  // recovery.cpp
  Status lock_folder();
  Result<std::vector<std::uint32_t>> list_segments();
  Status recover_sealed(std::uint32_t number);
  Status recover_last(std::uint32_t number);
  Status cut(const std::shared_ptr<Segment>& segment, std::uint64_t from, std::uint64_t to);

  // In a turn only.
  void write_batch(const std::vector<Pending*>& batch);
  Status make_room(std::uint64_t length);
  void commit_group(std::vector<Pending*>& group, std::uint64_t good_end, std::uint64_t good_records);
  Status seal_active();
  Status sync_active();
  Status sync_file(SegmentFile& file);  // with or without a turn
  Status roll_back(std::uint64_t end, std::uint64_t records);
  Status fail_for_good(const Error& why);
  void close();

  void sync_each_window(const std::stop_token& stop);
  void publish_end(std::uint32_t number, std::uint64_t end);
  Result<std::pair<std::shared_ptr<Segment>, std::uint64_t>> find(std::uint32_t number) const;
  Status walk_all(LogPosition from, bool deep, const std::function<bool(const RecordRef&)>& visit) const;

  const std::filesystem::path folder_;
  const Options options_;
  const Clock& clock_;
  Logger logger_;
  FileOps& ops_;
  OwnedFd lock_;
  RecoveryReport report_;

  mutable std::mutex index_mutex_;
  mutable std::map<std::uint32_t, Entry> segments_;

  std::mutex turn_mutex_;
  std::condition_variable turn_ended_;
  std::condition_variable_any unsynced_or_stopping_;
  bool turn_taken_ = false;
  bool unsynced_ = false;  // window mode: written and not yet synced
  std::deque<Pending*> queue_;
  std::uint64_t parts_ = 0;

  // One fdatasync at a time: the kernel tells of a failed write once, and whoever syncs next would hear of success.
  std::mutex sync_mutex_;
  std::optional<Error> sync_failed_;

  // Of whoever has the turn.
  std::shared_ptr<SegmentFile> active_;  // shared with a sync that is under way while others write on
  std::uint32_t last_number_ = 0;
  bool must_rotate_ = false;     // the active segment takes no more records
  std::optional<Error> failed_;  // after a failed fsync: for good

  std::jthread window_thread_;
};

}  // namespace aceso::store
