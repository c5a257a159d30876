// The routes on a real server over loopback; who asks is said by a test header instead of a session.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "aceso/net/client.hpp"
#include "aceso/net/server.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

const std::vector<std::string> kAll{"datasets:read",  "datasets:write",     "models:read",      "models:write",
                                    "models:promote", "predictions:create", "predictions:read", "feedback:write",
                                    "jobs:read",      "jobs:write"};

class Http : public Service {
 protected:
  void serve(const std::string& worker = "train") {
    open(worker);
    models->register_routes(router);
    net::Server::Callbacks callbacks;
    callbacks.handler = [this](net::Request& request) -> Result<net::Response> {
      std::vector<net::Method> allowed;
      auto route = router.match(request, allowed);
      if (!route) return net::Response::problem(route.error(), request.request_id);
      const std::string_view user = request.headers.get("X-Test-User");
      if (!user.empty()) {
        contracts::Principal principal;
        principal.id = "id-" + std::string{user};
        principal.name = user;
        principal.scopes = kAll;
        if (request.headers.has("X-Test-Scope")) principal.scopes = {std::string{request.headers.get("X-Test-Scope")}};
        request.principal = principal;
      }
      auto response = (*route)->handler(request);
      return response ? std::move(response)
                      : Result<net::Response>{net::Response::problem(response.error(), request.request_id)};
    };
    callbacks.max_body = [this](const net::Request& request) {
      net::Request copy;
      copy.method = request.method;
      copy.path = request.path;
      std::vector<net::Method> allowed;
      const auto route = router.match(copy, allowed);
      return route ? (*route)->info.max_body : std::size_t{1024};
    };
    auto made = net::Server::create(std::move(callbacks), {}, clock, random, Logger{clock, sink});
    ASSERT_TRUE(made) << made.error().message();
    server = *std::move(made);
    auto endpoint = server->listen({});
    ASSERT_TRUE(endpoint) << endpoint.error().message();
    port = endpoint->port;
    server->start();
  }
  void TearDown() override {
    if (server) server->stop();
  }
  net::ClientResponse send(net::Method method, const std::string& target, std::string body = {},
                           const std::string& type = "application/json", const std::string& user = "dr",
                           std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto client = net::Client::connect_tcp("127.0.0.1", port);
    EXPECT_TRUE(client);
    net::ClientRequest request;
    request.method = method;
    request.target = target;
    request.body = std::move(body);
    if (!request.body.empty()) request.headers.set("Content-Type", type);
    if (!user.empty()) request.headers.set("X-Test-User", user);
    for (const auto& [name, value] : headers) request.headers.set(name, value);
    auto response = (*client)->send(request);
    EXPECT_TRUE(response) << response.error().message();
    return response ? *std::move(response) : net::ClientResponse{};
  }
  static Json body(const net::ClientResponse& response) {
    const auto json = parse_json(response.body);
    return json ? *json : Json(nullptr);
  }
  net::ClientResponse get(const std::string& target, const std::string& user = "dr") {
    return send(net::Method::get, target, {}, {}, user);
  }
  net::ClientResponse post(const std::string& target, const Json& json,
                           std::vector<std::pair<std::string, std::string>> headers = {}) {
    return send(net::Method::post, target, json.dump(), "application/json", "dr", std::move(headers));
  }
  static std::string text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void finished(const Json& answer) {
    const auto end = wait(answer);
    ASSERT_TRUE(end) << end.error().message();
  }

  net::Router router;
  std::unique_ptr<net::Server> server;
  std::uint16_t port = 0;
};

TEST_F(Http, without_a_principal_401_without_the_scope_403) {
  serve();
  EXPECT_EQ(get("/api/v1/datasets", "").status, 401);
  EXPECT_EQ(send(net::Method::get, "/api/v1/datasets", {}, {}, "dr", {{"X-Test-Scope", "jobs:read"}}).status, 403);
  EXPECT_EQ(get("/api/v1/datasets").status, 200);
  EXPECT_EQ(get("/v2/models/m", "").status, 401);
  EXPECT_TRUE(body(get("/v2/models/m", "")).contains("error"));
  EXPECT_EQ(get("/v2/health/live", "").status, 200);
  EXPECT_EQ(get("/v2/health/ready", "").status, 200);
  for (const auto& route : router.routes()) {
    const bool open = route.pattern == "/v2" || route.pattern.find("/v2/health") == 0;
    EXPECT_EQ(route.info.scope.empty(), open) << route.pattern;
  }
}

