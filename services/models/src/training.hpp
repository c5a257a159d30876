// Training jobs: from a request to a job, and from a job to a worker, its events and a registered bundle.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/learn/network.hpp"
#include "aceso/learn/trainer.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "datasets.hpp"
#include "job_runs.hpp"
#include "registry.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {

// {architecture, epochs, batch, learning_rate, seed, flip, patience, image_size, channels, optimiser, weight_decay}:
// every field may be absent. invalid names the field.
Result<learn::TrainConfig> parse_training_config(const Json* config, const learn::ArchitectureRegistry& architectures);

// Thread-safe.
class Training {
 public:
  Training(const Context& context, DatasetStore& datasets, Registry& registry, WorkerLauncher& workers,
           const learn::ArchitectureRegistry& architectures)
      : context_{context}, datasets_{datasets}, registry_{registry}, workers_{workers}, architectures_{architectures} {}

  // The job's input from {name, dataset, config?, intended_use?, limitations?, accept_leakage?, script?}: checked,
  // defaults filled in.
  Result<Json> prepare(const Json& request) const;
  // Finds the weights that the input's configuration asks to start from: a model of the registry, or, for the operator
  // at this machine only, a file (an absolute path). denied, not_found, precondition.
  Status resolve_start(const Actor& actor, Json& input) const;
  // Of a training by a user's script: that the operator at this machine asks, and what the file is. denied, not_found,
  // invalid.
  Status resolve_script(const Actor& actor, Json& input) const;
  // The input of a job that goes on where this ended one stopped. precondition: it succeeded or has not ended;
  // not_found: no checkpoint.
  Result<Json> resume(const store::Job& job) const;
  // Runs one job to its end, in its folder jobs/<id>. A worker that dies goes on from its checkpoint, and so does a job
  // whose node died. The folder is removed afterwards, but for the checkpoint of a job that failed or was cancelled.
  Result<Json> run(store::JobContext& job);
  // The same within a job of another kind; `input` as prepare() and resolve_start() made it.
  Result<Json> run(store::JobContext& job, Json input);

 private:
  struct Run;
  Status refuse_leaks(store::JobContext& job, Json& input) const;
  std::filesystem::path folder_of(std::string_view job) const;
  Status take_over(store::JobContext& job, const Json& input, const std::filesystem::path& folder) const;
  Status work(store::JobContext& job, const std::filesystem::path& folder, JobRuns& runs) const;
  void leave(store::JobContext& job, const std::filesystem::path& folder, const Result<Json>& done) const;
  Status write_job_file(const store::Job& job, const Json& input, const std::filesystem::path& folder) const;
  Status pump(store::JobContext& job, WorkerProcess& worker, Run& run) const;
  Status on_line(store::JobContext& job, Run& run, std::string_view line) const;
  Status finish(store::JobContext& job, WorkerProcess& worker, Run& run) const;
  Result<Json> register_result(const Json& input, const store::Job& job, const std::filesystem::path& folder);

  const Context& context_;
  DatasetStore& datasets_;
  Registry& registry_;
  WorkerLauncher& workers_;
  const learn::ArchitectureRegistry& architectures_;
};

// denied: only the operator at this machine may run programs on it.
Status check_operator(const Actor& actor);
// The actor that a job's input names: {"requested_by":{"id","name","address"}}.
Actor actor_of(const Json& input, const store::Job& job);
Json requested_by(const Actor& actor);

// Hands ProgressUpdates of a running job on, at most ten a second.
class JobProgress final : public ProgressSink {
 public:
  JobProgress(store::JobContext& job, const Clock& clock) : job_{job}, clock_{clock} {}
  void update(const ProgressUpdate& update) override;
  void finish(std::string_view) override {}

 private:
  store::JobContext& job_;
  const Clock& clock_;
  std::mutex mutex_;
  SteadyTime last_{};
  std::string phase_;
};

}  // namespace aceso::models
