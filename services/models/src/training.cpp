#include "training.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/learn/applicability.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr int kPollMs = 100;
constexpr int kMaxUnreadable = 100;
constexpr std::uint64_t kMaxReport = std::uint64_t{32} << 20;
constexpr std::string_view kIntendedUse = "Research use only. Not for diagnosis.";
constexpr int kMaxRevivals = 5;      // of a worker that died, each after it had come further
constexpr std::size_t kMaxKept = 5;  // checkpoints of ended jobs
constexpr const char* kEnded = "ended";

Error died(const WorkerProcess::Exit& exit) {
  if (exit.signal == SIGKILL)
    return Error{Code::exhausted, "the training worker was killed by the system: most likely out of memory"};
  if (exit.signal != 0)
    return Error{Code::internal, "the training worker crashed with signal " + std::to_string(exit.signal)};
  return Error{Code::internal,
               "the training worker ended with status " + std::to_string(exit.code) + " and without a result"};
}

constexpr const char* kRuns = kRunsName;

// Changes whenever the worker wrote a checkpoint or kept an ended run.
std::optional<std::pair<fs::file_time_type, std::uintmax_t>> checkpoint_stamp(const fs::path& folder) {
  std::error_code ec;
  std::vector<fs::path> files{folder / kCheckpointName};
  // Scripts may keep folders there.
  for (auto entry = fs::recursive_directory_iterator{folder / kRuns, ec}; !ec && entry != fs::end(entry);
       entry.increment(ec)) {
    if (entry->is_regular_file(ec)) files.push_back(entry->path());
  }
  std::optional<std::pair<fs::file_time_type, std::uintmax_t>> stamp;
  for (const fs::path& file : files) {
    const auto time = fs::last_write_time(file, ec);
    if (ec) continue;
    const auto size = fs::file_size(file, ec);
    if (ec) continue;
    if (!stamp) stamp.emplace(time, 0);
    stamp = std::pair{std::max(stamp->first, time), stamp->second + size};
  }
  return stamp;
}

bool worth_keeping(const Error& error) {
  return error.code() != Code::invalid && error.code() != Code::conflict && error.code() != Code::data_loss;
}

}  // namespace

Actor actor_of(const Json& input, const store::Job& job) {
  Actor actor{.id = job.created_by, .name = job.created_by, .source_address = "job", .request_id = job.id};
  if (!input.is_object() || !input.contains("requested_by") || !input["requested_by"].is_object()) return actor;
  actor.name = input["requested_by"].value("name", actor.name);
  return actor;
}

Json requested_by(const Actor& actor) {
  return Json{{"id", actor.id}, {"name", actor.name}};
}

void JobProgress::update(const ProgressUpdate& update) {
  const std::scoped_lock lock{mutex_};
  const SteadyTime now = clock_.steady_now();
  const bool due = update.phase != phase_ || (update.total > 0 && update.done >= update.total) ||
                   now - last_ >= std::chrono::milliseconds{100};
  if (!due) return;
  last_ = now;
  phase_ = update.phase;
  [[maybe_unused]] const Status ignored = job_.progress(update);  // a lost update is followed by the next
}

Result<learn::TrainConfig> parse_training_config(const Json* config, const learn::ArchitectureRegistry& architectures) {
  if (config == nullptr) return learn::TrainConfig{};
  ACESO_TRY(learn::TrainConfig out, learn::parse_train_config_json(*config));
  bool known = false;
  for (const auto& [name, summary] : architectures.list()) known = known || name == out.architecture;
  if (!known) return Error{Code::invalid, "config: architecture: not one of those that /api/v1/architectures lists"};
  return out;
}

Result<Json> Training::prepare(const Json& request) const {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "training"));
  ACESO_TRY(const std::string name, reader.text("name", 64));
  ACESO_TRY_OK(check_name("name", name));
  ACESO_TRY(const std::string dataset, reader.text("dataset", 64));
  ACESO_TRY(const std::string hash, datasets_.sha256(dataset));
  ACESO_TRY(learn::TrainConfig config, parse_training_config(reader.child("config"), architectures_));
  ACESO_TRY(const std::string use, reader.text_or("intended_use", 4000, std::string{kIntendedUse}));
  ACESO_TRY(const std::string limits, reader.text_or("limitations", 4000, {}));
  ACESO_TRY(const std::string accepted, reader.text_or("accept_leakage", 500, {}));
  const Json* script = reader.child("script");
  const Json* input_limits = reader.child("limits");
  ACESO_TRY(const learn::InputLimits checked,
            learn::parse_input_limits(input_limits != nullptr ? *input_limits : Json(nullptr)));
  ACESO_TRY_OK(reader.done());
  config.options.threads = context_.options.training_threads;
  Json input{{"name", name},
             {"dataset", dataset},
             {"dataset_sha256", hash},
             {"config", learn::to_json(config)},
             {"intended_use", use},
             {"limitations", limits},
             {"accept_leakage", accepted},
             {"limits", learn::to_json(checked)}};
  if (script != nullptr && !script->is_null()) input["script"] = *script;
  return input;
}

