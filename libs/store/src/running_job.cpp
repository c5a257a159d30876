#include "running_job.hpp"

#include <nlohmann/json.hpp>

namespace aceso::store {
namespace {

constexpr std::chrono::seconds kProgressOnDiskEvery{1};
constexpr std::size_t kMaxEventBytes = std::size_t{1} << 20;

std::string to_json(const ProgressUpdate& update) {
  Json values = Json::object();
  for (const auto& [name, value] : update.values) values[name] = value;
  Json json{{"phase", update.phase}, {"done", update.done}, {"total", update.total}, {"values", std::move(values)}};
  if (update.seconds_left >= 0) json["seconds_left"] = update.seconds_left;
  return dump_json(json);
}

}  // namespace

RunningJob::RunningJob(JobTable& table, const Clock& clock, Listener listener)
    : table_{table}, clock_{clock}, listener_{std::move(listener)} {}

void RunningJob::begin(Job job) {
  const std::lock_guard lock{mutex_};
  progress_json_ = job.progress_json;
  job_ = std::move(job);
}

void RunningJob::request_stop(bool cancel) {
  if (cancel) cancelled_ = true;
  stop_.request_stop();
}

std::string RunningJob::progress_json() const {
  const std::lock_guard lock{mutex_};
  return progress_json_;
}

// The newest progress is kept in memory at once and on disk once a second or when the phase changes: a batch takes
// milliseconds, and so does a commit.
Status RunningJob::progress(const ProgressUpdate& update) {
  std::string json = to_json(update);
  if (json.size() > kMaxEventBytes) return Error{Code::too_large, "a progress update has more than 1 MiB"};
  Job now = job_;
  now.progress_json = std::move(json);
  now.updated = clock_.utc_now();
  const SteadyTime time = clock_.steady_now();
  bool keep = false;
  {
    const std::lock_guard lock{mutex_};
    progress_json_ = now.progress_json;
    keep = !kept_ || update.phase != kept_phase_ || time - kept_at_ >= kProgressOnDiskEvery;
    if (keep) {
      kept_ = true;
      kept_phase_ = update.phase;
      kept_at_ = time;
    }
  }
  if (keep) ACESO_TRY_OK(table_.keep_progress(now));
  listener_(now);
  return {};
}

Status RunningJob::event(const Json& event) {
  const std::string json = dump_json(event);
  if (json.size() > kMaxEventBytes) return Error{Code::too_large, "a job's event has more than 1 MiB"};
  Job now = job_;
  now.progress_json = progress_json();
  now.updated = clock_.utc_now();
  ACESO_TRY_OK(table_.add_event(now.id, now.updated, json));
  listener_(now);
  return {};
}

}  // namespace aceso::store
