// The calls of MLflow's REST API on this service's tables: JSON in, JSON out, errors as values.
// https://mlflow.org/docs/latest/rest-api.html
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/store/catalogue.hpp"
#include "aceso/tracking/tracking.hpp"

namespace aceso::tracking {

struct Caller {
  std::string id, name, source_address = "local", request_id = {};
};

struct RunInfo {
  std::string id, name, user, status, stage;
  std::int64_t experiment = 0, start_ms = 0, points = 0;
  std::optional<std::int64_t> end_ms;
  bool own = false;  // the node's: only the node changes it
};

// Thread-safe.
class Mlflow {
 public:
  Mlflow(const Tracking::Deps& deps, const Options& options, store::Catalogue& catalogue)
      : deps_{deps}, options_{options}, catalogue_{catalogue} {}

  // `endpoint`: "experiments/create", "runs/log-batch"... not_found: no such call. Reads and changes by `who`.
  Result<Json> call(std::string_view endpoint, const Json& request, const Caller& who);
  static bool known(std::string_view endpoint);
  static bool changes(std::string_view endpoint);

  Result<RunInfo> run_info(std::string_view id) const;  // not_found
  Result<RunInfo> writable(std::string_view id) const;  // invalid: deleted; denied: the node's own
  std::int64_t now_ms() const;
  Status record(const Caller& who, std::string_view action, std::string_view event, std::string_view type,
                std::string_view id) const;

  // Of the node's own runs.
  Status begin(const contracts::TrackedRun& run);
  Status own_metrics(std::string_view run, std::span<const contracts::TrackedMetric> metrics);
  Status end(std::string_view run, contracts::TrackedEnd how, std::int64_t time_ms,
             const std::vector<std::pair<std::string, std::string>>& tags);

 private:
  struct Point {
    std::string key;
    double value = 0;
    std::int64_t step = 0, time_ms = 0;
  };
  struct Pair {
    std::string key, value;
  };
  Result<Json> create_experiment(const Json& request, const Caller& who);
  Result<Json> get_experiment(const Json& request) const;
  Result<Json> experiment_by_name(const Json& request) const;
  Result<Json> search_experiments(const Json& request) const;
  Result<Json> change_experiment(const Json& request, const Caller& who, std::string_view how);
  Result<Json> set_experiment_tag(const Json& request, const Caller& who);
  Result<Json> create_run(const Json& request, const Caller& who);
  Result<Json> get_run(const Json& request) const;
  Result<Json> update_run(const Json& request, const Caller& who);
  Result<Json> search_runs(const Json& request) const;
  Result<Json> delete_or_restore(const Json& request, const Caller& who, bool away);
  Result<Json> log_metric(const Json& request);
  Result<Json> log_parameter(const Json& request);
  Result<Json> log_batch(const Json& request);
  Result<Json> log_inputs(const Json& request);
  Result<Json> set_tag(const Json& request, bool away);
  Result<Json> history(const Json& request) const;
  Result<Json> bulk_history(const Json& request) const;

  Result<Json> experiment_json(const store::Row& row) const;
  Result<std::string> run_id(const Json& request) const;
  Result<Json> run_json(const RunInfo& run) const;
  static Json info_json(const RunInfo& run);
  static Result<Point> read_metric(const Json& json);
  static Result<Pair> read_pair(const Json& json, std::string_view what, std::size_t max);
  static Status check_free(const Pair& tag);  // denied: the node's own
  Status put_metrics(store::Transaction& t, const std::string& run, const std::vector<Point>& points) const;
  Status put_param(store::Transaction& t, const std::string& run, const Pair& pair) const;
  Status put_tag(store::Transaction& t, const std::string& run, const Pair& pair) const;
  Status limit_keys(store::Transaction& t, std::string_view table, const std::string& run) const;
  std::string new_id() const;

  const Tracking::Deps& deps_;
  const Options& options_;
  store::Catalogue& catalogue_;
};

RunInfo run_of(const store::Row& row);  // of SELECT kRunColumns
inline constexpr std::string_view kRunColumns =
    "r.id, r.experiment, r.name, r.user_name, r.status, r.stage, r.start_ms, r.end_ms, r.own, r.points";
Json number_json(double value, bool nan);  // NaN and infinities as protobuf's JSON writes them
std::string dump_text(const Json& value);

}  // namespace aceso::tracking