TEST_F(Http, the_thin_path_from_upload_to_verdict) {
  serve();
  const std::string npz = text(*learn::to_npz(medmnist()));
  const auto uploaded = send(net::Method::post, "/api/v1/datasets?name=set&classes=normal,pneumonia&licence=CC0", npz,
                             "application/octet-stream");
  ASSERT_EQ(uploaded.status, 202) << uploaded.body;
  EXPECT_FALSE(body(uploaded)["job"]["input"].contains("source")) << "paths of the node stay inside";
  finished(body(uploaded));
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "spool"));
  EXPECT_EQ(body(get("/api/v1/datasets/set"))["name"], "set");
  EXPECT_EQ(body(get("/api/v1/datasets/set/samples?split=test&limit=3"))["items"].size(), 3U);
  const auto picture = get("/api/v1/datasets/set/samples/0/image.png");
  EXPECT_EQ(picture.status, 200);
  EXPECT_EQ(picture.headers.get("Content-Type"), "image/png");

  const auto trained = post("/api/v1/training", Json{{"name", "pneumonia"},
                                                     {"dataset", "set"},
                                                     {"config", Json{{"architecture", "article_cnn"},
                                                                     {"epochs", 2},
                                                                     {"batch", 8},
                                                                     {"learning_rate", 0.001},
                                                                     {"seed", 1},
                                                                     {"flip", true},
                                                                     {"patience", 0},
                                                                     {"image_size", 0}}}});
  ASSERT_EQ(trained.status, 202) << trained.body;
  finished(body(trained));
  const Json list = body(get("/api/v1/models"));
  EXPECT_EQ(list["items"][0]["name"], "pneumonia");
  EXPECT_EQ(list["items"][0]["versions"][0]["stage"], "candidate");
  const auto report = get("/api/v1/models/pneumonia/1/report.html");
  EXPECT_EQ(report.status, 200);
  EXPECT_NE(report.headers.get("Content-Security-Policy").find("default-src 'none'"), std::string_view::npos);
  EXPECT_EQ(report.headers.get("Content-Security-Policy").find("script"), std::string_view::npos);
  EXPECT_EQ(post("/api/v1/models/pneumonia/1/promote", Json{{"stage", "live"}}).status, 200);

  const auto made =
      send(net::Method::post, "/api/v1/models/pneumonia/predictions", text(grey_png(32, 220)), "image/png");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = body(made)["id"].get<std::string>();
  EXPECT_EQ(body(made)["finding"], "pneumonia");
  EXPECT_EQ(body(get("/api/v1/predictions/" + id))["id"], id);
  EXPECT_EQ(get("/api/v1/predictions/" + id + "/image.png").body, text(grey_png(32, 220)));
  const auto verdict = send(net::Method::put, "/api/v1/predictions/" + id + "/verdicts/pneumonia",
                            R"({"agree":true,"label":null,"comment":"sure"})");
  EXPECT_EQ(verdict.status, 200) << verdict.body;
  EXPECT_EQ(body(get("/api/v1/predictions/" + id + "/verdicts"))["items"][0]["comment"], "sure");
  EXPECT_EQ(body(get("/api/v1/predictions"))["items"][0]["verdict"]["revision"], 1);
  for (const char* pattern : {"/api/v1/predictions/{id:uuid}/image.png", "/api/v1/predictions/{id:uuid}"}) {
    const auto it = std::find_if(router.routes().begin(), router.routes().end(),
                                 [&](const auto& r) { return r.pattern == pattern; });
    ASSERT_NE(it, router.routes().end());
    EXPECT_TRUE(it->info.audit_read) << pattern;
  }
  const auto tar = get("/api/v1/models/pneumonia/1/bundle.tar");
  EXPECT_EQ(tar.status, 200);
  EXPECT_EQ(tar.body.size() % 512, 0U);
  EXPECT_EQ(tar.body.substr(0, 24), std::string("pneumonia-1/model.json\0\0", 24));
}

