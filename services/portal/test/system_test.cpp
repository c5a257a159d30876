// Users, audit routes, health, metrics, the web application's files.
#include <gmock/gmock.h>

#include <set>

#include "node.hpp"

namespace aceso::portal {
namespace {

using testing::HasSubstr;
using testing::Not;

using UsersNode = Node;
using SystemNode = Node;

TEST_F(UsersNode, are_made_changed_and_removed_and_it_is_written_down) {
  auto a = admin();
  const auto id = add_user(a, "sam", {"scientist", "auditor"});
  auto users = a.get("/api/v1/users").json()["items"];
  ASSERT_EQ(users.size(), 2U);
  EXPECT_EQ(users[1]["name"], "sam");
  EXPECT_EQ(users[1]["roles"], Json::array({"scientist", "auditor"}));
  EXPECT_FALSE(users[1].contains("password"));
  const auto changed = a.patch("/api/v1/users/" + id, Json{{"roles", Json::array({"clinician"})}});
  EXPECT_EQ(changed.json()["roles"], Json::array({"clinician"}));
  EXPECT_EQ(a.patch("/api/v1/users/" + id, Json{{"password", "a new quiet ward"}}).status, 200);
  EXPECT_EQ(browser().sign_in("sam", "a new quiet ward").status, 200);
  EXPECT_EQ(a.del("/api/v1/users/" + id).status, 204);
  EXPECT_EQ(a.del("/api/v1/users/" + id).status, 404);
  EXPECT_EQ(audit("user.create").size(), 1U);
  EXPECT_EQ(audit("user.update").size(), 2U);
  EXPECT_EQ(audit("user.delete").size(), 1U);
  EXPECT_EQ(audit("user.create").at(0)["agent"], "ada");
  for (const auto& record : audit("user.")) EXPECT_THAT(record["detail"].get<std::string>(), Not(HasSubstr("quiet")));
}

TEST_F(UsersNode, are_found_by_name_for_a_task_unless_they_are_disabled) {
  auto a = admin();
  const auto id = add_user(a, "sam", {"clinician"});
  const auto found = portal->find_account("SAM");
  ASSERT_TRUE(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->id, id);
  EXPECT_EQ((*found)->name, "sam");
  EXPECT_THAT((*found)->scopes, testing::Contains("feedback:write"));
  EXPECT_THAT((*found)->scopes, Not(testing::Contains("datasets:write")));
  ASSERT_EQ(a.patch("/api/v1/users/" + id, Json{{"disabled", true}}).status, 200);
  EXPECT_FALSE(portal->find_account("sam")->has_value());
  EXPECT_FALSE(portal->find_account("nobody")->has_value());
}

TEST_F(UsersNode, are_refused_when_they_make_no_sense) {
  auto a = admin();
  const auto refused = [&](const Json& body) { return a.post("/api/v1/users", body).status; };
  const auto roles = Json::array({"auditor"});
  EXPECT_EQ(refused(Json{{"name", "ADA"}, {"password", kPassword}, {"roles", roles}}), 409);
  EXPECT_EQ(refused(Json{{"name", ""}, {"password", kPassword}, {"roles", roles}}), 400);
  EXPECT_EQ(refused(Json{{"name", " sam"}, {"password", kPassword}, {"roles", roles}}), 400);
  EXPECT_EQ(refused(Json{{"name", "sa\nm"}, {"password", kPassword}, {"roles", roles}}), 400);
  EXPECT_EQ(refused(Json{{"name", std::string(65, 'a')}, {"password", kPassword}, {"roles", roles}}), 400);
  EXPECT_EQ(refused(Json{{"name", "sam"}, {"password", "short"}, {"roles", roles}}), 400);
  EXPECT_EQ(refused(Json{{"name", "sam"}, {"password", kPassword}, {"roles", Json::array()}}), 400);
  EXPECT_EQ(refused(Json{{"name", "sam"}, {"password", kPassword}, {"roles", Json::array({"root"})}}), 400);
  EXPECT_EQ(refused(Json{{"name", "sam"}, {"password", kPassword}, {"roles", Json::array({"admin", "admin"})}}), 400);
  EXPECT_EQ(refused(Json{{"name", "sam"}, {"password", kPassword}, {"roles", roles}, {"admin", true}}), 400);
  EXPECT_EQ(refused(Json::array()), 400);
  EXPECT_EQ(a.send(net::Method::post, "/api/v1/users", "{").status, 400);
  EXPECT_EQ(a.get("/api/v1/users").json()["items"].size(), 1U);
}

TEST_F(UsersNode, the_last_administrator_stays) {
  auto a = admin();
  const auto ada = a.get("/api/v1/session").json()["user"]["id"].get<std::string>();
  EXPECT_EQ(a.del("/api/v1/users/" + ada).status, 412);
  EXPECT_EQ(a.patch("/api/v1/users/" + ada, Json{{"disabled", true}}).status, 412);
  EXPECT_EQ(a.patch("/api/v1/users/" + ada, Json{{"roles", Json::array({"auditor"})}}).status, 412);
  const auto bob = add_user(a, "bob", {"admin"});
  EXPECT_EQ(a.patch("/api/v1/users/" + bob, Json{{"disabled", true}}).status, 200);
  EXPECT_EQ(a.del("/api/v1/users/" + ada).status, 412);  // bob cannot sign in
  EXPECT_EQ(a.patch("/api/v1/users/" + bob, Json{{"disabled", false}}).status, 200);
  EXPECT_EQ(a.del("/api/v1/users/" + ada).status, 204);
}

TEST_F(UsersNode, outlive_a_restart_with_their_sessions) {
  auto a = admin();
  stop();
  start();
  auto again = browser();
  again.cookie = a.cookie;
  EXPECT_EQ(again.get("/api/v1/session").json()["user"]["name"], "ada");
  EXPECT_EQ(again.get("/api/v1/audit/verify").json()["ok"], true);
}

TEST_F(SystemNode, the_audit_trail_is_shown_paged_and_verified) {
  auto a = admin();
  for (int i = 0; i < 7; ++i) add_user(a, "user" + std::to_string(i), {"auditor"});
  auto auditor = browser();
  ASSERT_EQ(auditor.sign_in("user0").status, 200);
  const auto first = auditor.get("/api/v1/audit?event=user.create&limit=5").json();
  ASSERT_EQ(first["items"].size(), 5U);
  const auto rest =
      auditor.get("/api/v1/audit?event=user.create&limit=5&cursor=" + first["next"].get<std::string>()).json();
  EXPECT_EQ(rest["items"].size(), 2U);
  EXPECT_TRUE(rest["next"].is_null());
  for (const auto* key : {"sequence", "time", "action", "event", "outcome", "agent_id", "agent_name", "source_address",
                          "entity_type", "entity_id", "request_id", "detail", "hash"}) {
    EXPECT_TRUE(first["items"][0].contains(key)) << key;
  }
  EXPECT_EQ(auditor.get("/api/v1/audit?from=yesterday").status, 400);
  EXPECT_EQ(auditor.get("/api/v1/audit?limit=0").status, 400);
  EXPECT_EQ(auditor.get("/api/v1/audit?cursor=x").status, 400);
  EXPECT_EQ(auditor.get("/api/v1/audit?from=2999-01-01T00:00:00Z").json()["items"].size(), 0U);
  const auto verdict = auditor.get("/api/v1/audit/verify").json();
  EXPECT_EQ(verdict["ok"], true);
  EXPECT_FALSE(verdict.contains("first_bad"));
  auto side = *store::open_sqlite(home->path() / "portal" / "catalogue.sqlite", portal_migrations(), logger);
  ASSERT_TRUE(side->execute("DROP TRIGGER audit_is_append_only_update"));
  ASSERT_TRUE(side->execute("UPDATE audit SET agent_name = 'nobody' WHERE sequence = 4"));
  const auto bad = auditor.get("/api/v1/audit/verify").json();
  EXPECT_EQ(bad["ok"], false);
  EXPECT_EQ(bad["first_bad"], 4);
}

TEST_F(SystemNode, tells_its_health_and_what_is_not_ready) {
  bool works = true;
  portal->add_readiness("models", [&]() -> Status {
    if (works) return {};
    return Error{Code::unavailable, "an inner matter"};
  });
  auto b = browser();
  EXPECT_EQ(b.get("/healthz").json(), Json({{"status", "ok"}}));
  EXPECT_EQ(b.get("/readyz").json(), Json({{"status", "ready"}, {"services", {{"portal", "ok"}, {"models", "ok"}}}}));
  works = false;
  const auto answer = b.get("/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.json()["services"]["models"], "failed");
  EXPECT_THAT(answer.body, Not(HasSubstr("inner")));
}

TEST_F(SystemNode, counts_without_naming_anybody) {
  portal->add_metrics([](std::string& out) { out += "models_loaded 3\n"; });
  auto a = admin();
  browser().sign_in("ada", "wrong password");
  a.get("/api/v1/users/../users");
  a.get("/api/v1/some-patient-name");
  const auto text = a.get("/metrics").body;
  EXPECT_THAT(text, HasSubstr("aceso_sessions 1\n"));
  EXPECT_THAT(text, HasSubstr("aceso_login_failures_total 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "aceso_http_request_duration_seconds_count{route=\"/api/v1/session\",method=\"POST\",status=\"2xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("models_loaded 3\n"));
  EXPECT_THAT(text, Not(HasSubstr("some-patient-name")));
  net::Request remote;
  remote.path = "/metrics";
  remote.remote_address = "10.1.2.3";
  EXPECT_EQ(direct(remote).status, 401);
}

TEST_F(SystemNode, says_what_it_is_and_describes_every_route) {
  portal->set_engines({"openvino"});
  auto b = browser();
  const auto about = b.get("/api/v1/about").json();
  EXPECT_EQ(about["version"], "1.2.3");
  EXPECT_EQ(about["research_use"], true);
  EXPECT_EQ(about["engines"], Json::array({"openvino"}));
  const auto api = b.get("/api/v1/openapi.json").json();
  EXPECT_THAT(api["openapi"].get<std::string>(), testing::StartsWith("3.1"));
  for (const auto& route : router->routes()) EXPECT_TRUE(api["paths"].contains(route.pattern)) << route.pattern;
}

class WebNode : public Node {
 protected:
  void SetUp() override {
    config.web_root = home->path() / "web";
    std::filesystem::create_directories(config.web_root / "assets");
    write("index.html", "<meta nonce=\"__CSP_NONCE__\"><link nonce=\"__CSP_NONCE__\">");
    write("assets/app-3f9c2a1b.js", "export {};");
    ASSERT_TRUE(write_file_atomic(home->path() / "outside.txt", "secret"));
    Node::SetUp();
  }
  void write(const std::string& name, std::string_view text) const {
    ASSERT_TRUE(write_file_atomic(config.web_root / name, text));
  }
};

TEST_F(WebNode, every_page_gets_its_own_nonce) {
  auto b = browser();
  std::set<std::string> nonces;
  for (const auto* path : {"/", "/index.html", "/models/pneumonia", "/audit"}) {
    const auto page = b.get(path);
    EXPECT_EQ(page.status, 200) << path;
    EXPECT_EQ(page.headers.get("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(page.headers.get("Cache-Control"), "no-store");
    EXPECT_THAT(page.body, Not(HasSubstr("__CSP_NONCE__")));
    const auto nonce = page.body.substr(13, page.body.find('"', 13) - 13);
    EXPECT_EQ(nonce.size(), 24U);
    EXPECT_THAT(page.body, HasSubstr("<link nonce=\"" + nonce + "\">"));
    const std::string policy{page.headers.get("Content-Security-Policy")};
    EXPECT_THAT(policy, HasSubstr("style-src 'self' 'nonce-" + nonce + "'"));
    EXPECT_THAT(policy, HasSubstr("script-src 'self';"));
    nonces.insert(nonce);
  }
  EXPECT_EQ(nonces.size(), 4U);
}

TEST_F(WebNode, files_come_with_their_type_and_are_kept_by_their_name) {
  auto b = browser();
  const auto script = b.get("/assets/app-3f9c2a1b.js");
  EXPECT_EQ(script.status, 200);
  EXPECT_EQ(script.body, "export {};");
  EXPECT_EQ(script.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_THAT(std::string{script.headers.get("Cache-Control")}, HasSubstr("immutable"));
  EXPECT_EQ(b.get("/assets/gone.js").status, 404);
}

TEST_F(WebNode, nothing_outside_the_folder_is_served) {
  std::filesystem::create_symlink(home->path() / "outside.txt", config.web_root / "link.txt");
  auto b = browser();
  for (const auto* path :
       {"/link.txt", "/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/assets/../../outside.txt"}) {
    const auto answer = b.get(path);
    EXPECT_NE(answer.status, 200) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("secret"))) << path;
  }
}

class ViewerNode : public Node {
 protected:
  void SetUp() override {
    config.viewer_root = home->path() / "ohif";
    std::filesystem::create_directories(config.viewer_root);
    ASSERT_TRUE(write_file_atomic(config.viewer_root / "index.html", "<title>viewer</title>"));
    ASSERT_TRUE(write_file_atomic(config.viewer_root / "5130ccb17e3f3f5b.wasm", "wasm"));
    ASSERT_TRUE(write_file_atomic(home->path() / "outside.txt", "secret"));
    Node::SetUp();
  }
};

TEST_F(ViewerNode, the_viewer_has_a_policy_of_its_own_on_its_own_path) {
  auto b = browser();
  for (const auto* path : {"/ohif", "/ohif/", "/ohif/viewer", "/ohif/index.html"}) {
    const auto page = b.get(path);
    EXPECT_EQ(page.status, 200) << path;
    EXPECT_EQ(page.body, "<title>viewer</title>") << path;
    const std::string policy{page.headers.get("Content-Security-Policy")};
    EXPECT_THAT(policy, HasSubstr("script-src 'self' 'wasm-unsafe-eval' blob:;"));
    EXPECT_THAT(policy, HasSubstr("connect-src 'self' blob: data:;"));
  }
  const auto wasm = b.get("/ohif/5130ccb17e3f3f5b.wasm");
  EXPECT_EQ(wasm.headers.get("Content-Type"), "application/wasm");
  EXPECT_THAT(std::string{wasm.headers.get("Content-Security-Policy")}, HasSubstr("worker-src 'self' blob:"));
  EXPECT_EQ(b.get("/ohif/gone.js").status, 404);
  for (const auto* path : {"/ohif/../outside.txt", "/ohif/%2e%2e/outside.txt", "/ohif/..%2foutside.txt"})
    EXPECT_THAT(b.get(path).body, Not(HasSubstr("secret"))) << path;
  for (const auto* path : {"/", "/ohifx", "/studies"})
    EXPECT_THAT(std::string{b.get(path).headers.get("Content-Security-Policy")}, Not(HasSubstr("wasm"))) << path;
}

TEST_F(SystemNode, says_how_to_install_the_viewer) {
  const auto page = browser().get("/ohif/viewer");
  EXPECT_EQ(page.status, 404);
  EXPECT_THAT(page.body, HasSubstr("./dev setup --with ohif"));
}

TEST_F(SystemNode, says_plainly_that_the_web_application_is_not_built) {
  const auto page = browser().get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("has not been built"));
  EXPECT_THAT(std::string{page.headers.get("Content-Security-Policy")}, HasSubstr("default-src 'none'"));
}

}  // namespace
}  // namespace aceso::portal