// What is known of the worker while it runs.
struct Training::Run {
  JobRuns* runs = nullptr;  // of the job; never null while it works
  LineSplitter lines;
  int unreadable = 0;
  bool result = false;
  bool stopped_by_us = false;
  bool died = false;  // by a signal that was not ours
  std::optional<Error> error;
};

Status Training::write_job_file(const store::Job& job, const Json& input, const fs::path& folder) const {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) {
    return Error{ec == std::errc::no_space_on_device ? Code::exhausted : Code::internal,
                 "cannot make the job's folder: " + ec.message()};
  }
  const std::string dataset = input.value("dataset", std::string{});
  Json file{{"format", 1},
            {"id", job.id},
            {"kind", "train"},
            {"dataset_folder", fs::absolute(datasets_.folder(dataset)).string()},
            {"engine", context_.options.training_engine},
            {"engine_folder", context_.options.engine_folder.string()},
            {"created", time_text(context_.now_us())},
            {"created_by", actor_of(input, job).name}};
  for (const char* key : {"name", "dataset", "dataset_sha256", "config", "intended_use", "limitations", "init_file",
                          "limits", "script", "script_file", "script_interpreter"}) {
    if (input.contains(key)) file[key] = input[key];
  }
  return write_file_atomic(folder / "job.json", dump(file), {.mode = 0600, .durable = false});
}

Status Training::on_line(store::JobContext& job, Run& run, std::string_view line) const {
  if (line.empty()) return {};
  Result<WorkerMessage> message = parse_worker_line(line);
  if (!message) {  // a library's chatter on standard output
    if (++run.unreadable > kMaxUnreadable)
      return Error{Code::internal, "the training worker does not speak the protocol"};
    if (run.unreadable == 1) {
      return job.event(Json{
          {"type", "log"}, {"level", "warn"}, {"message", "the worker wrote a line that is not part of the protocol"}});
    }
    return {};
  }
  switch (message->type) {
    case WorkerMessage::Type::progress:
      return job.progress(message->progress);
    case WorkerMessage::Type::epoch:
      run.runs->epoch(message->epoch, message->trial_number);
      return job.event(epoch_json(message->epoch, message->trial_number));
    case WorkerMessage::Type::trial:
      run.runs->trial(message->trial);
      return job.event(trial_json(message->trial));
    case WorkerMessage::Type::log:
      return job.event(Json{{"type", "log"}, {"level", message->level}, {"message", message->text}});
    case WorkerMessage::Type::result:
      run.result = true;
      return {};
    case WorkerMessage::Type::error:
      if (!run.error) run.error.emplace(message->code, message->text);
      return {};
  }
  return {};
}

// Reads until the worker closes its output, stops are asked for, or it does what it must not.
Status Training::pump(store::JobContext& job, WorkerProcess& worker, Run& run) const {
  std::array<std::byte, 16384> buffer;
  SteadyTime last_sign = context_.clock.steady_now();
  while (!worker.closed()) {
    if (job.stop().stop_requested()) {
      run.stopped_by_us = true;
      return {};
    }
    ACESO_TRY(const std::size_t n, worker.read(buffer, kPollMs));
    const SteadyTime now = context_.clock.steady_now();
    if (n > 0) {
      last_sign = now;
      Status handled;
      ACESO_TRY_OK(run.lines.feed(std::span{buffer}.first(n), [&](std::string_view line) {
        if (handled) handled = on_line(job, run, line);
      }));
      ACESO_TRY_OK(handled);
    } else if (context_.options.worker_silence_ms > 0 &&
               now - last_sign > std::chrono::milliseconds{context_.options.worker_silence_ms}) {
      return Error{Code::internal, "the training worker gave no sign of life for " +
                                       std::to_string(context_.options.worker_silence_ms / 1000) + " s"};
    }
  }
  return {};
}

