#include "segmented_log.hpp"

#include <algorithm>

#include "stream_writer.hpp"

namespace aceso::store {
namespace {

constexpr std::size_t kMaxBatch = 256;
constexpr std::size_t kOpenSegments = 64;
// Above it a sync costs what its bytes cost: zeros would only be written twice (docs/adr/0105).
constexpr std::uint64_t kLargestGroupWithZeros = std::uint64_t{128} << 10;

}  // namespace

// Exclusive use of the active segment.
class SegmentedLogImpl::Turn {
 public:
  explicit Turn(SegmentedLogImpl& log) : log_{log} {
    std::unique_lock lock{log_.turn_mutex_};
    log_.turn_ended_.wait(lock, [&] { return !log_.turn_taken_; });
    log_.turn_taken_ = true;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    const std::lock_guard lock{log_.turn_mutex_};
    log_.turn_taken_ = false;
    log_.turn_ended_.notify_all();
  }

 private:
  SegmentedLogImpl& log_;
};

SegmentedLogImpl::~SegmentedLogImpl() {
  if (window_thread_.joinable()) {
    window_thread_.request_stop();
    window_thread_.join();
  }
  close();
}

// Group commit: whoever finds the turn free takes it and writes for all who wait.
Result<RecordRef> SegmentedLogImpl::append(std::span<const std::byte> record) {
  Pending mine{.record = record};
  std::unique_lock lock{turn_mutex_};
  queue_.push_back(&mine);  // as long as there are threads that wait here
  while (!mine.done) {
    if (turn_taken_) {
      turn_ended_.wait(lock);
      continue;
    }
    turn_taken_ = true;
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), kMaxBatch));
    const std::vector<Pending*> batch(queue_.begin(), queue_.begin() + count);
    queue_.erase(queue_.begin(), queue_.begin() + count);
    lock.unlock();
    write_batch(batch);
    lock.lock();
    for (Pending* item : batch) item->done = true;
    turn_taken_ = false;
    turn_ended_.notify_all();
  }
  if (!mine.status) return std::move(mine.status).error();
  return mine.ref;
}

void SegmentedLogImpl::write_batch(const std::vector<Pending*>& batch) {
  std::vector<Pending*> group;  // written and not yet committed
  std::uint64_t good_end = active_ ? active_->end() : 0;
  std::uint64_t good_records = active_ ? active_->records() : 0;
  for (Pending* item : batch) {
    if (failed_) {
      item->status = *failed_;
      continue;
    }
    const bool fits =
        active_ && !must_rotate_ &&
        (active_->records() == 0 ||
         active_->end() + record_size(item->record.size(), active_->encrypted()) <= options_.segment_bytes);
    if (!fits) {
      commit_group(group, good_end, good_records);
      if (item->status = make_room(item->record.size()); !item->status) continue;
      good_end = active_->end();
      good_records = active_->records();
    }
    item->ref = {{active_->number(), active_->end()}, item->record.size()};
    group.push_back(item);
    if (const Status put = active_->put_record(item->record); !put) {
      item->status = put;
      commit_group(group, good_end, good_records);
      good_end = active_->end();
      good_records = active_->records();
    }
  }
  commit_group(group, good_end, good_records);
}

// A new active segment, unless there is one with room.
Status SegmentedLogImpl::make_room(std::uint64_t length) {
  if (failed_) return *failed_;
  if (active_ && !must_rotate_ &&
      (active_->records() == 0 ||
       active_->end() + record_size(length, active_->encrypted()) <= options_.segment_bytes)) {
    return {};
  }
  if (active_) ACESO_TRY_OK(seal_active());
  ACESO_TRY(auto part, make_part());
  if (const Status published = part->publish(folder_, last_number_ + 1, clock_.utc_now(), SegmentFile::As::active);
      !published) {
    return published.error().code() == Code::exhausted ? published : fail_for_good(published.error());
  }
  active_ = std::move(part);
  must_rotate_ = false;
  ++last_number_;
  publish_end(last_number_, active_->end());
  return {};
}

// Brings the group to disk and answers it; when that fails, nothing of it stays.
void SegmentedLogImpl::commit_group(std::vector<Pending*>& group, std::uint64_t good_end, std::uint64_t good_records) {
  if (group.empty()) return;
  Status status = failed_ ? Status{*failed_} : Status{};
  for (const Pending* item : group) {
    if (status.ok()) status = item->status;
  }
  if (status.ok()) status = active_->flush();
  if (!status.ok() && !failed_) {
    if (const Status back = roll_back(good_end, good_records); !back) status = back;
  }
  if (status.ok() && options_.sync == SyncMode::each) {
    if (active_->flushed() - good_end <= kLargestGroupWithZeros)
      active_->write_ahead(options_.ahead_bytes, options_.segment_bytes);
    status = sync_active();
  }
  if (status.ok()) {
    publish_end(active_->number(), active_->end());
    const std::lock_guard lock{turn_mutex_};
    unsynced_ = active_->synced() < active_->end();
    if (unsynced_) unsynced_or_stopping_.notify_all();
  }
  for (Pending* item : group) item->status = status;
  group.clear();
}

