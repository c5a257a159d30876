#include "object_log.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "codec.hpp"

namespace aceso::archive {
namespace {

// Records of the list: kind, position, and for an entry its length and trailer.
constexpr char kEntry = 'e';
constexpr char kCovered = 'c';  // everything before the position is listed above
constexpr char kCut = 'x';      // forget what is listed from the position on: those records never reached the disk
constexpr std::uint64_t kNoteEvery = 512;
constexpr std::uint64_t kMaxListed = std::uint64_t{65} << 20;
constexpr std::int64_t kListWindowMs = 5000;

void put_position(std::string& out, store::LogPosition at) {
  put_varint(out, at.segment);
  put_varint(out, at.offset);
}
store::LogPosition take_position(CodecReader& in) {
  const auto segment = static_cast<std::uint32_t>(in.varint());
  return {segment, in.varint()};
}

struct Listed {
  std::map<store::LogPosition, std::pair<store::RecordRef, std::string>> entries;
  store::LogPosition covered;
};

bool take_record(std::string_view bytes, Listed& all) {
  if (bytes.empty()) return false;
  CodecReader in{bytes.substr(1)};
  const auto at = take_position(in);
  if (bytes.front() == kEntry) {
    const auto length = in.varint();
    const auto trailer = in.string();
    if (!in.good()) return false;
    all.entries[at] = {store::RecordRef{at, length}, std::string{trailer}};
    return true;
  }
  if (!in.good()) return false;
  if (bytes.front() == kCovered) {
    all.covered = at;
  } else if (bytes.front() == kCut) {
    all.entries.erase(all.entries.lower_bound(at), all.entries.end());
    all.covered = std::min(all.covered, at);
  }
  return true;
}

Result<Listed> read_list(const store::SegmentedLog& log) {
  Listed all;
  Status failed;
  bool good = true;
  ACESO_TRY_OK(log.scan({}, [&](const store::RecordRef& record) {
    auto bytes = log.read(record, kMaxListed);
    if (!bytes) {
      failed = std::move(bytes).error();
      return false;
    }
    good = take_record(as_view(*bytes), all) && good;
    return true;
  }));
  ACESO_TRY_OK(std::move(failed));
  if (!good) return Error{Code::data_loss, "the archive's list of entries holds a malformed record"};
  return all;
}

}  // namespace

Result<std::unique_ptr<ObjectLog>> ObjectLog::open(const std::filesystem::path& folder, const Options& options,
                                                   const Clock& clock, const Logger& logger, const OnEntry& on_entry) {
  std::unique_ptr<ObjectLog> log{new ObjectLog};
  log->each_ = options.sync == store::SyncMode::each;
  ACESO_TRY(log->objects_, store::SegmentedLog::open(folder / "objects",
                                                     {.segment_bytes = options.segment_bytes,
                                                      .sync = options.sync,
                                                      .window_ms = options.window_ms,
                                                      .key = options.key},
                                                     clock, logger));
  // It may lag: what it lacks is read from the objects' own log.
  ACESO_TRY(log->entries_,
            store::SegmentedLog::open(folder / "entries",
                                      {.sync = store::SyncMode::window, .window_ms = kListWindowMs, .key = options.key},
                                      clock, logger));
  ACESO_TRY_OK(log->recover(logger, on_entry));
  return log;
}

ObjectLog::~ObjectLog() {
  if (!entries_ || !objects_) return;
  const auto end = objects_->end();
  if (pending_.empty() && end > noted_) (void)note(kCovered, end);
}

Status ObjectLog::recover(const Logger& logger, const OnEntry& on_entry) {
  ACESO_TRY(Listed all, read_list(*entries_));
  const auto end = objects_->end();
  recovered_.listed = all.entries.size();
  if (all.covered > end || (!all.entries.empty() && all.entries.rbegin()->first >= end)) {
    ACESO_TRY_OK(note(kCut, end));
    all.entries.erase(all.entries.lower_bound(end), all.entries.end());
    all.covered = std::min(all.covered, end);
  }
  std::vector<store::RecordRef> missing;
  ACESO_TRY_OK(objects_->scan(all.covered, [&](const store::RecordRef& record) {
    if (!all.entries.contains(record.at)) missing.push_back(record);
    return true;
  }));
  for (const auto& record : missing) {
    auto trailer = read_trailer(*objects_, record);
    if (!trailer && trailer.error().code() != Code::invalid) return std::move(trailer).error();
    if (!trailer) {
      ++recovered_.damaged;
      continue;
    }
    ++recovered_.scanned;
    ACESO_TRY_OK(list(*trailer, record));
    all.entries[record.at] = {record, *std::move(trailer)};
  }
  std::set<store::LogPosition> removed;
  std::vector<std::pair<store::RecordRef, Entry>> kept;
  for (auto& [at, listed] : all.entries) {
    auto trailer = parse_trailer(listed.second);
    listed.second = {};
    if (!trailer) {
      ++recovered_.damaged;
      continue;
    }
    if (trailer->removal) removed.insert(trailer->removal->records.begin(), trailer->removal->records.end());
    if (trailer->entry) kept.emplace_back(listed.first, *std::move(trailer->entry));
  }
  for (const auto& [record, entry] : kept) {
    if (!removed.contains(record.at)) on_entry(entry, record);
  }
  noted_ = all.covered;
  if (recovered_.damaged > 0)
    logger.error("archive.records_without_trailer", {{"count", static_cast<std::int64_t>(recovered_.damaged)}});
  return {};
}

Status ObjectLog::list(std::string_view trailer_body, const store::RecordRef& record) {
  std::string out{kEntry};
  out.reserve(trailer_body.size() + 40);
  put_position(out, record.at);
  put_varint(out, record.length);
  put_string(out, trailer_body);
  const auto done = entries_->append(std::as_bytes(std::span{out}));
  return done ? Status{} : Status{done.error()};
}

Status ObjectLog::note(char kind, store::LogPosition at) {
  std::string out{kind};
  put_position(out, at);
  const auto done = entries_->append(std::as_bytes(std::span{out}));
  return done ? Status{} : Status{done.error()};
}

// A commit lands at or behind the log's end as it was before: while none below a position is under way, everything
// below it is listed.
void ObjectLog::note_progress() {
  store::LogPosition covered;
  {
    const std::lock_guard lock{pending_mutex_};
    if (++since_note_ < kNoteEvery) return;
    covered = pending_.empty() ? objects_->end() : *pending_.begin();
    if (covered <= noted_) return;
    since_note_ = 0;
    noted_ = covered;
  }
  (void)note(kCovered, covered);  // without it the next start reads more
}

Result<store::RecordRef> ObjectLog::commit(store::SegmentedLog::Writer& writer, const Entry& entry) {
  const std::string trailer = object_trailer(entry);
  ACESO_TRY_OK(writer.write(std::as_bytes(std::span{trailer})));
  std::multiset<store::LogPosition>::iterator mine;
  {
    const std::lock_guard lock{pending_mutex_};
    mine = pending_.insert(objects_->end());
  }
  auto record = writer.commit();
  // An entry that cannot be listed now is found at the next start; but what follows must not be noted as covered.
  const bool listed =
      !record.ok() || list(std::string_view{trailer}.substr(0, trailer.size() - kTrailerEnd), *record).ok();
  {
    const std::lock_guard lock{pending_mutex_};
    if (listed) pending_.erase(mine);
  }
  note_progress();
  return record;
}

Status ObjectLog::remove(const Removal& removal) {
  const std::string trailer = removal_trailer(removal);
  std::multiset<store::LogPosition>::iterator mine;
  {
    const std::lock_guard lock{pending_mutex_};
    mine = pending_.insert(objects_->end());
  }
  auto record = objects_->append(std::as_bytes(std::span{trailer}));
  Status done = record.ok() ? Status{} : Status{record.error()};
  const bool listed =
      !record.ok() || list(std::string_view{trailer}.substr(0, trailer.size() - kTrailerEnd), *record).ok();
  {
    const std::lock_guard lock{pending_mutex_};
    if (listed) pending_.erase(mine);
  }
  ACESO_TRY_OK(std::move(done));
  return each_ ? Status{} : objects_->sync();
}

Result<Entry> ObjectLog::entry(const store::RecordRef& record) const {
  ACESO_TRY(const auto body, read_trailer(*objects_, record));
  ACESO_TRY(auto trailer, parse_trailer(body));
  if (!trailer.entry) return Error{Code::data_loss, "the record holds no object"};
  return *std::move(trailer.entry);
}

}  // namespace aceso::archive