// SIGTERM, a grace period in which the worker's last words are still read, SIGKILL. Then what the end means.
Status Training::finish(store::JobContext& job, WorkerProcess& worker, Run& run) const {
  const auto grace = static_cast<int>(context_.options.worker_grace_ms);
  if (!worker.closed() || run.error) worker.terminate();
  auto exit = worker.wait(grace);
  if (!exit) {
    worker.kill();
    exit = worker.wait(60'000);
  }
  if (!exit) return Error{Code::internal, "the training worker cannot be ended"};
  if (run.stopped_by_us) return Error{Code::cancelled, job.cancelled() ? "cancelled" : "the node is shutting down"};
  if (run.error) return *run.error;
  if (exit->signal != 0 || exit->code != 0 || !run.result) {
    if (!exit->stderr_tail.empty())
      context_.log.warn("worker.stderr", {{"job", job.job().id}, {"tail", exit->stderr_tail}});
    run.died = exit->signal != 0;
    return died(*exit);
  }
  return {};
}

// Figures on samples that training has seen mean nothing: such a dataset needs a reason, which goes into the report.
Status Training::refuse_leaks(store::JobContext& job, Json& input) const {
  JobProgress progress{job, context_.clock};
  ACESO_TRY(const Json check, datasets_.leakage(input.value("dataset", std::string{}), progress, job.stop()));
  const Json& leakage = check.at("leakage");
  if (leakage.value("verdict", "") != "leak") return {};
  const std::string found = std::to_string(leakage.value("affected", 0)) + " of " +
                            std::to_string(leakage.value("held_out", 0)) +
                            " samples held out have a twin or a patient in another split";
  const std::string reason = input.value("accept_leakage", std::string{});
  if (reason.empty()) {
    return Error{Code::precondition, "the dataset leaks: " + found +
                                         ". Split it anew (aceso dataset split), or accept it with a reason "
                                         "(accept_leakage), which the report will show"};
  }
  std::string limits = input.value("limitations", std::string{});
  if (!limits.empty()) limits += "\n";
  input["limitations"] = limits + "The dataset leaks: " + found + ". Accepted by who started the training: " + reason;
  return {};
}

Result<Json> Training::run(store::JobContext& job) {
  ACESO_TRY(Json input, parse_own(job.job().input_json));
  return run(job, std::move(input));
}

Result<Json> Training::run(store::JobContext& job, Json input) {
  const auto answer = [](const ModelVersion& v) {
    return Json{{"model", v.name},
                {"version", v.version},
                {"id", v.bundle},
                {"auroc", v.auroc ? Json(*v.auroc) : Json(nullptr)}};
  };
  if (const auto made = registry_.of_job(job.job().id)) return answer(*made);  // registered before a crash
  const fs::path folder = folder_of(job.job().id);
  JobRuns runs{context_, job.job(), input};
  Result<Json> done = [&]() -> Result<Json> {
    ACESO_TRY_OK(refuse_leaks(job, input));
    ACESO_TRY_OK(take_over(job, input, folder));
    ACESO_TRY_OK(write_job_file(job.job(), input, folder));
    ACESO_TRY_OK(work(job, folder, runs));
    return register_result(input, job.job(), folder);
  }();
  leave(job, folder, done);
  runs.end(done, !done && done.error().code() == Code::cancelled && !job.cancelled());
  return done;
}

fs::path Training::folder_of(std::string_view job) const {
  return context_.folder / "jobs" / job;
}

// A folder is there when an earlier attempt was cut off; of it the checkpoint alone counts. A job that resumes another
// takes that one's.
Status Training::take_over(store::JobContext& job, const Json& input, const fs::path& folder) const {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator{folder, ec}) {
    std::error_code ignored;
    const fs::path name = entry.path().filename();
    if (name != kCheckpointName && name != kRuns) fs::remove_all(entry.path(), ignored);
  }
  const std::string from = input.value("resume_of", std::string{});
  if (from.empty() || checkpoint_stamp(folder)) return {};
  fs::create_directories(folder, ec);
  if (!checkpoint_stamp(folder_of(from))) return Error{Code::not_found, "the checkpoint of the job to resume is gone"};
  for (const char* part : {kRuns, kCheckpointName}) {
    if (!fs::exists(folder_of(from) / part, ec)) continue;
    fs::rename(folder_of(from) / part, folder / part, ec);
    if (ec) return Error{Code::internal, "the checkpoint of the job to resume cannot be taken over: " + ec.message()};
  }
  fs::remove_all(folder_of(from), ec);
  return job.event(Json{{"type", "log"}, {"level", "info"}, {"message", "goes on from the checkpoint of job " + from}});
}