// After a write that failed (a full disk). What was written at an offset of an encrypted segment used up its nonces:
// such a segment is not continued.
Status SegmentedLogImpl::roll_back(std::uint64_t end, std::uint64_t records) {
  must_rotate_ = must_rotate_ || active_->encrypted();
  if (const Status back = active_->cut_to(end, records); !back) return fail_for_good(back.error());
  return {};
}

Status SegmentedLogImpl::seal_active() {
  if (failed_) return *failed_;
  ACESO_TRY_OK(sync_active());  // the seal says that everything before it was on disk
  const std::uint64_t end = active_->end();
  Status sealed = active_->put_seal();
  if (sealed.ok()) sealed = active_->flush();
  if (sealed.ok()) sealed = active_->trim();  // a sealed segment ends with its seal
  if (!sealed.ok()) {
    ACESO_TRY_OK(roll_back(end, active_->records()));
    return sealed;
  }
  ACESO_TRY_OK(sync_active());
  publish_end(active_->number(), active_->end());
  active_.reset();
  must_rotate_ = false;
  return {};
}

Status SegmentedLogImpl::sync_active() {
  if (failed_) return *failed_;
  if (!active_ || active_->synced() == active_->flushed()) return {};
  if (const Status synced = sync_file(*active_); !synced) return fail_for_good(synced.error());
  active_->mark_synced(active_->flushed());
  return {};
}

Status SegmentedLogImpl::sync_file(SegmentFile& file) {
  const std::lock_guard lock{sync_mutex_};
  if (sync_failed_) return *sync_failed_;
  Status done = file.sync_data();
  if (!done) sync_failed_ = done.error();
  return done;
}

// After a failed fsync the kernel may have dropped the pages: a later one that succeeds proves nothing.
Status SegmentedLogImpl::fail_for_good(const Error& why) {
  failed_.emplace(Code::unavailable, "the log takes no more records until it is opened again: " + why.message());
  logger_.error("log failed", *failed_);
  return *failed_;
}

Result<std::unique_ptr<SegmentedLog::Writer>> SegmentedLogImpl::begin() {
  return std::unique_ptr<Writer>{std::make_unique<StreamWriter>(*this)};
}

Result<std::unique_ptr<SegmentFile>> SegmentedLogImpl::make_part() {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock{index_mutex_};
    number = ++parts_;
  }
  return SegmentFile::create_part(ops_, folder_ / ("new-" + std::to_string(number) + ".part"), options_.key);
}

// A part file that holds one large record becomes the next segment, sealed.
Result<RecordRef> SegmentedLogImpl::adopt(SegmentFile& part, std::uint64_t length) {
  ACESO_TRY_OK(part.flush());
  ACESO_TRY_OK(part.sync());  // the long part of the work needs no turn
  const Turn turn{*this};
  if (failed_) return *failed_;
  if (active_) ACESO_TRY_OK(seal_active());
  const std::uint32_t number = last_number_ + 1;
  if (Status published = part.publish(folder_, number, clock_.utc_now(), SegmentFile::As::sealed); !published) {
    if (published.error().code() == Code::exhausted) return std::move(published).error();
    return fail_for_good(published.error()).error();
  }
  ++last_number_;
  publish_end(number, part.end());
  return RecordRef{{number, kSegmentHeaderSize}, length};
}

// Writers go on while the disk works: in window mode it always works. A segment that is sealed meanwhile is on disk
// before its seal is; what was published is never cut off, so `end` stays good.
Status SegmentedLogImpl::sync() {
  std::shared_ptr<SegmentFile> file;
  std::uint64_t end = 0;
  {
    const Turn turn{*this};
    if (failed_) return *failed_;
    file = active_;
    if (file) end = file->flushed();
    if (!file || file->synced() == end) {
      const std::lock_guard lock{turn_mutex_};
      unsynced_ = false;
      return {};
    }
  }
  const Status synced = sync_file(*file);
  const Turn turn{*this};
  if (failed_) return *failed_;
  if (!synced) return fail_for_good(synced.error());
  file->mark_synced(end);
  const std::lock_guard lock{turn_mutex_};
  unsynced_ = active_ && active_->synced() < active_->flushed();
  return {};
}

