// Runs: made, changed, logged to.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "fields.hpp"
#include "mlflow.hpp"

namespace aceso::tracking {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostTime = 8'640'000'000'000'000;  // ms: the last instant that a date of ECMAScript can be
constexpr std::array<std::string_view, 5> kStatuses{"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"};
constexpr std::size_t kMaxMetricsBatch = 1000, kMaxPairsBatch = 100, kMaxInputs = 100, kMaxInputText = 256 << 10;

Error no_run() {
  return Error{Code::not_found, "there is no such run"};
}

}  // namespace

Json number_json(double value, bool nan) {
  if (nan || std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

RunInfo run_of(const store::Row& row) {
  RunInfo run;
  run.id = row.text(0);
  run.experiment = row.integer(1);
  run.name = row.text(2);
  run.user = row.text(3);
  run.status = row.text(4);
  run.stage = row.text(5);
  run.start_ms = row.integer(6);
  if (!row.is_null(7)) run.end_ms = row.integer(7);
  run.own = row.integer(8) != 0;
  run.points = row.integer(9);
  return run;
}

Result<RunInfo> Mlflow::run_info(std::string_view id) const {
  ACESO_TRY(const auto rows,
            catalogue_.query("SELECT " + std::string{kRunColumns} + " FROM runs r WHERE r.id = ?1", {std::string{id}}));
  if (rows.empty()) return no_run();
  return run_of(rows.front());
}

Result<RunInfo> Mlflow::writable(std::string_view id) const {
  ACESO_TRY(RunInfo run, run_info(id));
  if (run.own) return Error{Code::denied, "the node keeps this run itself: it can be tagged, not changed"};
  if (run.stage != "active") return Error{Code::invalid, "the run is deleted: restore it first"};
  return run;
}

// Clients send run_id, older ones run_uuid, newer ones both.
Result<std::string> Mlflow::run_id(const Json& request) const {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(std::string id, fields.text_or("run_id", 64, {}));
  if (id.empty()) {
    ACESO_TRY(id, fields.text_or("run_uuid", 64, {}));
  }
  if (id.empty()) return Error{Code::invalid, "request.run_id: is missing"};
  return id;
}

Json Mlflow::info_json(const RunInfo& run) {
  Json info{{"run_uuid", run.id},
            {"run_id", run.id},
            {"run_name", run.name},
            {"experiment_id", std::to_string(run.experiment)},
            {"user_id", run.user},
            {"status", run.status},
            {"start_time", run.start_ms},
            {"artifact_uri", "mlflow-artifacts:/" + std::to_string(run.experiment) + "/" + run.id + "/artifacts"},
            {"lifecycle_stage", run.stage}};
  if (run.end_ms) info["end_time"] = *run.end_ms;
  return info;
}

Result<Json> Mlflow::run_json(const RunInfo& run) const {
  Json data{{"metrics", Json::array()}, {"params", Json::array()}, {"tags", Json::array()}};
  ACESO_TRY(const auto metrics,
            catalogue_.query("SELECT key, value, nan, time_ms, step FROM latest_metrics WHERE run = ?1 ORDER BY key",
                             {run.id}));
  for (const store::Row& row : metrics) {
    data["metrics"].push_back(Json{{"key", row.text(0)},
                                   {"value", number_json(row.number(1), row.integer(2) != 0)},
                                   {"timestamp", row.integer(3)},
                                   {"step", row.integer(4)}});
  }
  for (const char* table : {"params", "tags"}) {
    ACESO_TRY(
        const auto rows,
        catalogue_.query(std::string{"SELECT key, value FROM "} + table + " WHERE run = ?1 ORDER BY key", {run.id}));
    for (const store::Row& row : rows) data[table].push_back(Json{{"key", row.text(0)}, {"value", row.text(1)}});
  }
  data["tags"].push_back(Json{{"key", "mlflow.runName"}, {"value", run.name}});
  Json inputs = Json::array();
  ACESO_TRY(const auto rows, catalogue_.query("SELECT json FROM inputs WHERE run = ?1 ORDER BY number", {run.id}));
  for (const store::Row& row : rows) {
    ACESO_TRY(Json one, parse_json(row.text(0)));
    inputs.push_back(std::move(one));
  }
  return Json{
      {"info", info_json(run)}, {"data", std::move(data)}, {"inputs", Json{{"dataset_inputs", std::move(inputs)}}}};
}

Result<Mlflow::Pair> Mlflow::read_pair(const Json& json, std::string_view what, std::size_t max) {
  ACESO_TRY(const Fields fields, Fields::of(json, what));
  Pair out;
  ACESO_TRY(out.key, fields.text("key", kMaxKey));
  ACESO_TRY_OK(check_key(std::string{what} + ".key", out.key));
  ACESO_TRY(out.value, fields.text_or("value", max, {}));
  return out;
}

Result<Mlflow::Point> Mlflow::read_metric(const Json& json) {
  ACESO_TRY(const Fields fields, Fields::of(json, "metric"));
  Point out;
  ACESO_TRY(out.key, fields.text("key", kMaxKey));
  ACESO_TRY_OK(check_key("metric.key", out.key));
  ACESO_TRY(out.value, fields.number("value"));
  ACESO_TRY(out.step, fields.integer_or("step", 0, -kMost, kMost));
  if (!fields.has("timestamp")) return Error{Code::invalid, "metric.timestamp: is missing"};
  ACESO_TRY(out.time_ms, fields.integer_or("timestamp", 0, 0, kMostTime));
  return out;
}

Status Mlflow::limit_keys(store::Transaction& t, std::string_view table, const std::string& run) const {
  ACESO_TRY(const auto rows,
            t.query(std::string{"SELECT COUNT(*) FROM "}.append(table).append(" WHERE run = ?1"), {run}));
  if (rows.front().integer(0) <= options_.max_keys) return {};
  return Error{Code::exhausted,
               "the run has more than " + std::to_string(options_.max_keys) + " different " + std::string{table}};
}

Status Mlflow::put_metrics(store::Transaction& t, const std::string& run, const std::vector<Point>& points) const {
  if (points.empty()) return {};
  ACESO_TRY(const auto rows, t.query("SELECT points FROM runs WHERE id = ?1", {run}));
  if (rows.empty()) return no_run();
  if (rows.front().integer(0) + static_cast<std::int64_t>(points.size()) > options_.max_points)
    return Error{Code::exhausted, "the run has too many metric values"};
  std::int64_t fresh = 0;
  for (const Point& p : points) {
    const bool nan = std::isnan(p.value);
    const double value =
        nan ? 0 : std::clamp(p.value, -std::numeric_limits<double>::max(), std::numeric_limits<double>::max());
    const store::SqlArgs args{run, p.key, p.step, p.time_ms, std::int64_t{nan}, value};
    ACESO_TRY(const std::int64_t n,
              t.execute("INSERT INTO metrics (run, key, step, time_ms, nan, value) VALUES (?1, ?2, ?3, ?4, "
                        "?5, ?6) ON CONFLICT DO NOTHING",
                        args));
    fresh += n;
    ACESO_TRY(
        [[maybe_unused]] const auto m,
        t.execute(
            "INSERT INTO latest_metrics (run, key, step, time_ms, nan, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON "
            "CONFLICT (run, key) DO UPDATE SET step = excluded.step, time_ms = excluded.time_ms, nan = excluded.nan, "
            "value = excluded.value WHERE excluded.step > latest_metrics.step OR (excluded.step = "
            "latest_metrics.step AND (excluded.time_ms > latest_metrics.time_ms OR (excluded.time_ms = "
            "latest_metrics.time_ms AND excluded.value >= latest_metrics.value)))",
            args));
  }
  ACESO_TRY([[maybe_unused]] const auto n,
            t.execute("UPDATE runs SET points = points + ?2 WHERE id = ?1", {run, fresh}));
  return limit_keys(t, "latest_metrics", run);
}

// A parameter is what a run was made with: it does not change.
Status Mlflow::put_param(store::Transaction& t, const std::string& run, const Pair& pair) const {
  ACESO_TRY(const std::int64_t n,
            t.execute("INSERT INTO params (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                      {run, pair.key, pair.value}));
  if (n > 0) return limit_keys(t, "params", run);
  ACESO_TRY(const auto rows, t.query("SELECT value FROM params WHERE run = ?1 AND key = ?2", {run, pair.key}));
  if (!rows.empty() && rows.front().text(0) == pair.value) return {};
  return Error{Code::invalid, "a parameter that was logged cannot be changed to another value"};
}

// What the node says of its own trainings nobody else says of theirs.
Status Mlflow::check_free(const Pair& tag) {
  if (!tag.key.starts_with("aceso.")) return {};
  return Error{Code::denied, "tags that begin with aceso. are the node's own"};
}

Status Mlflow::put_tag(store::Transaction& t, const std::string& run, const Pair& pair) const {
  if (pair.key == "mlflow.runName") {
    if (pair.value.empty() || pair.value.size() > kMaxName)
      return Error{Code::invalid, "tag mlflow.runName: 1 to 500 bytes"};
    ACESO_TRY([[maybe_unused]] const auto n, t.execute("UPDATE runs SET name = ?2 WHERE id = ?1", {run, pair.value}));
    return {};
  }
  ACESO_TRY(
      [[maybe_unused]] const auto n,
      t.execute("INSERT INTO tags (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (run, key) DO UPDATE SET value = "
                "excluded.value",
                {run, pair.key, pair.value}));
  return limit_keys(t, "tags", run);
}

Result<Json> Mlflow::create_run(const Json& request, const Caller& who) {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const std::int64_t experiment, fields.integer_or("experiment_id", 0, 0, kMost));
  RunInfo run;
  run.experiment = experiment;
  run.user = who.name;  // who it is, whatever the client says
  run.status = "RUNNING";
  run.stage = "active";
  ACESO_TRY(run.start_ms, fields.integer_or("start_time", now_ms(), 0, kMostTime));
  ACESO_TRY(run.name, fields.text_or("run_name", kMaxName, {}));
  ACESO_TRY(const auto items, fields.list("tags", kMaxPairsBatch));
  std::vector<Pair> tags;
  for (const Json* item : items) {
    ACESO_TRY(Pair tag, read_pair(*item, "tag", kMaxTag));
    ACESO_TRY_OK(check_free(tag));
    if (tag.key == "mlflow.runName" && run.name.empty()) run.name = tag.value.substr(0, kMaxName);
    if (tag.key != "mlflow.runName") tags.push_back(std::move(tag));
  }
  run.id = new_id();
  if (run.name.empty()) run.name = "run-" + run.id.substr(run.id.size() - 8);
  const Status written = catalogue_.write([&](store::Transaction& t) -> Status {
    ACESO_TRY(const auto rows, t.query("SELECT stage FROM experiments WHERE id = ?1", {experiment}));
    if (rows.empty()) return Error{Code::not_found, "there is no such experiment"};
    if (rows.front().text(0) != "active") return Error{Code::invalid, "the experiment is deleted: restore it first"};
    ACESO_TRY(
        [[maybe_unused]] const auto n,
        t.execute(
            "INSERT INTO runs (id, experiment, name, user_name, status, stage, start_ms, end_ms, own, points) VALUES "
            "(?1, ?2, ?3, ?4, 'RUNNING', 'active', ?5, NULL, 0, 0)",
            {run.id, experiment, run.name, run.user, run.start_ms}));
    for (const Pair& tag : tags) ACESO_TRY_OK(put_tag(t, run.id, tag));
    return {};
  });
  if (!written) return written.error();
  ACESO_TRY_OK(record(who, "C", "run.create", "run", run.id));
  ACESO_TRY(Json json, run_json(run));
  return Json{{"run", std::move(json)}};
}

Result<Json> Mlflow::get_run(const Json& request) const {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const RunInfo run, run_info(id));
  ACESO_TRY(Json json, run_json(run));
  return Json{{"run", std::move(json)}};
}

Result<Json> Mlflow::update_run(const Json& request, const Caller& who) {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(RunInfo run, writable(id));
  ACESO_TRY(run.status, fields.text_or("status", 16, run.status));
  if (std::find(kStatuses.begin(), kStatuses.end(), run.status) == kStatuses.end())
    return Error{Code::invalid, "request.status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED is expected"};
  ACESO_TRY(run.name, fields.text_or("run_name", kMaxName, run.name));
  if (fields.has("end_time")) {
    ACESO_TRY(run.end_ms, fields.integer_or("end_time", 0, 0, kMostTime));
  }
  ACESO_TRY_OK(catalogue_.execute(
      "UPDATE runs SET status = ?2, name = ?3, end_ms = ?4 WHERE id = ?1",
      {run.id, run.status, run.name, run.end_ms ? store::SqlValue{*run.end_ms} : store::SqlValue{nullptr}}));
  ACESO_TRY_OK(record(who, "U", "run.update", "run", run.id));
  return Json{{"run_info", info_json(run)}};
}

Result<Json> Mlflow::delete_or_restore(const Json& request, const Caller& who, bool away) {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const RunInfo run, run_info(id));
  if (run.own) return Error{Code::denied, "the node keeps this run itself: it can be tagged, not changed"};
  ACESO_TRY_OK(catalogue_.execute("UPDATE runs SET stage = ?2 WHERE id = ?1",
                                  {run.id, std::string{away ? "deleted" : "active"}}));
  ACESO_TRY_OK(record(who, away ? "D" : "U", away ? "run.delete" : "run.restore", "run", run.id));
  return Json::object();
}

Result<Json> Mlflow::log_metric(const Json& request) {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const Point point, read_metric(request));
  ACESO_TRY(const RunInfo run, writable(id));
  ACESO_TRY_OK(catalogue_.write([&](store::Transaction& t) { return put_metrics(t, run.id, {point}); }));
  return Json::object();
}