TEST_F(Http, a_form_uploads_and_reads_blinded) {
  serve();
  const std::string type = "multipart/form-data; boundary=BB";
  const std::string npz = text(*learn::to_npz(medmnist()));
  const auto uploaded =
      send(net::Method::post, "/api/v1/datasets",
           "--BB\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nset\r\n--BB\r\nContent-Disposition: "
           "form-data; name=\"file\"; filename=\"../../x.npz\"\r\n\r\n" +
               npz + "\r\n--BB--\r\n",
           type);
  ASSERT_EQ(uploaded.status, 202) << uploaded.body;
  finished(body(uploaded));
  add_model("m", true, 1);
  const std::string form =
      "--BB\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--BB\r\nContent-Disposition: form-data; "
      "name=\"version\"\r\n\r\n1\r\n--BB\r\nContent-Disposition: form-data; name=\"image\"; filename=\"image\"\r\n" +
      std::string{"Content-Type: image/png\r\n\r\n"} + text(grey_png(32, 220)) + "\r\n--BB--\r\n";
  const auto read = send(net::Method::post, "/api/v1/reads", form, type);
  ASSERT_EQ(read.status, 201) << read.body;
  EXPECT_EQ(body(read)["hidden"], true);
  EXPECT_EQ(read.body.find("probability"), std::string::npos);
  const std::string id = body(read)["id"].get<std::string>();
  EXPECT_EQ(get("/api/v1/predictions/" + id).body.find("probability"), std::string::npos);
  EXPECT_EQ(get("/api/v1/predictions").body.find("probability"), std::string::npos);
  // The same picture through KServe is refused, too.
  Json data = Json::array();
  const auto image = imaging::decode_png(grey_png(32, 220));
  for (const std::byte b : image->pixels) data.push_back(std::to_integer<int>(b));
  const Json infer{{"inputs", Json::array({Json{
                                  {"name", "image"}, {"datatype", "UINT8"}, {"shape", {1, 32, 32}}, {"data", data}}})}};
  const auto refused = post("/v2/models/m/versions/1/infer", infer);
  EXPECT_EQ(refused.status, 412) << refused.body;
  EXPECT_EQ(
      send(net::Method::put, "/api/v1/predictions/" + id + "/verdicts/pneumonia", R"({"label":"pneumonia"})").status,
      200);
  EXPECT_NE(get("/api/v1/predictions/" + id).body.find("probability"), std::string::npos);
  EXPECT_EQ(post("/v2/models/m/versions/1/infer", infer).status, 200);
}

TEST_F(Http, kserve_answers_metadata_and_tensors) {
  serve();
  add_model("m", true, 1);
  EXPECT_EQ(get("/v2/models/m").status, 412) << "no live version";
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  const Json meta = body(get("/v2/models/m"));
  EXPECT_EQ(meta["inputs"][0]["name"], "image");
  EXPECT_EQ(meta["inputs"][0]["datatype"], "FP32");
  EXPECT_EQ(meta["inputs"][0]["shape"], (Json{-1, 1, 16, 16}));
  EXPECT_EQ(meta["versions"], Json{"1"});
  EXPECT_EQ(get("/v2/models/m/ready").status, 200);
  EXPECT_EQ(get("/v2/models/none/ready").status, 404);
  Json data = Json::array();
  for (int i = 0; i < 512; ++i) data.push_back(i < 256 ? 0.9 : 0.1);
  const Json request{
      {"id", "42"},
      {"inputs",
       Json::array({Json{{"name", "image"}, {"datatype", "FP32"}, {"shape", {2, 1, 16, 16}}, {"data", data}}})}};
  const auto answer = post("/v2/models/m/infer", request);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(body(answer)["id"], "42");
  EXPECT_EQ(body(answer)["model_version"], "1");
  EXPECT_EQ(body(answer)["outputs"][0]["shape"], (Json{2, 1}));
  EXPECT_GT(body(answer)["outputs"][0]["data"][0].get<double>(), 0.99);
  EXPECT_LT(body(answer)["outputs"][0]["data"][1].get<double>(), 0.01);
  // Never a number alone: what it is the probability of, where it is divided, how far to trust it, and what for.
  const Json about = body(answer)["parameters"];
  EXPECT_EQ(about["intended_use"], "Research use only: a test.");
  ASSERT_EQ(about["samples"].size(), 2U);
  EXPECT_EQ(about["samples"][0]["uncertainty"]["kind"], "validation-calibration");
  EXPECT_TRUE(about["samples"][0]["warnings"].is_array());
  EXPECT_EQ(body(answer)["outputs"][0]["parameters"]["classes"], (Json{"normal", "pneumonia"}));
  EXPECT_EQ(body(answer)["outputs"][0]["parameters"]["threshold"], 0.5);
  EXPECT_EQ(body(get("/api/v1/predictions?model=m"))["items"].size(), 2U) << "predictions through KServe are stored";
  EXPECT_EQ(audit.of("prediction.create").size(), 2U);
  const std::string id = body(answer)["parameters"]["prediction_ids"][0].get<std::string>();
  EXPECT_EQ(get("/api/v1/predictions/" + id + "/image.png").status, 200);
  for (const std::string bad :
       {R"({"inputs":[]})", R"({)", R"({"inputs":[{"name":"odd","datatype":"FP32","shape":[1,1,16,16],"data":[]}]})"}) {
    const auto refused = send(net::Method::post, "/v2/models/m/infer", bad);
    EXPECT_EQ(refused.status, 400) << refused.body;
    EXPECT_TRUE(body(refused)["error"].is_string());
  }
}

