// Runs of trainings, of this node and of any program that logs with the public `mlflow` client: experiments,
// parameters, metrics, tags and artifacts, under MLflow's REST API (/api/2.0/mlflow, /api/2.0/mlflow-artifacts).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/contracts/runs.hpp"
#include "aceso/net/http.hpp"

namespace aceso::tracking {

struct Options {
  std::uint64_t max_artifact_bytes = std::uint64_t{2} << 30;
  std::int64_t max_points = 2'000'000;  // metric values of one run
  std::int64_t max_keys = 2'000;        // parameters, tags, different metrics of one run: of each
  std::size_t max_files = 10'000;       // artifacts of one run
};

// Thread-safe.
class Tracking final : public contracts::RunSink {
 public:
  struct Deps {
    const Clock& clock;
    RandomSource& random;
    Logger logger;
    contracts::AuditSink& audit;
  };
  // Opens or creates `folder` (catalogue, artifacts). Only one process may have it open: the caller holds the lock.
  static Result<std::unique_ptr<Tracking>> create(const std::filesystem::path& folder, Deps deps, Options options = {});
  ~Tracking() override;

  // Reading needs the scope jobs:read, everything else jobs:write. Errors have MLflow's form: {error_code, message}.
  void register_routes(net::Router& router);

  // The node's own trainings: kept as runs that others may read and tag, and not change.
  Status begin(const contracts::TrackedRun& run) override;
  Status metrics(std::string_view run, std::span<const contracts::TrackedMetric> metrics) override;
  Status end(std::string_view run, contracts::TrackedEnd how, std::int64_t time_ms,
             const std::vector<std::pair<std::string, std::string>>& tags) override;

  struct Impl;

 private:
  explicit Tracking(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::tracking