Result<Json> Mlflow::log_parameter(const Json& request) {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const Pair pair, read_pair(request, "param", kMaxParam));
  ACESO_TRY(const RunInfo run, writable(id));
  ACESO_TRY_OK(catalogue_.write([&](store::Transaction& t) { return put_param(t, run.id, pair); }));
  return Json::object();
}

// All or nothing.
Result<Json> Mlflow::log_batch(const Json& request) {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const auto metrics, fields.list("metrics", kMaxMetricsBatch));
  ACESO_TRY(const auto params, fields.list("params", kMaxPairsBatch));
  ACESO_TRY(const auto tags, fields.list("tags", kMaxPairsBatch));
  if (metrics.size() + params.size() + tags.size() > kMaxMetricsBatch)
    return Error{Code::invalid, "request: more than 1000 entries"};
  std::vector<Point> points;
  points.reserve(metrics.size());
  for (const Json* item : metrics) {
    ACESO_TRY(Point point, read_metric(*item));
    points.push_back(std::move(point));
  }
  std::vector<Pair> values, labels;
  for (const Json* item : params) {
    ACESO_TRY(Pair pair, read_pair(*item, "param", kMaxParam));
    values.push_back(std::move(pair));
  }
  for (const Json* item : tags) {
    ACESO_TRY(Pair pair, read_pair(*item, "tag", kMaxTag));
    ACESO_TRY_OK(check_free(pair));
    labels.push_back(std::move(pair));
  }
  ACESO_TRY(const RunInfo run, writable(id));
  const Status written = catalogue_.write([&](store::Transaction& t) -> Status {
    ACESO_TRY_OK(put_metrics(t, run.id, points));
    for (const Pair& pair : values) ACESO_TRY_OK(put_param(t, run.id, pair));
    for (const Pair& pair : labels) ACESO_TRY_OK(put_tag(t, run.id, pair));
    return {};
  });
  if (!written) return written.error();
  return Json::object();
}