TEST_F(Http, kserve_takes_and_gives_bytes_behind_the_json) {
  serve();
  add_model("m", true, 1);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  std::vector<float> values(512, 0.9F);
  std::fill(values.begin() + 256, values.end(), 0.45F);
  const Json input{{"name", "image"}, {"datatype", "FP32"}, {"shape", {2, 1, 16, 16}}};
  Json as_text = input, as_bytes = input;
  as_text["data"] = values;
  as_bytes["parameters"] = Json{{"binary_data_size", 2048}};
  const auto plain = post("/v2/models/m/infer", Json{{"inputs", Json::array({as_text})}});
  ASSERT_EQ(plain.status, 200) << plain.body;
  const std::string head =
      Json{{"id", "9"},
           {"inputs", Json::array({as_bytes})},
           {"outputs", Json::array({Json{{"name", "output"}, {"parameters", {{"binary_data", true}}}}})}}
          .dump();
  const std::string sent = head + std::string{reinterpret_cast<const char*>(values.data()), values.size() * 4};
  const auto length =
      std::pair<std::string, std::string>{"Inference-Header-Content-Length", std::to_string(head.size())};
  const auto answer =
      send(net::Method::post, "/v2/models/m/versions/1/infer", sent, "application/octet-stream", "dr", {length});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::size_t json_bytes = std::stoul(std::string{answer.headers.get("Inference-Header-Content-Length")});
  const Json told = Json::parse(answer.body.substr(0, json_bytes));
  EXPECT_EQ(told["id"], "9");
  EXPECT_EQ(told["outputs"][0]["parameters"]["binary_data_size"], 8);
  ASSERT_EQ(answer.body.size(), json_bytes + 8);
  for (std::size_t i = 0; i < 2; ++i) {
    float value = 0;
    std::memcpy(&value, answer.body.data() + json_bytes + 4 * i, 4);
    EXPECT_EQ(static_cast<double>(value), body(plain)["outputs"][0]["data"][i].get<double>()) << i;
  }
  EXPECT_EQ(body(get("/api/v1/predictions?model=m"))["items"].size(), 4U) << "each way stores its answers";
  EXPECT_EQ(
      send(net::Method::post, "/v2/models/m/infer", sent + "x", "application/octet-stream", "dr", {length}).status,
      400);
  EXPECT_EQ(send(net::Method::post, "/v2/models/m/infer", sent, "application/octet-stream", "dr",
                 {length, {"Content-Encoding", "gzip"}})
                .status,
            415);
}

