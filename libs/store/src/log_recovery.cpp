// What SegmentedLog::open() does: look at every segment's seal, read the last segment, cut its torn tail.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "segmented_log.hpp"

namespace aceso::store {

Status SegmentedLogImpl::lock_folder() {
  std::error_code failed;
  std::filesystem::create_directories(folder_, failed);
  if (failed) return errno_error("cannot create " + folder_.string(), failed.value());
  lock_ = OwnedFd{::open((folder_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (lock_.get() < 0) return errno_error(folder_.string(), errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{Code::conflict, folder_.string() + ": another process has this log open"};
  }
  return {};
}

// Removes part files: nothing in them was ever acknowledged.
Result<std::vector<std::uint32_t>> SegmentedLogImpl::list_segments() {
  std::vector<std::uint32_t> numbers;
  std::error_code failed;
  for (std::filesystem::directory_iterator i{folder_, failed}, none; !failed && i != none; i.increment(failed)) {
    const std::string name = i->path().filename().string();
    if (const auto number = segment_number(name)) numbers.push_back(*number);
    std::error_code ignored;
    if (name.ends_with(".part")) std::filesystem::remove(i->path(), ignored);
  }
  if (failed) return errno_error(folder_.string(), failed.value());
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] != numbers[i - 1] + 1) {
      return Error{Code::data_loss, segment_file_name(numbers[i - 1] + 1) + " is missing"};
    }
  }
  return numbers;
}

Status SegmentedLogImpl::recover() {
  ACESO_TRY_OK(lock_folder());
  ACESO_TRY(const std::vector<std::uint32_t> numbers, list_segments());
  for (const std::uint32_t number : numbers) {
    ACESO_TRY_OK(number == numbers.back() ? recover_last(number) : recover_sealed(number));
  }
  if (!numbers.empty()) last_number_ = numbers.back();
  if (options_.sync == SyncMode::window) {
    window_thread_ = std::jthread{[this](const std::stop_token& stop) { sync_each_window(stop); }};
  }
  return {};
}

Status SegmentedLogImpl::recover_sealed(std::uint32_t number) {
  const std::string name = segment_file_name(number);
  ACESO_TRY(const auto segment, Segment::open(folder_ / name, number, options_.key));
  ACESO_TRY(const auto records, segment->sealed_records());
  if (!records) return Error{Code::data_loss, name + ": its seal is missing, and there are segments after it"};
  ACESO_TRY(segments_[number].end, segment->size());
  report_.records += *records;
  return {};
}

Status SegmentedLogImpl::recover_last(std::uint32_t number) {
  const std::string name = segment_file_name(number);
  ACESO_TRY(const auto segment, Segment::open(folder_ / name, number, options_.key));
  ACESO_TRY(const std::uint64_t size, segment->size());
  ACESO_TRY(const Segment::Walk walk, segment->walk(0, size, true, [](const RecordHeader&) { return true; }));
  if (walk.end < size) {
    ACESO_TRY(const bool acknowledged, segment->was_synced_past(walk.end));
    if (acknowledged) {
      return Error{Code::data_loss, name + ": damaged at offset " + std::to_string(walk.end) +
                                        ", before records that were acknowledged"};
    }
  }
  ACESO_TRY(active_, SegmentFile::reopen(ops_, folder_ / name, number, segment->keys(), walk.end, walk.records));
  if (walk.end < size) {
    ACESO_TRY(const bool zeros, segment->is_zero_from(walk.end));
    ACESO_TRY_OK(active_->cut_to(walk.end, walk.records));
    if (!zeros) {  // zeros were written ahead: nothing was torn
      report_.cut_bytes = size - walk.end;
      report_.damaged_segment = name;
      logger_.warn("log tail cut", {{"segment", name}, {"offset", walk.end}, {"bytes", size - walk.end}});
    }
  }
  ACESO_TRY_OK(active_->sync());  // after a crash the last records may be in the page cache only
  report_.records += walk.records;
  segments_[number].end = walk.end;
  // An encrypted segment is not continued: what was cut may have used nonces that the next record would use again.
  must_rotate_ = active_->encrypted() || options_.key.has_value();
  if (walk.sealed) {
    active_.reset();
    must_rotate_ = false;
  }
  return {};
}

Result<std::unique_ptr<SegmentedLog>> open_log(const std::filesystem::path& folder, SegmentedLog::Options options,
                                               const Clock& clock, const Logger& logger, FileOps& ops) {
  auto log = std::make_unique<SegmentedLogImpl>(folder, std::move(options), clock, logger, ops);
  ACESO_TRY_OK(log->recover());
  return std::unique_ptr<SegmentedLog>{std::move(log)};
}

Result<std::unique_ptr<SegmentedLog>> SegmentedLog::open(const std::filesystem::path& folder, Options options,
                                                         const Clock& clock, const Logger& logger) {
  static FileOps system;  // has no state
  return open_log(folder, std::move(options), clock, logger, system);
}

Result<std::vector<std::byte>> SegmentedLog::read(const RecordRef& record, std::uint64_t limit) const {
  if (record.length > limit) {
    return Error{Code::too_large, "the record has " + std::to_string(record.length) + " bytes, " +
                                      std::to_string(limit) + " are allowed"};
  }
  std::vector<std::byte> out(record.length);
  ACESO_TRY_OK(read_range(record, 0, out));
  return out;
}

}  // namespace aceso::store
