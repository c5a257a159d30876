#include "mlflow.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "aceso/base/id.hpp"
#include "fields.hpp"
#include "run_filter.hpp"

namespace aceso::tracking {
namespace {

constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMaxTags = 100, kMaxExperimentTag = 5000;
constexpr std::size_t kMaxPage = std::size_t{16} << 20;  // bytes of an answer, beyond the last entry's own

struct Endpoint {
  std::string_view name;
  bool changes;
};
constexpr std::array kEndpoints{Endpoint{"experiments/create", true},
                                Endpoint{"experiments/get", false},
                                Endpoint{"experiments/get-by-name", false},
                                Endpoint{"experiments/search", false},
                                Endpoint{"experiments/delete", true},
                                Endpoint{"experiments/restore", true},
                                Endpoint{"experiments/update", true},
                                Endpoint{"experiments/set-experiment-tag", true},
                                Endpoint{"runs/create", true},
                                Endpoint{"runs/update", true},
                                Endpoint{"runs/get", false},
                                Endpoint{"runs/search", false},
                                Endpoint{"runs/delete", true},
                                Endpoint{"runs/restore", true},
                                Endpoint{"runs/log-metric", true},
                                Endpoint{"runs/log-parameter", true},
                                Endpoint{"runs/log-batch", true},
                                Endpoint{"runs/log-inputs", true},
                                Endpoint{"runs/set-tag", true},
                                Endpoint{"runs/delete-tag", true},
                                Endpoint{"logged-models/search", false},
                                Endpoint{"metrics/get-history", false},
                                Endpoint{"metrics/get-history-bulk-interval", false}};

const Endpoint* find(std::string_view name) {
  const auto found =
      std::find_if(kEndpoints.begin(), kEndpoints.end(), [&](const Endpoint& e) { return e.name == name; });
  return found == kEndpoints.end() ? nullptr : &*found;
}

constexpr const char* kExperimentColumns = "e.id, e.name, e.stage, e.created_ms, e.updated_ms";

Error no_experiment() {
  return Error{Code::not_found, "there is no such experiment"};
}

Result<std::int64_t> experiment_id(const Json& request) {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  if (!fields.has("experiment_id")) return Error{Code::invalid, "request.experiment_id: is missing"};
  auto id = fields.integer_or("experiment_id", 0, 0, kNoEnd);
  return id ? std::move(id) : Result<std::int64_t>{no_experiment()};
}

}  // namespace

bool Mlflow::known(std::string_view endpoint) {
  return find(endpoint) != nullptr;
}

bool Mlflow::changes(std::string_view endpoint) {
  const Endpoint* e = find(endpoint);
  return e == nullptr || e->changes;
}

std::string dump_text(const Json& value) {
  return dump_json(value);
}

std::int64_t Mlflow::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(deps_.clock.utc_now().time_since_epoch()).count();
}

std::string Mlflow::new_id() const {
  std::string id = Uuid::v7(deps_.clock, deps_.random).to_string();
  std::erase(id, '-');
  return id;
}

Status Mlflow::record(const Caller& who, std::string_view action, std::string_view event, std::string_view type,
                      std::string_view id) const {
  contracts::AuditEvent e;
  e.action = action;
  e.event = event;
  e.agent_id = who.id;
  e.agent_name = who.name;
  e.source_address = who.source_address;
  e.request_id = who.request_id;
  e.entity_type = type;
  e.entity_id = id;
  return deps_.audit.record(e);
}