TEST_F(Http, a_full_queue_is_429_with_the_time_to_wait) {
  options.max_waiting = 0;  // no request finds a place
  serve();
  add_model("m", true, 1);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  const std::vector<float> values(256, 0.9F);
  const Json tensor{{"name", "image"}, {"datatype", "FP32"}, {"shape", {1, 1, 16, 16}}, {"data", values}};
  const auto kserve = post("/v2/models/m/infer", Json{{"inputs", Json::array({tensor})}});
  EXPECT_EQ(kserve.status, 429);
  EXPECT_EQ(kserve.headers.get("Retry-After"), "1");
  EXPECT_TRUE(body(kserve)["error"].is_string());
  const auto rest = send(net::Method::post, "/api/v1/models/m/predictions", text(grey_png(16, 200)), "image/png");
  EXPECT_EQ(rest.status, 429);
  EXPECT_EQ(rest.headers.get("Retry-After"), "1");
  EXPECT_EQ(body(get("/api/v1/predictions"))["items"].size(), 0U);
}

TEST_F(Http, what_a_request_says_of_its_priority_decides_its_lane) {
  serve();
  add_model("m", true, 1);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  const auto waited = [&](const std::string& lane) {
    std::string all;
    models->write_metrics(all);
    const std::string name = "aceso_model_queue_seconds_count{model=\"m\",version=\"1\",lane=\"" + lane + "\"} ";
    const std::size_t at = all.find(name);
    return at == std::string::npos ? -1 : std::stoi(all.substr(at + name.size()));
  };
  int level = 100;
  for (const auto& [priority, lane] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", "interactive"}, {"u=3", "interactive"}, {"u=6", "bulk"}, {"i, u=7", "bulk"}, {"xu=7", "interactive"}}) {
    const int before = std::max(waited(lane), 0);
    std::vector<std::pair<std::string, std::string>> headers;
    if (!priority.empty()) headers.emplace_back("Priority", priority);
    const auto answer = send(net::Method::post, "/api/v1/models/m/predictions", text(grey_png(16, level += 10)),
                             "image/png", "dr", headers);
    ASSERT_EQ(answer.status, 201) << answer.body;
    EXPECT_EQ(waited(lane), before + 1) << priority;
  }
  const std::vector<float> values(256, 0.9F);
  for (const int priority : {0, 1, 2}) {
    const std::string lane = priority == 1 ? "interactive" : "bulk";
    const int before = waited(lane);
    const Json tensor{{"name", "image"}, {"datatype", "FP32"}, {"shape", {1, 1, 16, 16}}, {"data", values}};
    ASSERT_EQ(
        post("/v2/models/m/infer", Json{{"inputs", Json::array({tensor})}, {"parameters", {{"priority", priority}}}})
            .status,
        200);
    EXPECT_EQ(waited(lane), before + 1) << priority;
  }
}

TEST_F(Http, kserve_describes_what_a_client_of_triton_asks_for) {
  serve();
  add_model("m", true, 1);
  add_model("m", true, 2);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  ASSERT_TRUE(models->promote(actor("a"), "m", 2, "live"));
  const Json config = body(get("/v2/models/m/config"));
  EXPECT_EQ(config["max_batch_size"], 16);
  EXPECT_EQ(config["input"][0], (Json{{"name", "image"}, {"data_type", "TYPE_FP32"}, {"dims", {1, 16, 16}}}));
  EXPECT_EQ(config["output"][0]["dims"], Json::array({1}));
  const Json index = body(send(net::Method::post, "/v2/repository/index", ""));
  ASSERT_EQ(index.size(), 2U);
  EXPECT_EQ(index[0], (Json{{"name", "m"}, {"version", "2"}, {"state", "READY"}, {"reason", ""}}));
  EXPECT_EQ(index[1]["state"], "UNAVAILABLE");
  EXPECT_EQ(body(post("/v2/repository/index", Json{{"ready", true}})).size(), 1U);
  const auto load = send(net::Method::post, "/v2/repository/models/m/load", "{}");
  EXPECT_EQ(load.status, 415);
  EXPECT_NE(body(load)["error"].get<std::string>().find("promotion"), std::string::npos);
  EXPECT_EQ(get("/v2/systemsharedmemory/status").status, 404);
  EXPECT_TRUE(body(get("/v2/systemsharedmemory/status"))["error"].is_string());
}

