#include "orthanc_changes.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "aceso/crypto/sha1.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

// kind: 0 to 3 are a new patient, study, series, instance, 4 to 7 the same become stable. study: which study's row it
// is, so that rows of what was deleted can be found.
constexpr std::string_view kChangeTables = R"(
CREATE TABLE change (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,
  resource BLOB NOT NULL,
  study BLOB NOT NULL,
  at BIGINT NOT NULL
);
CREATE UNIQUE INDEX change_new ON change (kind, resource) WHERE kind < 4;
CREATE INDEX change_by_study ON change (study);
CREATE INDEX change_stable ON change (resource, kind) WHERE kind > 3;
)";
constexpr int kStable = 4;
constexpr std::int64_t kRescan = 24LL * 3600 * 1'000'000;  // before the newest change: what a crash may have lost
constexpr std::size_t kBatchOfNotes = 5000;

int kind_of(QueryLevel level, bool stable) noexcept {
  return static_cast<int>(level) + (stable ? kStable : 0);
}

store::Blob blob_of(const OrthancId& id) {
  return {id.bytes.begin(), id.bytes.end()};
}

store::Blob study_mark(std::string_view study_uid) {
  const auto digest = crypto::sha1(crypto::as_bytes(study_uid));
  return {digest.begin(), digest.begin() + 8};
}

}  // namespace

Result<std::unique_ptr<OrthancChanges>> OrthancChanges::open(const std::filesystem::path& folder, const Clock& clock,
                                                             const Logger& logger, const Index& index,
                                                             std::chrono::milliseconds stable_after) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec) return Error{Code::internal, "cannot create the folder of changes: " + ec.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  std::unique_ptr<OrthancChanges> out{new OrthancChanges{clock, logger, index, stable_after}};
  ACESO_TRY(out->catalogue_, store::open_sqlite(folder / "changes.sqlite", {{1, kChangeTables}}, logger));
  ACESO_TRY(const auto newest, out->catalogue_->query("SELECT MAX(at) FROM change"));
  out->scan_from_ = newest.empty() ? 0 : newest.front().integer(0) - kRescan;
  return out;
}

// What came since is noted again: what is there already is not written twice.
Status OrthancChanges::scan(std::int64_t from_us) {
  std::vector<InstancePtr> found;
  index_.each_study([&](const StudyPtr& study) {
    {
      const std::shared_lock lock{study->mutex};
      if (study->last_received_us < from_us) return true;
    }
    for (auto& one : index_.instances_of(study->uid)) {
      if (one->received_us >= from_us) found.push_back(std::move(one));
    }
    return true;
  });
  std::ranges::sort(found, [](const InstancePtr& a, const InstancePtr& b) {
    return std::pair{a->received_us, a->record.at} < std::pair{b->received_us, b->record.at};
  });
  for (std::size_t at = 0; at < found.size(); at += kBatchOfNotes) {
    std::deque<Note> notes;
    for (std::size_t i = at; i < std::min(at + kBatchOfNotes, found.size()); ++i)
      notes.push_back({false, found[i]->sop_instance_uid});
    ACESO_TRY_OK(write(notes));
  }
  return {};
}

void OrthancChanges::stored(std::string_view sop_instance_uid) {
  const std::lock_guard lock{mutex_};
  if (notes_.size() >= kMaxNoted) {
    overflow_ = true;  // the index is looked through instead
    return;
  }
  notes_.push_back({false, std::string{sop_instance_uid}});
}

void OrthancChanges::removed(std::string_view study_uid) {
  const std::lock_guard lock{mutex_};
  notes_.push_back({true, std::string{study_uid}});  // rare: not bounded by themselves, but each was a request
}

Status OrthancChanges::settle() {
  const std::lock_guard one_at_a_time{settle_mutex_};
  std::deque<Note> notes;
  bool overflow = false;
  {
    const std::lock_guard lock{mutex_};
    notes.swap(notes_);
    overflow = std::exchange(overflow_, false);
  }
  if (overflow) scan_from_ = 0;
  Status written = write(notes);
  if (written.ok() && scan_from_) written = scan(*scan_from_);
  if (!written) {
    const std::lock_guard lock{mutex_};
    notes_.insert(notes_.begin(), notes.begin(), notes.end());
    return written;
  }
  scan_from_.reset();
  return note_stable();
}

Status OrthancChanges::write(const std::deque<Note>& notes) {
  if (notes.empty()) return {};
  std::map<Resource, Growing> grown;
  const Status written = catalogue_->write([&](store::Transaction& transaction) -> Status {
    for (const auto& note : notes) {
      if (note.gone) {
        ACESO_TRY_OK(forget_gone(transaction, note.uid, grown));
      } else if (const auto instance = index_.find(note.uid)) {
        ACESO_TRY_OK(note_new(transaction, instance, grown));
      }
    }
    return {};
  });
  ACESO_TRY_OK(written);
  for (const auto& [resource, growing] : grown) growing_[resource] = growing;  // now that their rows are there
  return {};
}