Result<Json> Mlflow::call(std::string_view endpoint, const Json& request, const Caller& who) {
  if (endpoint == "experiments/create") return create_experiment(request, who);
  if (endpoint == "experiments/get") return get_experiment(request);
  if (endpoint == "experiments/get-by-name") return experiment_by_name(request);
  if (endpoint == "experiments/search") return search_experiments(request);
  if (endpoint == "experiments/delete") return change_experiment(request, who, "delete");
  if (endpoint == "experiments/restore") return change_experiment(request, who, "restore");
  if (endpoint == "experiments/update") return change_experiment(request, who, "update");
  if (endpoint == "experiments/set-experiment-tag") return set_experiment_tag(request, who);
  if (endpoint == "runs/create") return create_run(request, who);
  if (endpoint == "runs/update") return update_run(request, who);
  if (endpoint == "runs/get") return get_run(request);
  if (endpoint == "runs/search") return search_runs(request);
  if (endpoint == "runs/delete") return delete_or_restore(request, who, true);
  if (endpoint == "runs/restore") return delete_or_restore(request, who, false);
  if (endpoint == "runs/log-metric") return log_metric(request);
  if (endpoint == "runs/log-parameter") return log_parameter(request);
  if (endpoint == "runs/log-batch") return log_batch(request);
  if (endpoint == "runs/log-inputs") return log_inputs(request);
  if (endpoint == "runs/set-tag") return set_tag(request, false);
  if (endpoint == "runs/delete-tag") return set_tag(request, true);
  // None are kept; the client asks whenever it lists artifacts.
  if (endpoint == "logged-models/search") return Json{{"models", Json::array()}};
  if (endpoint == "metrics/get-history") return history(request);
  if (endpoint == "metrics/get-history-bulk-interval") return bulk_history(request);
  return Error{Code::not_found, "there is no such call"};
}

Result<Json> Mlflow::experiment_json(const store::Row& row) const {
  const std::int64_t id = row.integer(0);
  ACESO_TRY(const auto rows,
            catalogue_.query("SELECT key, value FROM experiment_tags WHERE experiment = ?1 ORDER BY key", {id}));
  Json tags = Json::array();
  for (const store::Row& tag : rows) tags.push_back(Json{{"key", tag.text(0)}, {"value", tag.text(1)}});
  return Json{{"experiment_id", std::to_string(id)},
              {"name", row.text(1)},
              {"artifact_location", "mlflow-artifacts:/" + std::to_string(id)},
              {"lifecycle_stage", row.text(2)},
              {"creation_time", row.integer(3)},
              {"last_update_time", row.integer(4)},
              {"tags", std::move(tags)}};
}

Result<Json> Mlflow::create_experiment(const Json& request, const Caller& who) {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const std::string name, fields.text("name", kMaxName));
  ACESO_TRY_OK(check_key("request.name", std::string_view{name}.substr(0, kMaxKey)));
  ACESO_TRY(const std::string location, fields.text_or("artifact_location", 2048, {}));
  if (!location.empty())
    return Error{Code::invalid, "request.artifact_location: artifacts lie on the node; leave it out"};
  ACESO_TRY(const auto items, fields.list("tags", kMaxTags));
  std::vector<Pair> tags;
  tags.reserve(items.size());
  for (const Json* item : items) {
    ACESO_TRY(Pair tag, read_pair(*item, "tag", kMaxExperimentTag));
    tags.push_back(std::move(tag));
  }
  std::int64_t id = 0;
  const std::int64_t now = now_ms();
  const Status made = catalogue_.write([&](store::Transaction& t) -> Status {
    ACESO_TRY(const auto rows, t.query("SELECT MAX(id) FROM experiments"));
    id = rows.front().integer(0) + 1;
    ACESO_TRY(
        [[maybe_unused]] const auto n,
        t.execute("INSERT INTO experiments (id, name, stage, created_ms, updated_ms) VALUES (?1, ?2, 'active', ?3, ?3)",
                  {id, name, now}));
    for (const Pair& tag : tags) {
      ACESO_TRY(
          [[maybe_unused]] const auto m,
          t.execute("INSERT INTO experiment_tags (experiment, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (experiment, "
                    "key) DO UPDATE SET value = excluded.value",
                    {id, tag.key, tag.value}));
    }
    return {};
  });
  if (!made && made.error().code() == Code::exists)
    return Error{Code::exists, "there is an experiment of this name already"};
  ACESO_TRY_OK(made);
  ACESO_TRY_OK(record(who, "C", "experiment.create", "experiment", std::to_string(id)));
  return Json{{"experiment_id", std::to_string(id)}};
}