TEST_F(Http, kserve_says_what_labels_and_numbers_mean) {
  serve();
  for (const bool number : {false, true}) {
    const std::string name = number ? "size" : "several";
    const std::filesystem::path folder = home.path() / name;
    ASSERT_TRUE(learn::write_bundle(folder,
                                    number ? make_target_bundle(name, 16, {"diameter"}, "mm")
                                           : make_target_bundle(name, 16, {"nodule", "effusion"}),
                                    "<!doctype html><html><body>report</body></html>", signing_key()));
    ASSERT_TRUE(models->register_bundle(actor("a"), folder, ""));
    ASSERT_TRUE(models->promote(actor("a"), name, 1, "live"));
    const std::int64_t width = number ? 1 : 2;
    EXPECT_EQ(body(get("/v2/models/" + name))["outputs"][0]["shape"], (Json{-1, width}));
    Json data = Json::array();
    for (int i = 0; i < 512; ++i) data.push_back(i < 256 ? 0.9 : 0.1);
    const auto answer = post(
        "/v2/models/" + name + "/infer",
        Json{{"inputs", Json::array({Json{
                            {"name", "image"}, {"datatype", "FP32"}, {"shape", {2, 1, 16, 16}}, {"data", data}}})}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json output = body(answer)["outputs"][0];
    EXPECT_EQ(output["shape"], (Json{2, width}));
    const Json& about = output["parameters"];
    if (number) {
      EXPECT_EQ(about["unit"], "mm");
      EXPECT_EQ(about["quantity"], "diameter");
      EXPECT_DOUBLE_EQ(about["interval_coverage"].get<double>(), 0.9);
    } else {
      EXPECT_EQ(about["labels"], (Json{"nodule", "effusion"}));
      EXPECT_EQ(about["thresholds"], (Json{0.4, 0.4}));
    }
    const Json kept = body(get("/api/v1/predictions?model=" + name))["items"];
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_TRUE(kept[0].contains(number ? "number" : "labels"));
  }
}

TEST_F(Http, bad_requests_get_a_clear_answer_and_leave_nothing) {
  serve();
  add_model("m", true, 1);
  EXPECT_EQ(send(net::Method::post, "/api/v1/models/m/predictions?version=1", "x", "text/plain").status, 415);
  EXPECT_EQ(send(net::Method::post, "/api/v1/models/m/predictions?version=1", "not a png", "image/png").status, 415);
  EXPECT_EQ(
      send(net::Method::post, "/api/v1/models/m/predictions?version=x", text(grey_png(32, 9)), "image/png").status,
      400);
  EXPECT_EQ(
      send(net::Method::post, "/api/v1/models/none/predictions?version=1", text(grey_png(32, 9)), "image/png").status,
      404);
  EXPECT_EQ(post("/api/v1/training", Json{{"name", "../../x"}, {"dataset", "set"}}).status, 400);
  EXPECT_EQ(send(net::Method::post, "/api/v1/training", "{\"name\":").status, 400);
  EXPECT_EQ(send(net::Method::post, "/api/v1/training", "{}", "text/plain").status, 415);
  EXPECT_EQ(send(net::Method::post, "/api/v1/datasets?name=..%2Fx", "PK", "application/zip").status, 400);
  EXPECT_EQ(send(net::Method::post, "/api/v1/datasets?name=x&odd=1", "PK", "application/zip").status, 400);
  EXPECT_EQ(
      send(net::Method::post, "/api/v1/datasets?name=x", "--B\r\nbroken", "multipart/form-data; boundary=B").status,
      400);
  EXPECT_EQ(post("/api/v1/datasets?name=x", Json{{"path", "/etc/passwd"}}).status, 415)
      << "no route takes a path of this machine";
  EXPECT_EQ(get("/api/v1/predictions?cursor=zzz").status, 400);
  EXPECT_EQ(get("/api/v1/predictions?limit=0").status, 400);
  EXPECT_EQ(get("/api/v1/datasets/none").status, 404);
  EXPECT_EQ(get("/api/v1/models/m/99999999999").status, 404);
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "spool"));
}

