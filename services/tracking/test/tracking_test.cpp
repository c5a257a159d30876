// Runs over the HTTP routes, as a client of MLflow speaks: JSON in MLflow's form, errors with its codes.
#include "aceso/tracking/tracking.hpp"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "../src/artifacts.hpp"
#include "../src/run_filter.hpp"
#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/contracts/access.hpp"

namespace aceso::tracking {
namespace {

class Sink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

class Trail final : public contracts::AuditSink {
 public:
  Status record(const contracts::AuditEvent& event) override {
    if (fail) return Error{Code::unavailable, "no audit trail"};
    events.push_back(event.event + " " + event.entity_id + " by " + event.agent_name);
    return {};
  }
  std::vector<std::string> events;
  bool fail = false;
};

class Body final : public net::BodyReader {
 public:
  explicit Body(std::string text) : text_{std::move(text)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min(out.size(), text_.size() - at_);
    std::memcpy(out.data(), text_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class Runs : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    tracking.reset();
    router = {};
    auto made = Tracking::create(home.path() / "tracking", {clock, random, Logger{clock, sink}, trail}, options);
    ASSERT_OK(made);
    tracking = *std::move(made);
    tracking->register_routes(router);
  }

  struct Answer {
    int status = 0;
    Json json;
    net::Response response;
  };
  Answer send(net::Method method, const std::string& path,
              const std::vector<std::pair<std::string, std::string>>& query, const std::string& body) {
    net::Request request;
    request.method = method;
    request.path = path;
    request.query = query;
    request.headers.set("Content-Type", "application/json");
    request.body = std::make_shared<Body>(body);
    if (!scopes.empty()) request.principal = contracts::Principal{.id = "u1", .name = "lin", .scopes = scopes};
    std::vector<net::Method> allowed;
    const auto route = router.match(request, allowed);
    EXPECT_TRUE(route.ok()) << path;
    if (!route) return {};
    auto answer = (*route)->handler(request);
    EXPECT_TRUE(answer.ok()) << path;
    Answer out{answer->status, Json(), *std::move(answer)};
    if (const auto* text = std::get_if<std::string>(&out.response.body)) out.json = Json::parse(*text, nullptr, false);
    return out;
  }
  Answer post(const std::string& call, const Json& body) {
    return send(net::Method::post, "/api/2.0/mlflow/" + call, {}, body.dump());
  }
  Answer get(const std::string& call, const std::vector<std::pair<std::string, std::string>>& query) {
    return send(net::Method::get, "/api/2.0/mlflow/" + call, query, "");
  }
  Answer put(const std::string& path, const std::string& bytes) {
    return send(net::Method::put, "/api/2.0/mlflow-artifacts/artifacts/" + path, {}, bytes);
  }
  std::string run(const std::string& name, double auc, const std::string& depth, const std::string& experiment = "0") {
    const auto made = post("runs/create", {{"experiment_id", experiment}, {"run_name", name}, {"start_time", ++time_}});
    const std::string id = made.json["run"]["info"]["run_id"];
    const auto logged = post(
        "runs/log-batch",
        {{"run_id", id},
         {"metrics",
          Json::array(
              {{{"key", "auc"}, {"value", std::isnan(auc) ? Json("NaN") : Json(auc)}, {"timestamp", 5}, {"step", 1}}})},
         {"params", Json::array({{{"key", "depth"}, {"value", depth}}})},
         {"tags", Json::array({{{"key", "team"}, {"value", "Blue"}}})}});
    EXPECT_EQ(logged.status, 200) << logged.json.dump();
    return id;
  }
  std::vector<std::string> found(const std::string& filter, const Json& order = Json::array()) {
    const auto answer =
        post("runs/search", {{"experiment_ids", Json::array({"0"})}, {"filter", filter}, {"order_by", order}});
    EXPECT_EQ(answer.status, 200) << filter << ": " << answer.json.dump();
    std::vector<std::string> names;
    for (const Json& one : answer.json["runs"]) names.push_back(one["info"]["run_name"]);
    return names;
  }
  static Json metric(const Json& run_answer, const std::string& key) {
    for (const Json& m : run_answer["run"]["data"]["metrics"]) {
      if (m["key"] == key) return m;
    }
    return nullptr;
  }

  TempDir home = *TempDir::create();
  SystemClock clock;
  SeededRandom random{7};
  Sink sink;
  Trail trail;
  Options options;
  std::unique_ptr<Tracking> tracking;
  net::Router router;
  std::vector<std::string> scopes{"jobs:read", "jobs:write"};
  std::int64_t time_ = 1000;
};

using Names = std::vector<std::string>;

TEST_F(Runs, experiments_are_made_found_renamed_and_kept_over_a_restart) {
  EXPECT_EQ(get("experiments/get", {{"experiment_id", "0"}}).json["experiment"]["name"], "Default");
  const auto made =
      post("experiments/create", {{"name", "lungs"}, {"tags", Json::array({{{"key", "site"}, {"value", "A"}}})}});
  ASSERT_EQ(made.status, 200) << made.json.dump();
  const std::string id = made.json["experiment_id"];
  const auto twice = post("experiments/create", {{"name", "lungs"}});
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(twice.json["error_code"], "RESOURCE_ALREADY_EXISTS");
  open();
  const auto shown = get("experiments/get-by-name", {{"experiment_name", "lungs"}});
  EXPECT_EQ(shown.json["experiment"]["experiment_id"], id);
  EXPECT_EQ(shown.json["experiment"]["tags"][0]["value"], "A");
  const auto none = get("experiments/get-by-name", {{"experiment_name", "hearts"}});
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.json["error_code"], "RESOURCE_DOES_NOT_EXIST");
  EXPECT_EQ(post("experiments/update", {{"experiment_id", id}, {"new_name", "chests"}}).status, 200);
  EXPECT_EQ(post("experiments/delete", {{"experiment_id", id}}).status, 200);
  EXPECT_EQ(post("runs/create", {{"experiment_id", id}}).status, 400);
  EXPECT_EQ(post("experiments/search", {{"max_results", 10}}).json["experiments"].size(), 1U);
  EXPECT_EQ(
      post("experiments/search", {{"view_type", "ALL"}, {"filter", "name LIKE 'ch%'"}}).json["experiments"][0]["name"],
      "chests");
  EXPECT_EQ(post("experiments/delete", {{"experiment_id", "0"}}).status, 400);
  EXPECT_EQ(trail.events.front(), "experiment.create " + id + " by lin");
}

TEST_F(Runs, what_was_logged_comes_back_with_the_latest_value_and_the_whole_history) {
  const std::string id = run("first", 0.5, "3");
  for (const int step : {3, 2, 4}) {  // out of order
    EXPECT_EQ(post("runs/log-metric", {{"run_id", id},
                                       {"run_uuid", id},
                                       {"key", "auc"},
                                       {"value", 0.1 * step},
                                       {"timestamp", "77"},
                                       {"step", std::to_string(step)},
                                       {"model_id", nullptr}})
                  .status,
              200);
  }
  EXPECT_EQ(post("runs/log-metric", {{"run_id", id}, {"key", "loss"}, {"value", "NaN"}, {"timestamp", 1}}).status, 200);
  const auto shown = get("runs/get", {{"run_id", id}});
  EXPECT_EQ(metric(shown.json, "auc")["step"], 4);
  EXPECT_DOUBLE_EQ(metric(shown.json, "auc")["value"].get<double>(), 0.4);
  EXPECT_EQ(metric(shown.json, "loss")["value"], "NaN");
  EXPECT_EQ(shown.json["run"]["info"]["user_id"], "lin");
  EXPECT_EQ(shown.json["run"]["info"]["artifact_uri"], "mlflow-artifacts:/0/" + id + "/artifacts");
  const auto first = get("metrics/get-history", {{"run_id", id}, {"metric_key", "auc"}, {"max_results", "3"}});
  ASSERT_EQ(first.json["metrics"].size(), 3U);
  EXPECT_EQ(first.json["metrics"][0]["step"], 1);
  const auto rest =
      get("metrics/get-history",
          {{"run_id", id}, {"metric_key", "auc"}, {"page_token", first.json["next_page_token"].get<std::string>()}});
  ASSERT_EQ(rest.json["metrics"].size(), 1U);
  EXPECT_EQ(rest.json["metrics"][0]["step"], 4);
  EXPECT_FALSE(rest.json.contains("next_page_token"));
  // Sent again, as a client does that got no answer: there once.
  const Json again{{"run_id", id}, {"key", "auc"}, {"value", 0.4}, {"timestamp", 77}, {"step", 4}};
  EXPECT_EQ(post("runs/log-metric", again).status, 200);
  EXPECT_EQ(get("metrics/get-history", {{"run_id", id}, {"metric_key", "auc"}}).json["metrics"].size(), 4U);
  EXPECT_EQ(
      post("runs/update", {{"run_id", id}, {"status", "FINISHED"}, {"end_time", 99}}).json["run_info"]["end_time"], 99);
  EXPECT_EQ(post("runs/update", {{"run_id", id}, {"status", "DONE"}}).status, 400);
  EXPECT_EQ(post("runs/set-tag", {{"run_id", id}, {"key", "mlflow.runName"}, {"value", "renamed"}}).status, 200);
  EXPECT_EQ(get("runs/get", {{"run_id", id}}).json["run"]["info"]["run_name"], "renamed");
  EXPECT_EQ(post("runs/delete-tag", {{"run_id", id}, {"key", "team"}}).status, 200);
  EXPECT_EQ(post("runs/delete-tag", {{"run_id", id}, {"key", "team"}}).status, 404);
  EXPECT_EQ(post("runs/log-inputs",
                 {{"run_id", id}, {"datasets", Json::array({{{"dataset", {{"name", "x"}, {"digest", "d"}}}}})}})
                .status,
            200);
  EXPECT_EQ(get("runs/get", {{"run_id", id}}).json["run"]["inputs"]["dataset_inputs"][0]["dataset"]["name"], "x");
}

TEST_F(Runs, a_parameter_does_not_change_and_a_batch_is_all_or_nothing) {
  const std::string id = run("first", 0.5, "3");
  EXPECT_EQ(post("runs/log-parameter", {{"run_id", id}, {"key", "depth"}, {"value", "3"}}).status, 200);
  const auto changed =
      post("runs/log-batch", {{"run_id", id},
                              {"metrics", Json::array({{{"key", "new"}, {"value", 1}, {"timestamp", 1}}})},
                              {"params", Json::array({{{"key", "depth"}, {"value", "4"}}})}});
  EXPECT_EQ(changed.status, 400);
  EXPECT_EQ(changed.json["error_code"], "INVALID_PARAMETER_VALUE");
  EXPECT_TRUE(metric(get("runs/get", {{"run_id", id}}).json, "new").is_null());
}

TEST_F(Runs, searched_by_metrics_parameters_tags_and_attributes) {
  run("a", 0.7, "3");
  run("b", 0.9, "5");
  const std::string c = run("c", 0.8, "3");
  run("d", std::nan(""), "7");
  EXPECT_EQ(found(""), (Names{"d", "c", "b", "a"}));
  EXPECT_EQ(found("metrics.auc >= 0.8"), (Names{"c", "b"}));
  EXPECT_EQ(found("metrics.auc != 0.8"), (Names{"b", "a"}));
  EXPECT_EQ(found("params.depth = '3' and metrics.`auc` < 0.75"), (Names{"a"}));
  EXPECT_EQ(found("params.depth != \"3\""), (Names{"d", "b"}));
  EXPECT_EQ(found("attributes.run_name IN ('a', 'b')"), (Names{"b", "a"}));
  EXPECT_EQ(found("run_name LIKE 'A'"), (Names{}));
  EXPECT_EQ(found("run_name ILIKE 'A'"), (Names{"a"}));
  EXPECT_EQ(found("tags.team LIKE 'B%' AND status = 'RUNNING' AND start_time > 1002"), (Names{"d", "c"}));
  EXPECT_EQ(found("tags.`mlflow.runName` = 'c'"), (Names{"c"}));
  EXPECT_EQ(found("tags.absent IS NULL AND params.depth IS NOT NULL AND metrics.auc > 0.85"), (Names{"b"}));
  EXPECT_EQ(found("", {"metrics.auc DESC"}), (Names{"b", "c", "a", "d"}));
  EXPECT_EQ(found("", {"params.depth", "attributes.start_time ASC"}), (Names{"a", "c", "b", "d"}));
  EXPECT_EQ(post("runs/delete", {{"run_id", c}}).status, 200);
  EXPECT_EQ(found("metrics.auc >= 0.8"), (Names{"b"}));
  EXPECT_EQ(post("runs/log-metric", {{"run_id", c}, {"key", "auc"}, {"value", 1}, {"timestamp", 1}}).status, 400);
  EXPECT_EQ(post("runs/restore", {{"run_id", c}}).status, 200);
  EXPECT_EQ(found("metrics.auc >= 0.8"), (Names{"c", "b"}));
  const auto page = post("runs/search", {{"experiment_ids", Json::array({"0"})}, {"max_results", 3}});
  ASSERT_EQ(page.json["runs"].size(), 3U);
  const auto rest =
      post("runs/search",
           {{"experiment_ids", Json::array({"0"})}, {"max_results", 3}, {"page_token", page.json["next_page_token"]}});
  ASSERT_EQ(rest.json["runs"].size(), 1U);
  EXPECT_EQ(rest.json["runs"][0]["info"]["run_name"], "a");
  EXPECT_EQ(post("runs/search", {{"experiment_ids", Json::array()}}).json["runs"].size(), 0U);
}

TEST_F(Runs, a_filter_that_is_none_is_refused_with_its_place) {
  for (const auto& [filter, place] : {std::pair{"metrics.auc >", "byte 14"},
                                      {"metrics.auc = 'x'", "byte 16"},
                                      {"params.a = 3", "byte 12"},
                                      {"a.b = 3", "byte 2"},
                                      {"metrics.a = 1 OR metrics.b = 2", "byte 15"},
                                      {"params.`a = 'x'", "quote"},
                                      {"attributes.password = 'x'", "attribute"},
                                      {"run_name IN ()", "byte 14"}}) {
    const auto answer = post("runs/search", {{"experiment_ids", Json::array({"0"})}, {"filter", filter}});
    EXPECT_EQ(answer.status, 400) << filter;
    EXPECT_NE(answer.json["message"].get<std::string>().find(place), std::string::npos) << answer.json.dump();
  }
  run("a", 0.5, "x'); DROP TABLE runs; --");
  EXPECT_EQ(found("params.depth = \"x'); DROP TABLE runs; --\""), (Names{"a"}));
}

TEST_F(Runs, limits_name_what_is_too_much) {
  options.max_points = 5;
  options.max_keys = 3;
  open();
  const std::string id = run("a", 0.5, "3");
  Json many = Json::array();
  for (int i = 0; i < 1001; ++i) many.push_back({{"key", "k"}, {"value", i}, {"timestamp", 1}, {"step", i}});
  EXPECT_EQ(post("runs/log-batch", {{"run_id", id}, {"metrics", many}}).status, 400);
  const auto full = post("runs/log-batch", {{"run_id", id}, {"metrics", Json(many.begin(), many.begin() + 5)}});
  EXPECT_EQ(full.status, 507);
  EXPECT_EQ(full.json["error_code"], "RESOURCE_LIMIT_EXCEEDED");
  for (const char* key : {"b", "c"})
    EXPECT_EQ(post("runs/log-parameter", {{"run_id", id}, {"key", key}, {"value", "1"}}).status, 200);
  EXPECT_EQ(post("runs/log-parameter", {{"run_id", id}, {"key", "d"}, {"value", "1"}}).status, 507);
  EXPECT_EQ(post("runs/log-parameter", {{"run_id", id}, {"key", std::string(251, 'k')}, {"value", "1"}}).status, 400);
  EXPECT_EQ(post("runs/log-parameter", {{"run_id", id}, {"key", "b\n"}, {"value", "1"}}).status, 400);
  EXPECT_EQ(post("runs/log-parameter", {{"run_id", id}, {"key", "e"}, {"value", std::string(6001, 'v')}}).status, 400);
  EXPECT_EQ(post("runs/set-tag", {{"run_id", id}, {"key", "e"}, {"value", std::string(8001, 'v')}}).status, 400);
  EXPECT_EQ(post("experiments/create", {{"name", std::string(501, 'n')}}).status, 400);
  EXPECT_EQ(post("experiments/create", {{"name", "x"}, {"artifact_location", "/etc"}}).status, 400);
  EXPECT_EQ(get("runs/get", {{"run_id", "ffffffffffffffffffffffffffffffff"}}).status, 404);
  EXPECT_EQ(get("runs/get", {}).status, 400);
}

TEST_F(Runs, artifacts_are_kept_below_their_run_and_nowhere_else) {
  const std::string id = run("a", 0.5, "3"), base = "0/" + id + "/artifacts";
  EXPECT_EQ(put(base + "/plots/roc.txt", "curve").status, 200);
  EXPECT_EQ(put(base + "/model.bin", std::string(100'000, '\1')).status, 200);
  EXPECT_EQ(put(base + "/plots/roc.txt", "curve 2").status, 200);
  const auto top = get("artifacts/list", {{"run_id", id}});
  ASSERT_EQ(top.json["files"].size(), 2U) << top.json.dump();
  EXPECT_EQ(top.json["files"][0]["file_size"], 100'000);
  EXPECT_EQ(top.json["files"][1]["is_dir"], true);
  EXPECT_EQ(get("artifacts/list", {{"run_id", id}, {"path", "plots"}}).json["files"][0]["path"], "plots/roc.txt");
  const auto listed = send(net::Method::get, "/api/2.0/mlflow-artifacts/artifacts", {{"path", base + "/plots"}}, "");
  EXPECT_EQ(listed.json["files"][0]["path"], "roc.txt");
  const auto file = send(net::Method::get, "/api/2.0/mlflow-artifacts/artifacts/" + base + "/plots/roc.txt", {}, "");
  ASSERT_EQ(file.status, 200);
  EXPECT_EQ(*read_text_file(std::get<net::FileBody>(file.response.body).path, 100), "curve 2");
  EXPECT_EQ(file.response.headers.get("Content-Disposition"), "attachment");
  EXPECT_EQ(put(base + "/model.bin/inside", "x").status, 400);
  EXPECT_EQ(put(base + "/plots", "x").status, 400);
  for (const std::string& path :
       {base + "/../../../runs.sqlite", base + "/a/./b", base + "/a//b", base, "0/" + id + "/other/x",
        "1/" + id + "/artifacts/x", "0/" + std::string(32, 'f') + "/artifacts/x", base + "/a\\b", base + "/a\nb",
        base + "/" + std::string(201, 'n')}) {
    EXPECT_GE(put(path, "x").status, 400) << path;
  }
  EXPECT_CODE(parse_artifact_path("../" + id + "/artifacts/x"), Code::invalid);
  options.max_artifact_bytes = 10;
  open();
  EXPECT_EQ(put(base + "/large", std::string(11, 'x')).status, 413);
  EXPECT_EQ(send(net::Method::get, "/api/2.0/mlflow-artifacts/artifacts/" + base + "/large", {}, "").status, 404);
  EXPECT_EQ(send(net::Method::del, "/api/2.0/mlflow-artifacts/artifacts/" + base + "/plots", {}, "").status, 200);
  EXPECT_EQ(get("artifacts/list", {{"run_id", id}}).json["files"].size(), 1U);
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "tracking" / "artifacts" / "spool") ||
              !std::filesystem::exists(home.path() / "tracking" / "artifacts" / "spool"));
}

TEST_F(Runs, who_may_only_read_cannot_write_and_what_cannot_be_recorded_is_not_done) {
  scopes = {"jobs:read"};
  EXPECT_EQ(post("runs/search", {{"experiment_ids", Json::array({"0"})}}).status, 200);
  const auto denied = post("runs/create", {{"experiment_id", "0"}});
  EXPECT_EQ(denied.status, 403);
  EXPECT_EQ(denied.json["error_code"], "PERMISSION_DENIED");
  scopes.clear();
  EXPECT_EQ(post("runs/search", {}).status, 401);
  scopes = {"jobs:read", "jobs:write"};
  trail.fail = true;
  EXPECT_EQ(post("runs/create", {{"experiment_id", "0"}}).status, 503);
}

TEST_F(Runs, the_nodes_own_runs_can_be_read_and_tagged_and_are_not_changed_by_others) {
  const std::string id(32, 'a');
  const contracts::TrackedRun own{.id = id,
                                  .experiment = "xray",
                                  .name = "resnet18",
                                  .user = "lin",
                                  .start_ms = 5,
                                  .params = {{"epochs", "3"}},
                                  .tags = {{"aceso.job", "j"}}};
  ASSERT_OK(tracking->begin(own));
  const auto epoch = [&](double auc, std::int64_t step) {
    const std::vector<contracts::TrackedMetric> metrics{{"auc", auc, step, 10 * step},
                                                        {"rmse", std::nan(""), step, 10 * step}};
    ASSERT_OK(tracking->metrics(id, metrics));
  };
  epoch(0.6, 1);
  epoch(0.7, 2);
  ASSERT_OK(tracking->begin(own));  // the node died and goes on: the second epoch again
  epoch(0.8, 2);
  ASSERT_OK(tracking->end(id, contracts::TrackedEnd::finished, 99, {{"aceso.version", "1"}}));
  const auto shown = get("runs/get", {{"run_id", id}});
  EXPECT_EQ(shown.json["run"]["info"]["status"], "FINISHED");
  EXPECT_DOUBLE_EQ(metric(shown.json, "auc")["value"].get<double>(), 0.8);
  EXPECT_TRUE(metric(shown.json, "rmse").is_null());
  EXPECT_EQ(get("metrics/get-history", {{"run_id", id}, {"metric_key", "auc"}}).json["metrics"].size(), 2U);
  const auto many = get("metrics/get-history-bulk-interval", {{"run_ids", id}, {"run_ids", id}, {"metric_key", "auc"}});
  EXPECT_EQ(many.json["metrics"].size(), 4U);
  EXPECT_EQ(post("runs/log-metric", {{"run_id", id}, {"key", "auc"}, {"value", 1}, {"timestamp", 1}}).status, 403);
  EXPECT_EQ(post("runs/update", {{"run_id", id}, {"status", "FAILED"}}).status, 403);
  EXPECT_EQ(post("runs/delete", {{"run_id", id}}).status, 403);
  const std::string experiment = shown.json["run"]["info"]["experiment_id"];
  EXPECT_EQ(put(experiment + "/" + id + "/artifacts/x", "x").status, 403);
  EXPECT_EQ(post("runs/set-tag", {{"run_id", id}, {"key", "aceso.version"}, {"value", "2"}}).status, 403);
  EXPECT_EQ(post("runs/set-tag", {{"run_id", id}, {"key", "mlflow.note.content"}, {"value", "good"}}).status, 200);
  // What holds the node's runs stays in sight, and nobody else's run passes for one of them.
  EXPECT_EQ(post("experiments/delete", {{"experiment_id", experiment}}).status, 403);
  EXPECT_EQ(post("experiments/update", {{"experiment_id", experiment}, {"new_name", "other"}}).status, 403);
  const Json tag{{"key", "aceso.model"}, {"value", "chest"}};
  EXPECT_EQ(post("runs/create", {{"experiment_id", "0"}, {"tags", {tag}}}).status, 403);
  const std::string foreign = run("foreign", 0.99, "3");
  EXPECT_EQ(post("runs/set-tag", {{"run_id", foreign}, {"key", "aceso.model"}, {"value", "chest"}}).status, 403);
  EXPECT_EQ(post("runs/log-batch", {{"run_id", foreign}, {"tags", {tag}}}).status, 403);
  EXPECT_CODE(tracking->begin({.id = "x", .experiment = "e", .name = "n", .user = "u", .parent = ""}), Code::invalid);
}

TEST_F(Runs, a_page_is_bounded_in_bytes_and_times_can_be_dates) {
  const std::string text(7999, 'x');
  std::size_t sent = 0;
  for (int i = 0; sent < (std::size_t{20} << 20); ++i) {
    const std::string id = run("big" + std::to_string(i), 0.5, "1");
    for (int batch = 0; batch < 5; ++batch) {
      Json tags = Json::array();
      for (int k = 0; k < 100; ++k) tags.push_back({{"key", "t" + std::to_string(batch * 100 + k)}, {"value", text}});
      ASSERT_EQ(post("runs/log-batch", {{"run_id", id}, {"tags", tags}}).status, 200);
      sent += 100 * text.size();
    }
  }
  const auto first = post("runs/search", {{"experiment_ids", {"0"}}, {"max_results", 1000}});
  ASSERT_EQ(first.status, 200);
  ASSERT_TRUE(first.json.contains("next_page_token"));
  std::size_t seen = first.json["runs"].size();
  EXPECT_GT(seen, 1U);
  const auto rest = post(
      "runs/search", {{"experiment_ids", {"0"}}, {"max_results", 1000}, {"page_token", first.json["next_page_token"]}});
  seen += rest.json["runs"].size();
  EXPECT_GE(seen, 6U);
  EXPECT_FALSE(rest.json.contains("next_page_token"));
  EXPECT_EQ(post("runs/create", {{"experiment_id", "0"}, {"start_time", 9'000'000'000'000'000}}).status, 400);
}

TEST_F(Runs, a_long_history_is_thinned_with_its_last_value_kept) {
  const std::string id = run("a", 0.5, "3");
  Json many = Json::array();
  for (int i = 0; i < 1000; ++i)
    many.push_back({{"key", "loss"}, {"value", 1.0 / (i + 1)}, {"timestamp", 1}, {"step", i}});
  EXPECT_EQ(post("runs/log-batch", {{"run_id", id}, {"metrics", many}}).status, 200);
  const auto thin =
      get("metrics/get-history-bulk-interval", {{"run_ids", id}, {"metric_key", "loss"}, {"max_results", "50"}});
  EXPECT_LE(thin.json["metrics"].size(), 51U);
  EXPECT_GE(thin.json["metrics"].size(), 45U);
  EXPECT_EQ(thin.json["metrics"].front()["step"], 0);
  EXPECT_EQ(thin.json["metrics"].back()["step"], 999);
}

}  // namespace
}  // namespace aceso::tracking