Result<Json> Mlflow::get_experiment(const Json& request) const {
  ACESO_TRY(const std::int64_t id, experiment_id(request));
  ACESO_TRY(
      const auto rows,
      catalogue_.query(std::string{"SELECT "} + kExperimentColumns + " FROM experiments e WHERE e.id = ?1", {id}));
  if (rows.empty()) return no_experiment();
  ACESO_TRY(Json json, experiment_json(rows.front()));
  return Json{{"experiment", std::move(json)}};
}

Result<Json> Mlflow::experiment_by_name(const Json& request) const {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const std::string name, fields.text("experiment_name", kMaxName));
  ACESO_TRY(
      const auto rows,
      catalogue_.query(std::string{"SELECT "} + kExperimentColumns + " FROM experiments e WHERE e.name = ?1", {name}));
  if (rows.empty()) return no_experiment();
  ACESO_TRY(Json json, experiment_json(rows.front()));
  return Json{{"experiment", std::move(json)}};
}

namespace {

Result<std::size_t> page_start(const Fields& fields) {
  ACESO_TRY(const std::string token, fields.text_or("page_token", 32, {}));
  if (token.empty()) return std::size_t{0};
  std::size_t start = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), start);
  if (error != std::errc{} || end != token.data() + token.size() || start > 100'000'000)
    return Error{Code::invalid, "request.page_token: not one of ours"};
  return start;
}

Result<std::string> stage_sql(const Fields& fields, const std::string& key, const std::string& column) {
  ACESO_TRY(const std::string view, fields.text_or(key, 32, "ACTIVE_ONLY"));
  if (view == "ACTIVE_ONLY") return column + " = 'active'";
  if (view == "DELETED_ONLY") return column + " = 'deleted'";
  if (view == "ALL") return std::string{"1 = 1"};
  return Error{Code::invalid, "request." + key + ": ACTIVE_ONLY, DELETED_ONLY or ALL is expected"};
}

}  // namespace

