#include "job_table.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace aceso::store {
namespace {

constexpr std::int64_t kKeptEvents = 10'000;
constexpr std::size_t kMaxListed = 10'000;
constexpr std::string_view kJobSchema = R"sql(
CREATE TABLE job (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  input TEXT NOT NULL,
  output TEXT NOT NULL,
  error TEXT NOT NULL,
  progress TEXT NOT NULL,
  created_by TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  cancel INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL
);
CREATE INDEX job_by_state ON job (state, created_us, id);
CREATE INDEX job_by_creation ON job (created_us, id);
CREATE TABLE job_event (
  job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  sequence INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (job_id, sequence)
);
)sql";
const std::string kSelect =
    "SELECT id, kind, state, input, output, error, progress, created_by, attempt, max_attempts, created_us, "
    "updated_us, cancel FROM job";
constexpr std::array kStates{JobState::queued, JobState::running, JobState::succeeded, JobState::failed,
                             JobState::cancelled};

std::int64_t microseconds(UtcTime time) {
  return time.time_since_epoch().count();
}
UtcTime utc(std::int64_t us) {
  return UtcTime{std::chrono::microseconds{us}};
}

JobState state_of(std::string_view text) {
  for (const JobState state : kStates) {
    if (to_string(state) == text) return state;
  }
  return JobState::failed;  // the table's CHECK leaves no other text
}

Job job_of(const Row& row) {
  Job job;
  job.id = row.text(0);
  job.kind = row.text(1);
  job.state = state_of(row.text(2));
  job.input_json = row.text(3);
  job.output_json = row.text(4);
  job.error = row.text(5);
  job.progress_json = row.text(6);
  job.created_by = row.text(7);
  job.attempt = static_cast<int>(row.integer(8));
  job.max_attempts = static_cast<int>(row.integer(9));
  job.created = utc(row.integer(10));
  job.updated = utc(row.integer(11));
  return job;
}

Status append_event(Transaction& tx, std::string_view id, UtcTime time, const std::string& json) {
  const std::string key{id};
  ACESO_TRY(const auto rows, tx.query("SELECT coalesce(max(sequence), 0) FROM job_event WHERE job_id = ?1", {key}));
  const std::int64_t sequence = rows.at(0).integer(0) + 1;
  ACESO_TRY([[maybe_unused]] const auto added,
            tx.execute("INSERT INTO job_event (job_id, sequence, time_us, json) VALUES (?1, ?2, ?3, ?4)",
                       {key, sequence, microseconds(time), json}));
  if (sequence > kKeptEvents) {
    ACESO_TRY([[maybe_unused]] const auto dropped,
              tx.execute("DELETE FROM job_event WHERE job_id = ?1 AND sequence <= ?2", {key, sequence - kKeptEvents}));
  }
  return {};
}

std::string state_event(const Job& job) {
  Json event{{"type", "state"}, {"state", to_string(job.state)}, {"attempt", job.attempt}};
  if (!job.error.empty()) event["error"] = job.error;
  return dump_json(event);
}

Status forget_old(Transaction& tx, std::size_t max_ended) {
  constexpr const char* kOldest =
      "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state IN ('succeeded', 'failed', 'cancelled') "
      "ORDER BY created_us DESC, id DESC LIMIT 100 OFFSET ?1)";
  ACESO_TRY([[maybe_unused]] const auto forgotten, tx.execute(kOldest, {static_cast<std::int64_t>(max_ended)}));
  return {};
}

}  // namespace

std::string_view to_string(JobState state) noexcept {
  switch (state) {
    case JobState::queued:
      return "queued";
    case JobState::running:
      return "running";
    case JobState::succeeded:
      return "succeeded";
    case JobState::failed:
      return "failed";
    case JobState::cancelled:
      return "cancelled";
  }
  return "failed";
}

bool has_ended(JobState state) noexcept {
  return state != JobState::queued && state != JobState::running;
}

std::vector<Migration> JobQueue::migrations(int first_number) {
  return {{first_number, kJobSchema}};
}