// Which data sets a run used, as the client describes them.
Result<Json> Mlflow::log_inputs(const Json& request) {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const auto items, fields.list("datasets", kMaxInputs));
  std::vector<std::string> texts;
  texts.reserve(items.size());
  for (const Json* item : items) {
    ACESO_TRY([[maybe_unused]] const Fields checked, Fields::of(*item, "dataset"));
    texts.push_back(dump_text(*item));
    if (texts.back().size() > kMaxInputText) return Error{Code::too_large, "datasets: the description is too long"};
  }
  ACESO_TRY(const RunInfo run, writable(id));
  const Status written = catalogue_.write([&](store::Transaction& t) -> Status {
    ACESO_TRY(const auto rows, t.query("SELECT COUNT(*) FROM inputs WHERE run = ?1", {run.id}));
    std::int64_t number = rows.front().integer(0);
    for (const std::string& text : texts) {
      if (++number > static_cast<std::int64_t>(kMaxInputs))
        return Error{Code::exhausted, "the run has too many data sets"};
      ACESO_TRY([[maybe_unused]] const auto n,
                t.execute("INSERT INTO inputs (run, number, json) VALUES (?1, ?2, ?3)", {run.id, number, text}));
    }
    return {};
  });
  if (!written) return written.error();
  return Json::object();
}

Result<Json> Mlflow::set_tag(const Json& request, bool away) {
  ACESO_TRY(const std::string id, run_id(request));
  ACESO_TRY(const Pair pair, read_pair(request, "tag", kMaxTag));
  ACESO_TRY(const RunInfo run, run_info(id));
  if (run.stage != "active") return Error{Code::invalid, "the run is deleted: restore it first"};
  ACESO_TRY_OK(check_free(pair));
  if (run.own && pair.key.starts_with("mlflow.") && pair.key != "mlflow.note.content")
    return Error{Code::denied, "the node keeps this tag of its runs itself"};
  const Status written = catalogue_.write([&](store::Transaction& t) -> Status {
    if (!away) return put_tag(t, run.id, pair);
    ACESO_TRY(const std::int64_t n, t.execute("DELETE FROM tags WHERE run = ?1 AND key = ?2", {run.id, pair.key}));
    return n == 0 ? Status{Error{Code::not_found, "the run has no such tag"}} : Status{};
  });
  if (!written) return written.error();
  return Json::object();
}

}  // namespace aceso::tracking