Result<Json> Mlflow::search_experiments(const Json& request) const {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const std::int64_t asked, fields.integer_or("max_results", 1000, 1, kNoEnd));
  const std::size_t limit = static_cast<std::size_t>(std::min<std::int64_t>(asked, 1000));
  ACESO_TRY(const std::size_t start, page_start(fields));
  ACESO_TRY(const std::string stage, stage_sql(fields, "view_type", "e.stage"));
  ACESO_TRY(const std::string filter, fields.text_or("filter", 16'384, {}));
  ACESO_TRY(SqlPart where, experiment_filter_sql(filter, 1));
  where.args.emplace_back(static_cast<std::int64_t>(limit + 1));
  where.args.emplace_back(static_cast<std::int64_t>(start));
  const std::string n = std::to_string(where.args.size());
  ACESO_TRY(auto rows,
            catalogue_.query(std::string{"SELECT "} + kExperimentColumns + " FROM experiments e WHERE " + stage +
                                 " AND " + where.sql + " ORDER BY e.updated_ms DESC, e.id DESC LIMIT ?" +
                                 std::to_string(where.args.size() - 1) + " OFFSET ?" + n,
                             where.args));
  Json list = Json::array();
  std::size_t bytes = 0, i = 0;
  for (; i < std::min(limit, rows.size()) && bytes < kMaxPage; ++i) {
    ACESO_TRY(Json one, experiment_json(rows[i]));
    bytes += dump_text(one).size();
    list.push_back(std::move(one));
  }
  Json answer{{"experiments", std::move(list)}};
  if (rows.size() > i) answer["next_page_token"] = std::to_string(start + i);
  return answer;
}

Result<Json> Mlflow::change_experiment(const Json& request, const Caller& who, std::string_view how) {
  ACESO_TRY(const std::int64_t id, experiment_id(request));
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  std::string name;
  if (how == "update") {
    ACESO_TRY(name, fields.text("new_name", kMaxName));
  }
  if (id == 0) return Error{Code::invalid, "the experiment Default stays as it is"};
  const std::int64_t now = now_ms();
  const Status done = catalogue_.write([&](store::Transaction& t) -> Status {
    if (how != "restore") {
      ACESO_TRY(const auto own, t.query("SELECT 1 FROM runs WHERE experiment = ?1 AND own = 1 LIMIT 1", {id}));
      if (!own.empty()) {
        return Error{Code::denied,
                     "the node keeps runs of its own in this experiment: it is neither renamed nor deleted"};
      }
    }
    Result<std::int64_t> n =
        how == "update"
            ? t.execute("UPDATE experiments SET name = ?2, updated_ms = ?3 WHERE id = ?1 AND stage = 'active'",
                        {id, name, now})
            : t.execute("UPDATE experiments SET stage = ?2, updated_ms = ?3 WHERE id = ?1",
                        {id, std::string{how == "delete" ? "deleted" : "active"}, now});
    ACESO_TRY(const std::int64_t changed, std::move(n));
    return changed == 0 ? Status{no_experiment()} : Status{};
  });
  if (!done && done.error().code() == Code::exists)
    return Error{Code::exists, "there is an experiment of this name already"};
  ACESO_TRY_OK(done);
  ACESO_TRY_OK(record(who, how == "delete" ? "D" : "U", std::string{"experiment."}.append(how), "experiment",
                      std::to_string(id)));
  return Json::object();
}

Result<Json> Mlflow::set_experiment_tag(const Json& request, const Caller& who) {
  ACESO_TRY(const std::int64_t id, experiment_id(request));
  ACESO_TRY(const Pair tag, read_pair(request, "tag", kMaxExperimentTag));
  const Status written = catalogue_.write([&](store::Transaction& t) -> Status {
    ACESO_TRY(const std::int64_t n, t.execute("UPDATE experiments SET updated_ms = ?2 WHERE id = ?1", {id, now_ms()}));
    if (n == 0) return no_experiment();
    ACESO_TRY(const auto count, t.query("SELECT COUNT(*) FROM experiment_tags WHERE experiment = ?1", {id}));
    if (count.front().integer(0) >= options_.max_keys)
      return Error{Code::exhausted, "the experiment has too many tags"};
    ACESO_TRY(
        [[maybe_unused]] const auto m,
        t.execute(
            "INSERT INTO experiment_tags (experiment, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (experiment, key) "
            "DO UPDATE SET value = excluded.value",
            {id, tag.key, tag.value}));
    return {};
  });
  if (!written) return written.error();
  ACESO_TRY_OK(record(who, "U", "experiment.tag", "experiment", std::to_string(id)));
  return Json::object();
}

Result<Json> Mlflow::search_runs(const Json& request) const {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const std::int64_t asked, fields.integer_or("max_results", 1000, 1, kNoEnd));
  const std::size_t limit = static_cast<std::size_t>(std::min<std::int64_t>(asked, 1000));
  ACESO_TRY(const std::size_t start, page_start(fields));
  ACESO_TRY(const std::string stage, stage_sql(fields, "run_view_type", "r.stage"));
  ACESO_TRY(const std::string filter, fields.text_or("filter", 16'384, {}));
  ACESO_TRY(const auto ids, fields.texts("experiment_ids", 1000, 32));
  ACESO_TRY(const auto order_by, fields.texts("order_by", 16, 300));
  store::SqlArgs args;
  std::string list;
  for (const std::string& id : ids) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    if (error != std::errc{} || end != id.data() + id.size()) continue;  // no experiment has it
    args.emplace_back(number);
    list.append(list.empty() ? "?" : ", ?").append(std::to_string(args.size()));
  }
  if (list.empty()) return Json{{"runs", Json::array()}};
  ACESO_TRY(SqlPart where, run_filter_sql(filter, args.size() + 1));
  for (auto& value : where.args) args.push_back(std::move(value));
  ACESO_TRY(SqlPart order, run_order_sql(order_by, args.size() + 1));
  for (auto& value : order.args) args.push_back(std::move(value));
  args.emplace_back(static_cast<std::int64_t>(limit + 1));
  args.emplace_back(static_cast<std::int64_t>(start));
  std::string sql = "SELECT ";
  sql.append(kRunColumns).append(" FROM runs r WHERE r.experiment IN (").append(list).append(") AND ").append(stage);
  sql.append(" AND ").append(where.sql).append(" ORDER BY ").append(order.sql).append(" LIMIT ?");
  sql.append(std::to_string(args.size() - 1)).append(" OFFSET ?").append(std::to_string(args.size()));
  ACESO_TRY(const auto rows, catalogue_.query(sql, args));
  Json runs = Json::array();
  std::size_t bytes = 0, i = 0;
  for (; i < std::min(limit, rows.size()) && bytes < kMaxPage; ++i) {
    ACESO_TRY(Json one, run_json(run_of(rows[i])));
    bytes += dump_text(one).size();
    runs.push_back(std::move(one));
  }
  Json answer{{"runs", std::move(runs)}};
  if (rows.size() > i) answer["next_page_token"] = std::to_string(start + i);
  return answer;
}

Result<Json> Mlflow::history(const Json& request) const {
  ACESO_TRY(const std::string run, run_id(request));
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const std::string key, fields.text("metric_key", kMaxKey));
  ACESO_TRY(const std::int64_t asked, fields.integer_or("max_results", 25'000, 1, kNoEnd));
  const std::size_t limit = static_cast<std::size_t>(std::min<std::int64_t>(asked, 25'000));
  ACESO_TRY(const std::size_t start, page_start(fields));
  ACESO_TRY(const auto rows,
            catalogue_.query(
                "SELECT value, nan, time_ms, step FROM metrics WHERE run = ?1 AND key = ?2 ORDER BY step, time_ms, "
                "value LIMIT ?3 OFFSET ?4",
                {run, key, static_cast<std::int64_t>(limit + 1), static_cast<std::int64_t>(start)}));
  Json list = Json::array();
  for (std::size_t i = 0; i < std::min(limit, rows.size()); ++i) {
    list.push_back(Json{{"key", key},
                        {"value", number_json(rows[i].number(0), rows[i].integer(1) != 0)},
                        {"timestamp", rows[i].integer(2)},
                        {"step", rows[i].integer(3)}});
  }
  Json answer{{"metrics", std::move(list)}};
  if (rows.size() > limit) answer["next_page_token"] = std::to_string(start + limit);
  return answer;
}

// Of several runs, thinned to at most `max_results` values each, the last always among them.
Result<Json> Mlflow::bulk_history(const Json& request) const {
  ACESO_TRY(const Fields fields, Fields::of(request, "request"));
  ACESO_TRY(const auto ids, fields.texts("run_ids", 100, 64));
  ACESO_TRY(const std::string key, fields.text("metric_key", kMaxKey));
  ACESO_TRY(const std::int64_t limit, fields.integer_or("max_results", 2500, 1, 2500));
  Json list = Json::array();
  for (const std::string& id : ids) {
    ACESO_TRY([[maybe_unused]] const RunInfo run, run_info(id));
    ACESO_TRY(const auto count,
              catalogue_.query("SELECT COUNT(*) FROM metrics WHERE run = ?1 AND key = ?2", {id, key}));
    const std::int64_t points = count.front().integer(0);
    const std::int64_t every = std::max<std::int64_t>(1, (points + limit - 1) / limit);
    ACESO_TRY(const auto rows,
              catalogue_.query(
                  "SELECT value, nan, time_ms, step FROM (SELECT value, nan, time_ms, step, ROW_NUMBER() OVER "
                  "(ORDER BY step, time_ms, value) - 1 AS place FROM metrics WHERE run = ?1 AND key = ?2) m WHERE "
                  "place % ?3 = 0 OR place = ?4 ORDER BY place",
                  {id, key, every, points - 1}));
    for (const store::Row& row : rows) {
      list.push_back(Json{{"key", key},
                          {"value", number_json(row.number(0), row.integer(1) != 0)},
                          {"timestamp", row.integer(2)},
                          {"step", row.integer(3)},
                          {"run_id", id}});
    }
  }
  return Json{{"metrics", std::move(list)}};
}

}  // namespace aceso::tracking