TEST_F(Http, bodies_past_their_limit_are_refused) {
  options.max_image_bytes = 64 * 1024;
  serve();
  add_model("m", true, 1);
  EXPECT_EQ(send(net::Method::post, "/api/v1/models/m/predictions?version=1", std::string(200 * 1024, 'x'), "image/png")
                .status,
            413);
  EXPECT_EQ(send(net::Method::post, "/api/v1/models/m/1/promote", std::string(2 << 20, ' ')).status, 413);
}

TEST_F(Http, an_idempotency_key_makes_a_request_happen_once) {
  serve();
  add_model("m", true, 1);
  const std::vector<std::pair<std::string, std::string>> key{{"Idempotency-Key", "k1"}};
  const auto first =
      send(net::Method::post, "/api/v1/models/m/predictions?version=1", text(grey_png(32, 9)), "image/png", "dr", key);
  const auto second =
      send(net::Method::post, "/api/v1/models/m/predictions?version=1", text(grey_png(32, 9)), "image/png", "dr", key);
  EXPECT_EQ(body(first)["id"], body(second)["id"]);
  EXPECT_EQ(
      send(net::Method::post, "/api/v1/models/m/predictions?version=1", text(grey_png(32, 99)), "image/png", "dr", key)
          .status,
      409);
  EXPECT_NE(body(send(net::Method::post, "/api/v1/models/m/predictions?version=1", text(grey_png(32, 9)), "image/png",
                      "other", key))["id"],
            body(first)["id"]);
  EXPECT_EQ(body(get("/api/v1/predictions"))["items"].size(), 2U);
}

TEST_F(Http, job_events_stream_live_and_resume_after_the_last_seen) {
  serve();
  import("set");
  const Json job = body(
      post("/api/v1/training", Json{{"name", "m"}, {"dataset", "set"}, {"config", Json{{"epochs", 3}, {"batch", 8}}}}));
  const std::string target = "/api/v1/jobs/" + id_of(job) + "/events";
  const auto listen = [&](const std::string& last) {
    std::vector<std::pair<std::string, Json>> seen;
    auto client = net::Client::connect_tcp("127.0.0.1", port);
    net::ClientRequest request;
    request.target = target;
    request.headers.set("X-Test-User", "dr");
    if (!last.empty()) request.headers.set("Last-Event-ID", last);
    EXPECT_TRUE((*client)->events(request, [&](std::string_view event, std::string_view data) {
      seen.emplace_back(event, *parse_json(data));
      const std::string state = event == "state" ? seen.back().second["state"].get<std::string>() : "";
      return state != "succeeded" && state != "failed";
    }));
    return seen;
  };
  const auto all = listen("");
  const auto epochs = [](const auto& seen) {
    return std::count_if(seen.begin(), seen.end(), [](const auto& e) { return e.first == "epoch"; });
  };
  EXPECT_EQ(epochs(all), 3);
  ASSERT_FALSE(all.empty());
  for (const auto& [event, data] : all)
    EXPECT_TRUE(event != "state" || data.contains("id")) << "a state is the whole job";
  EXPECT_EQ(all.back().first, "state");
  EXPECT_EQ(all.back().second["state"], "succeeded") << all.back().second.dump();
  EXPECT_EQ(epochs(listen("0")), 3);
  const std::string stream = get(target).body;  // of an ended job: the stream ends, too
  const std::size_t first = stream.find("event: epoch"), id = stream.find("id: ", stream.rfind("\n\n", first) + 1);
  ASSERT_NE(id, std::string::npos) << stream;
  EXPECT_EQ(epochs(listen(stream.substr(id + 4, stream.find('\n', id) - id - 4))), 2) << stream;
  EXPECT_EQ(epochs(listen("100000")), 0);
  EXPECT_EQ(send(net::Method::get, target, {}, {}, "dr", {{"Last-Event-ID", "x"}}).status, 400);
}

TEST_F(Http, every_route_describes_itself) {
  serve();
  const Json api = net::make_openapi(router, "t", "1");
  EXPECT_TRUE(api["paths"].contains("/api/v1/datasets"));
  for (const auto& route : router.routes()) {
    EXPECT_FALSE(route.info.summary.empty()) << route.pattern;
    EXPECT_FALSE(route.info.tag.empty()) << route.pattern;
  }
}

}  // namespace
}  // namespace aceso::models::test