// Workers until one ends by itself. One that was killed or crashed after it had come further is followed by another.
Status Training::work(store::JobContext& job, const fs::path& folder, JobRuns& runs) const {
  for (int revival = 0;; ++revival) {
    const auto before = checkpoint_stamp(folder);
    ACESO_TRY(const auto worker, workers_.launch(folder));
    Run run;
    run.runs = &runs;
    const Status pumped = pump(job, *worker, run);
    if (!pumped && !run.error) run.error = pumped.error();  // finish() ends the worker
    Status finished = finish(job, *worker, run);
    if (finished || !run.died || revival == kMaxRevivals || checkpoint_stamp(folder) == before) return finished;
    context_.log.warn("worker.revived", {{"job", job.job().id}, {"reason", finished.error().message()}});
    ACESO_TRY_OK(job.event(Json{{"type", "log"},
                                {"level", "warn"},
                                {"message", finished.error().message() + "; going on from its last checkpoint"}}));
  }
}

// What stays: nothing after a success; a checkpoint that can be resumed otherwise, the latest few of ended jobs.
void Training::leave(store::JobContext& job, const fs::path& folder, const Result<Json>& done) const {
  std::error_code ec;
  if (!done && done.error().code() == Code::cancelled && !job.cancelled()) {  // the node stops: the job runs again
    fs::remove_all(folder / "bundle", ec);
    return;
  }
  if (done || !worth_keeping(done.error()) || !checkpoint_stamp(folder)) {
    fs::remove_all(folder, ec);
    return;
  }
  fs::remove_all(folder / "bundle", ec);
  [[maybe_unused]] const Status marked = write_file_atomic(folder / kEnded, std::string_view{}, {.durable = false});
  std::vector<std::pair<fs::file_time_type, fs::path>> kept;
  for (const auto& entry : fs::directory_iterator{context_.folder / "jobs", ec}) {
    const auto stamp = checkpoint_stamp(entry.path());
    if (stamp && fs::exists(entry.path() / kEnded, ec)) kept.emplace_back(stamp->first, entry.path());
  }
  std::sort(kept.rbegin(), kept.rend());
  for (std::size_t i = kMaxKept; i < kept.size(); ++i) fs::remove_all(kept[i].second, ec);
}

Result<Json> Training::resume(const store::Job& job) const {
  if (job.kind != "train") return Error{Code::invalid, "resume: not a training job"};
  if (job.state == store::JobState::succeeded) return Error{Code::precondition, "resume: the job has succeeded"};
  if (job.state == store::JobState::queued || job.state == store::JobState::running)
    return Error{Code::precondition, "resume: the job has not ended"};
  if (!checkpoint_stamp(folder_of(job.id)))
    return Error{Code::not_found, "resume: the job left no checkpoint; train again from the start"};
  ACESO_TRY(Json input, parse_own(job.input_json));
  ACESO_TRY(const std::string hash, datasets_.sha256(input.value("dataset", std::string{})));
  if (hash != input.value("dataset_sha256", std::string{}))
    return Error{Code::conflict, "resume: the data set changed since the job was made"};
  input["resume_of"] = job.id;
  return input;
}

Result<Json> Training::register_result(const Json& input, const store::Job& job, const fs::path& folder) {
  const std::string name = input.value("name", std::string{});
  ACESO_TRY(learn::Bundle bundle,
            learn::read_bundle(folder / "bundle", nullptr));  // hashes; the worker's signature means nothing
  if (bundle.card.name != name) return Error{Code::internal, "the worker's bundle is not for this model"};
  ACESO_TRY(const std::string report, read_text_file(folder / "bundle" / "evidence" / "report.html", kMaxReport));
  ACESO_TRY(const ModelVersion v, registry_.add(actor_of(input, job), name, std::move(bundle), report, job.id));
  return Json{
      {"model", v.name}, {"version", v.version}, {"id", v.bundle}, {"auroc", v.auroc ? Json(*v.auroc) : Json(nullptr)}};
}

}  // namespace aceso::models
