// The parts of the service put together; routes and calls go through it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "aceso/learn/network.hpp"
#include "aceso/store/blobs.hpp"
#include "aceso/store/jobs.hpp"
#include "approvals.hpp"
#include "context.hpp"
#include "datasets.hpp"
#include "evaluation_jobs.hpp"
#include "explanation.hpp"
#include "feedback.hpp"
#include "improvement.hpp"
#include "job_events.hpp"
#include "labelling.hpp"
#include "predictions.hpp"
#include "recalls.hpp"
#include "registry.hpp"
#include "review.hpp"
#include "serving.hpp"
#include "training.hpp"
#include "truths.hpp"
#include "watch.hpp"
#include "watch_drill.hpp"

namespace aceso::models {

std::vector<store::Migration> catalogue_migrations();  // the service's own and those of its job queue

struct Models::Impl {
  Impl(Deps deps, Options options, std::filesystem::path folder);

  Status open();
  void register_handlers();
  Result<Json> run_archive_import(store::JobContext& job);                     // archive_import.cpp
  Result<Json> submit(const Actor& actor, std::string_view kind, Json input);  // audited; answers {"job": ...}
  // A version that goes live in a node that serves is in memory before it is asked, and one that cannot be loaded does
  // not go live.
  Result<Json> promote(const Actor& actor, std::string_view name, int version, std::string_view stage);
  Status in_use(std::string_view dataset) const;  // conflict when a waiting or running job names it
  Result<std::vector<store::Job>> unfinished() const;
  Status check_no_labelling_job(std::string_view project) const;  // conflict: one makes its dataset
  // Prepared, and its job submitted: the project is "finishing" only while there is such a job.
  Result<Json> finish_labelling(const Actor& actor, std::string_view project, const Json& request);
  Status recover_labelling(std::string_view project);  // "finishing" without a job goes back to "adjudication"

  // A request repeated with its Idempotency-Key gets the first answer. `act` runs at most once at a time for a key;
  // `recall` turns what was kept into an answer.
  Result<Json> once(const Actor& actor, std::string_view key, const std::string& request,
                    const std::function<Result<std::pair<Json, std::string>>()>& act,
                    const std::function<Result<Json>(const std::string&)>& recall);

  crypto::SigningKey key;
  EngineProvider& engines;
  Context context;
  std::optional<crypto::SecretKey> blob_key;
  learn::ArchitectureRegistry architectures;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<store::BlobStore> blobs;
  DatasetStore datasets;
  Registry registry;
  Serving serving;
  Training training;
  Watch watch;
  Approvals approvals;
  Recalls recalls;
  std::function<void()> recalled;
  const contracts::ObjectSource* archive = nullptr;
  const contracts::MarkSource* marks = nullptr;
  std::unique_ptr<store::JobQueue> jobs;
  std::unique_ptr<PredictionService> predictions;
  std::unique_ptr<Truths> truths;
  std::unique_ptr<Feedback> feedback;
  std::unique_ptr<Improvement> improvement;
  std::unique_ptr<WatchDrill> drills;
  const contracts::Accounts* accounts = nullptr;
  std::unique_ptr<Labelling> labelling;
  std::mutex finish_mutex;  // from a project's check to its job
  std::unique_ptr<EvaluationJobs> evaluation;
  WorkerLauncher* explainers = nullptr;
  std::unique_ptr<ExplanationJobs> explanation;
  std::unique_ptr<JobEvents> events;
  std::atomic<bool> started{false};
  std::mutex once_mutex;  // guards running_keys
  std::set<std::string> running_keys;
};

}  // namespace aceso::models