void SegmentedLogImpl::sync_each_window(const std::stop_token& stop) {
  for (;;) {
    {
      std::unique_lock lock{turn_mutex_};
      if (!unsynced_or_stopping_.wait(lock, stop, [&] { return unsynced_; })) return;
    }
    clock_.sleep_until(clock_.steady_now() + std::chrono::milliseconds{options_.window_ms}, stop);
    if (!sync().ok()) return;  // the log has failed and says so itself
  }
}

// In order: plain segments get a checkpoint, so that damage before it is told from a torn tail; encrypted ones, which
// are never continued, their seal.
void SegmentedLogImpl::close() {
  const Turn turn{*this};
  if (!active_ || failed_) return;
  if (active_->encrypted() || must_rotate_) {
    if (const Status sealed = seal_active(); !sealed) logger_.warn("log left without a seal");
    return;
  }
  if (!sync_active()) return;
  const std::uint64_t end = active_->end();
  Status marked = active_->put_checkpoint();
  if (marked.ok()) marked = active_->flush();
  if (marked.ok()) marked = active_->trim();
  if (!marked.ok()) marked = roll_back(end, active_->records());
  if (marked.ok()) marked = sync_active();
  if (!marked.ok()) logger_.warn("log left without a checkpoint");
}

void SegmentedLogImpl::publish_end(std::uint32_t number, std::uint64_t end) {
  const std::lock_guard lock{index_mutex_};
  segments_[number].end = end;
}

Result<std::pair<std::shared_ptr<Segment>, std::uint64_t>> SegmentedLogImpl::find(std::uint32_t number) const {
  const std::lock_guard lock{index_mutex_};
  const auto found = segments_.find(number);
  if (found == segments_.end()) return Error{Code::not_found, "no such segment"};
  if (!found->second.open) {
    const auto open = std::count_if(segments_.begin(), segments_.end(), [](const auto& s) { return s.second.open; });
    if (static_cast<std::size_t>(open) >= kOpenSegments) {
      for (auto& [_, entry] : segments_) entry.open.reset();
    }
    ACESO_TRY(found->second.open, Segment::open(folder_ / segment_file_name(number), number, options_.key));
  }
  return std::pair{found->second.open, found->second.end};
}

Status SegmentedLogImpl::read_range(const RecordRef& record, std::uint64_t from, std::span<std::byte> out) const {
  if (from > record.length || out.size() > record.length - from) {
    return Error{Code::invalid, "the range lies outside the record"};
  }
  ACESO_TRY(const auto found, find(record.at.segment));
  const auto& [segment, end] = found;
  ACESO_TRY(const auto header, segment->record_at(record.at.offset, end));
  if (record.at.offset >= end) return Error{Code::not_found, "there is no record at this position"};
  if (!header) return Error{Code::data_loss, "there is no good record header at this position"};
  if (header->kind != RecordKind::data || header->length != record.length) {
    return Error{Code::not_found, "there is another record at this position"};
  }
  if (out.empty() && record.length > 0) return {};
  return segment->read(*header, from, out);
}

Status SegmentedLogImpl::walk_all(LogPosition from, bool deep,
                                  const std::function<bool(const RecordRef&)>& visit) const {
  std::vector<std::uint32_t> numbers;
  {
    const std::lock_guard lock{index_mutex_};
    for (auto i = segments_.lower_bound(from.segment); i != segments_.end(); ++i) numbers.push_back(i->first);
  }
  for (const std::uint32_t number : numbers) {
    ACESO_TRY(const auto found, find(number));
    const auto& [segment, end] = found;
    const std::uint64_t first = number == from.segment ? from.offset : 0;
    ACESO_TRY(const Segment::Walk walk, segment->walk(first, end, deep, [&](const RecordHeader& header) {
      return visit({{number, header.offset}, header.length});
    }));
    if (walk.stopped) return {};
    bool good = walk.end >= end;
    if (deep && walk.sealed) {
      ACESO_TRY(const auto counted, segment->sealed_records());
      good = good && counted == walk.records;
    }
    if (!good) {
      return Error{Code::data_loss, segment_file_name(number) + ": damaged at offset " + std::to_string(walk.end)};
    }
  }
  return {};
}

Status SegmentedLogImpl::scan(LogPosition from, const std::function<bool(const RecordRef&)>& visit) const {
  return walk_all(from, false, visit);
}

Status SegmentedLogImpl::verify() const {
  return walk_all({}, true, [](const RecordRef&) { return true; });
}

LogPosition SegmentedLogImpl::end() const {
  const std::lock_guard lock{index_mutex_};
  if (segments_.empty()) return {};
  return {segments_.rbegin()->first, segments_.rbegin()->second.end};
}

}  // namespace aceso::store