Status JobTable::insert(const Job& job, std::size_t max_queued, std::size_t max_ended) {
  return catalogue_.write([&](Transaction& tx) -> Status {
    ACESO_TRY(const auto waiting, tx.query("SELECT count(*) FROM job WHERE state = 'queued'"));
    if (waiting.at(0).integer(0) >= static_cast<std::int64_t>(max_queued)) {
      return Error{Code::exhausted, "the job queue is full (" + std::to_string(max_queued) + ")"};
    }
    ACESO_TRY_OK(forget_old(tx, max_ended));
    ACESO_TRY([[maybe_unused]] const auto added,
              tx.execute("INSERT INTO job VALUES (?1, ?2, ?3, ?4, '', '', '', ?5, 0, ?6, 0, ?7, ?7)",
                         {job.id, job.kind, std::string{to_string(job.state)}, job.input_json, job.created_by,
                          std::int64_t{job.max_attempts}, microseconds(job.created)}));
    return append_event(tx, job.id, job.created, state_event(job));
  });
}

Result<Job> JobTable::get(std::string_view id) const {
  ACESO_TRY(const auto rows, catalogue_.query(kSelect + " WHERE id = ?1", {std::string{id}}));
  if (rows.empty()) return Error{Code::not_found, "no such job"};
  return job_of(rows[0]);
}

Result<std::vector<Job>> JobTable::list(std::optional<JobState> state, std::size_t limit) const {
  const auto most = static_cast<std::int64_t>(std::min(limit, kMaxListed));
  const std::string filter = state ? " WHERE state = '" + std::string{to_string(*state)} + "'" : std::string{};
  ACESO_TRY(const auto rows,
            catalogue_.query(kSelect + filter + " ORDER BY created_us DESC, id DESC LIMIT ?1", {most}));
  std::vector<Job> jobs;
  jobs.reserve(rows.size());
  for (const Row& row : rows) jobs.push_back(job_of(row));
  return jobs;
}

Result<std::vector<JobEvent>> JobTable::events(std::string_view id, std::int64_t after, std::size_t limit) const {
  const auto most = static_cast<std::int64_t>(std::min(limit, kMaxListed));
  ACESO_TRY(const auto rows, catalogue_.query("SELECT sequence, time_us, json FROM job_event WHERE job_id = ?1 AND "
                                              "sequence > ?2 ORDER BY sequence LIMIT ?3",
                                              {std::string{id}, after, most}));
  if (rows.empty()) {
    ACESO_TRY([[maybe_unused]] const Job known, get(id));
  }
  std::vector<JobEvent> events;
  events.reserve(rows.size());
  for (const Row& row : rows) events.push_back({row.integer(0), utc(row.integer(1)), row.text(2)});
  return events;
}

Result<bool> JobTable::move(const Job& job, JobState from) {
  bool moved = false;
  ACESO_TRY_OK(catalogue_.write([&](Transaction& tx) -> Status {
    ACESO_TRY(
        const std::int64_t changed,
        tx.execute("UPDATE job SET state = ?3, attempt = ?4, output = ?5, error = ?6, progress = ?7, "
                   "updated_us = ?8 WHERE id = ?1 AND state = ?2",
                   {job.id, std::string{to_string(from)}, std::string{to_string(job.state)}, std::int64_t{job.attempt},
                    job.output_json, job.error, job.progress_json, microseconds(job.updated)}));
    moved = changed == 1;
    return moved ? append_event(tx, job.id, job.updated, state_event(job)) : Status{};
  }));
  return moved;
}

Status JobTable::keep_progress(const Job& job) {
  return catalogue_.execute("UPDATE job SET progress = ?2, updated_us = ?3 WHERE id = ?1",
                            {job.id, job.progress_json, microseconds(job.updated)});
}

Status JobTable::add_event(std::string_view id, UtcTime time, const std::string& json) {
  return catalogue_.write([&](Transaction& tx) { return append_event(tx, id, time, json); });
}

Status JobTable::note_cancel(std::string_view id) {
  return catalogue_.execute("UPDATE job SET cancel = 1 WHERE id = ?1 AND state = 'running'", {std::string{id}});
}

Result<std::vector<JobTable::Unfinished>> JobTable::unfinished() const {
  ACESO_TRY(const auto rows,
            catalogue_.query(kSelect + " WHERE state IN ('queued', 'running') ORDER BY created_us, id"));
  std::vector<Unfinished> jobs;
  jobs.reserve(rows.size());
  for (const Row& row : rows) jobs.push_back({job_of(row), row.integer(12) != 0});
  return jobs;
}

}  // namespace aceso::store