Status OrthancChanges::note_new(store::Transaction& transaction, const InstancePtr& instance,
                                std::map<Resource, Growing>& grown) {
  const auto study = index_.study(instance->key->study_uid);
  if (!study) return {};
  const auto patient = patient_id_of(*study);
  const auto mark = study_mark(study->uid);
  // The order in which Orthanc tells it: from the instance up.
  const std::array<Resource, 4> all{
      Resource{QueryLevel::image, orthanc_id(patient, *instance)},
      Resource{QueryLevel::series, orthanc_id(patient, study->uid, instance->key->series_uid)},
      Resource{QueryLevel::study, orthanc_id(patient, study->uid)}, Resource{QueryLevel::patient, orthanc_id(patient)}};
  for (const auto& resource : all) {
    if (grown.contains(resource) || growing_.contains(resource)) continue;  // its row is there
    const auto& [level, id] = resource;
    ACESO_TRY(const auto rows,
              transaction.execute(
                  "INSERT INTO change (kind, resource, study, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                  {std::int64_t{kind_of(level, false)}, blob_of(id), mark, instance->received_us}));
    if (level == QueryLevel::image && rows == 0) break;  // known, and all above it
  }
  const auto now = clock_.steady_now();
  for (const auto& resource : all) {
    if (resource.first == QueryLevel::image) continue;
    const auto before = growing_.find(resource);
    auto& growing = grown[resource];
    growing.last_us =
        std::max({growing.last_us, instance->received_us, before == growing_.end() ? 0 : before->second.last_us});
    growing.since = now;
  }
  return {};
}

// Rows of what the study no longer holds.
Status OrthancChanges::forget_gone(store::Transaction& transaction, const std::string& study_uid,
                                   std::map<Resource, Growing>& grown) {
  std::set<Resource> there;
  if (const auto study = index_.study(study_uid)) {
    const auto patient = patient_id_of(*study);
    there.insert({QueryLevel::patient, orthanc_id(patient)});
    there.insert({QueryLevel::study, orthanc_id(patient, study_uid)});
    for (const auto& one : index_.instances_of(study_uid)) {
      there.insert({QueryLevel::series, orthanc_id(patient, study_uid, one->key->series_uid)});
      there.insert({QueryLevel::image, orthanc_id(patient, *one)});
    }
  }
  ACESO_TRY(const auto rows,
            transaction.query("SELECT sequence, kind, resource FROM change WHERE study = ?1", {study_mark(study_uid)}));
  for (const auto& row : rows) {
    Resource resource{static_cast<QueryLevel>(row.integer(1) % kStable), {}};
    const auto bytes = row.blob(2);
    std::copy_n(bytes.begin(), std::min(bytes.size(), resource.second.bytes.size()), resource.second.bytes.begin());
    if (there.contains(resource)) continue;
    if (resource.first == QueryLevel::patient && patient_lives(resource.second)) continue;
    grown.erase(resource);
    growing_.erase(resource);
    ACESO_TRY(const auto gone, transaction.execute("DELETE FROM change WHERE sequence = ?1", {row.integer(0)}));
    (void)gone;
  }
  return {};
}

bool OrthancChanges::patient_lives(const OrthancId& id) const {
  bool found = false;
  index_.each_study([&](const StudyPtr& study) {
    found = orthanc_id(patient_id_of(*study)) == id;
    return !found;
  });
  return found;
}

Status OrthancChanges::note_stable() {
  const auto now = clock_.steady_now();
  std::vector<std::pair<Resource, Growing>> quiet;
  for (const auto& one : growing_) {
    if (now - one.second.since >= stable_after_) quiet.emplace_back(one);
  }
  if (quiet.empty()) return {};
  // As Orthanc: series before their study, the patient last.
  std::ranges::stable_sort(quiet, std::greater{}, [](const auto& one) { return one.first.first; });
  const auto at = clock_.utc_now().time_since_epoch().count();
  const Status written = catalogue_->write([&](store::Transaction& transaction) -> Status {
    for (const auto& [resource, growing] : quiet) {
      const std::int64_t kind = kind_of(resource.first, true);
      // Of the study of its "new" row. Said already of all that came: not said again after a restart.
      ACESO_TRY(const auto rows,
                transaction.execute("INSERT INTO change (kind, resource, study, at) SELECT ?1, ?2, study, ?3 FROM "
                                    "change AS c WHERE c.kind = ?4 AND c.resource = ?2 AND NOT EXISTS (SELECT 1 FROM "
                                    "change AS s WHERE s.resource = ?2 AND s.kind = ?1 AND s.at >= ?5)",
                                    {kind, blob_of(resource.second), at, kind - kStable, growing.last_us}));
      (void)rows;
    }
    return {};
  });
  ACESO_TRY_OK(written);
  for (const auto& one : quiet) growing_.erase(one.first);
  return {};
}

Result<std::vector<OrthancChange>> OrthancChanges::select(const std::string& rest, const store::SqlArgs& args) const {
  ACESO_TRY(const auto rows, catalogue_->query("SELECT sequence, kind, resource, at FROM change " + rest, args));
  std::vector<OrthancChange> out;
  for (const auto& row : rows) {
    OrthancChange change{.sequence = row.integer(0),
                         .level = static_cast<QueryLevel>(row.integer(1) % kStable),
                         .stable = row.integer(1) >= kStable,
                         .id = {},
                         .at_us = row.integer(3)};
    const auto bytes = row.blob(2);
    std::copy_n(bytes.begin(), std::min(bytes.size(), change.id.bytes.size()), change.id.bytes.begin());
    out.push_back(change);
  }
  return out;
}

Result<std::vector<OrthancChange>> OrthancChanges::after(std::int64_t since, std::size_t limit) {
  ACESO_TRY_OK(settle());
  return select("WHERE sequence > ?1 ORDER BY sequence LIMIT ?2", {since, static_cast<std::int64_t>(limit)});
}

Result<std::optional<OrthancChange>> OrthancChanges::last() {
  ACESO_TRY_OK(settle());
  ACESO_TRY(const auto found, select("ORDER BY sequence DESC LIMIT 1", {}));
  if (found.empty()) return std::optional<OrthancChange>{};
  return std::optional{found.front()};
}

bool OrthancChanges::is_stable(std::int64_t last_received_us) const {
  const auto age = clock_.utc_now().time_since_epoch() - std::chrono::microseconds{last_received_us};
  return age >= stable_after_;
}

}  // namespace aceso::archive
