// Every request passes the gateway: who may what, from where, and what is written down about it.
#include <gmock/gmock.h>

#include <set>

#include "aceso/portal/scopes.hpp"
#include "node.hpp"
#include "service_token.hpp"

namespace aceso::portal {
namespace {

using net::Method;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// Routes of another service: one for each scope, one that reads patient data, some that fail.
class GatewayNode : public Node {
 protected:
  void more_routes(net::Router& r) override {
    const auto ok = [this](net::Request&) -> Result<net::Response> {
      ++calls;
      return net::Response::json(Json{{"done", true}});
    };
    for (const auto& scope : all_scopes()) {
      const net::RouteInfo info{.summary = "x", .tag = "probe", .scope = scope};
      r.add(Method::get, "/api/v1/probe/" + scope, info, ok);
      r.add(Method::post, "/api/v1/probe/" + scope, info, ok);
    }
    net::RouteInfo patient{.summary = "x", .tag = "prediction", .scope = "predictions:read"};
    patient.audit_read = true;
    r.add(Method::get, "/api/v1/patient/{id}", patient, ok);
    r.add(Method::put, "/api/v1/things/{id}", {.summary = "x", .tag = "thing", .scope = "models:write"}, ok);
    r.add(Method::post, "/api/v1/broken", {.summary = "x", .tag = "thing", .scope = "models:write"},
          [](net::Request&) -> Result<net::Response> { return Error{Code::internal, "a secret of the inside"}; });
    r.add(Method::post, "/api/v1/throws", {.summary = "x", .tag = "thing", .scope = "models:write"},
          [](net::Request&) -> Result<net::Response> { throw std::runtime_error{"a secret of the inside"}; });
    r.add(Method::get, "/api/v1/report", {.summary = "x", .tag = "thing", .scope = "models:read"},
          [](net::Request&) -> Result<net::Response> {
            auto page = net::Response::text("<p>report</p>", "text/html");
            page.headers.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
            page.headers.set("Cache-Control", "private");
            return page;
          });
  }
  std::atomic<int> calls = 0;
};

// Whoever adds a public route has to add it here, and to say why.
const std::set<std::pair<Method, std::string>>& public_routes() {
  static const std::set<std::pair<Method, std::string>> routes{
      {Method::get, "/api/v1/setup"},         // before there is anybody
      {Method::post, "/api/v1/setup"},        // needs the token
      {Method::get, "/api/v1/session"},       // answers 401 itself
      {Method::post, "/api/v1/session"},      // signing in
      {Method::get, "/api/v1/about"},         // shown on the sign-in page
      {Method::get, "/api/v1/openapi.json"},  // the same for every node
      {Method::get, "/healthz"},              // for supervisors
      {Method::get, "/readyz"},
      {Method::get, "/metrics"},  // this machine only, else signed in
  };
  return routes;
}

std::string path_of(const net::Router::Route& route) {
  auto path = route.pattern;
  for (auto at = path.find('{'); at != std::string::npos; at = path.find('{'))
    path.replace(at, path.find('}') - at + 1, "x1");
  return path;
}

TEST_F(GatewayNode, no_route_is_open_that_is_not_listed_as_public) {
  std::size_t open = 0;
  for (const auto& route : router->routes()) {
    const bool listed = public_routes().contains({route.method, route.pattern});
    EXPECT_EQ(route.info.scope.empty(), listed) << route.pattern;
    EXPECT_TRUE(listed || is_scope(route.info.scope)) << route.pattern;
    open += listed ? 1U : 0U;
  }
  EXPECT_EQ(open, public_routes().size());
}

TEST_F(GatewayNode, nobody_passes_a_scoped_route_without_signing_in) {
  admin();
  auto b = browser();
  for (const auto& route : router->routes()) {
    if (route.info.scope.empty()) continue;
    const auto answer = b.send(route.method, path_of(route), route.method == Method::get ? "" : "{}");
    EXPECT_EQ(answer.status, 401) << route.pattern;
    EXPECT_EQ(answer.code(), "unauthenticated") << route.pattern;
    EXPECT_EQ(answer.headers.get("WWW-Authenticate"), "Bearer");
  }
  EXPECT_EQ(calls, 0);
}

TEST_F(GatewayNode, each_role_reaches_what_its_scopes_say_and_nothing_else) {
  auto a = admin();
  for (const auto& role : all_roles()) {
    if (role != "admin") add_user(a, role, {role});
  }
  for (const auto& role : all_roles()) {
    auto b = browser();
    ASSERT_EQ(b.sign_in(role == "admin" ? "ada" : role).status, 200);
    const auto scopes = scopes_of({role});
    const std::set<std::string> may(scopes.begin(), scopes.end());
    for (const auto& route : router->routes()) {
      if (route.info.scope.empty() || may.contains(route.info.scope)) continue;
      const auto before = calls.load();
      const auto answer = b.send(route.method, path_of(route), route.method == Method::get ? "" : "{}");
      EXPECT_EQ(answer.status, 403) << role << " " << route.pattern;
      EXPECT_EQ(calls, before) << role << " " << route.pattern;
    }
    for (const auto& scope : may) {
      EXPECT_EQ(b.get("/api/v1/probe/" + scope).status, 200) << role << " " << scope;
      EXPECT_EQ(b.post("/api/v1/probe/" + scope, Json::object()).status, 200) << role << " " << scope;
    }
  }
  EXPECT_FALSE(audit("access.denied").empty());
}

TEST_F(GatewayNode, a_change_with_a_cookie_needs_the_sessions_csrf_token) {
  auto a = admin();
  const auto good = a.csrf;
  for (const auto& token : {std::string{}, std::string{"x"}, good + "A", std::string(43, 'A')}) {
    a.csrf = token;
    for (const auto method : {Method::post, Method::put, Method::patch, Method::del}) {
      const auto* target = method == Method::post  ? "/api/v1/users"
                           : method == Method::put ? "/api/v1/things/x"
                                                   : "/api/v1/users/x";
      const auto answer = a.send(method, target, "{}");
      EXPECT_EQ(answer.status, 403);
      EXPECT_EQ(answer.code(), "denied");
    }
  }
  auto other = browser();
  ASSERT_EQ(other.sign_in("ada").status, 200);
  a.csrf = other.csrf;  // of another session of the same user
  EXPECT_EQ(a.put("/api/v1/things/x", Json::object()).status, 403);
  a.csrf = good;
  EXPECT_EQ(a.put("/api/v1/things/x", Json::object()).status, 200);
  EXPECT_EQ(calls, 1);
}

TEST_F(GatewayNode, a_change_from_another_site_is_refused_even_with_the_token) {
  auto a = admin();
  for (const auto& [name, value] :
       {std::pair{"Origin", "https://evil.example"}, std::pair{"Origin", "null"},
        std::pair{"Sec-Fetch-Site", "cross-site"}, std::pair{"Sec-Fetch-Site", "same-site"}}) {
    a.extra = {{name, value}};
    EXPECT_EQ(a.put("/api/v1/things/x", Json::object()).status, 403) << value;
    EXPECT_EQ(a.post("/api/v1/session", Json{{"name", "ada"}, {"password", kPassword}}).status, 403)
        << value;  // login CSRF
    EXPECT_EQ(a.get("/api/v1/users").status, 200);
  }
  a.extra = {{"Origin", "http://127.0.0.1:" + std::to_string(port)}, {"Sec-Fetch-Site", "same-origin"}};
  EXPECT_EQ(a.put("/api/v1/things/x", Json::object()).status, 200);
}

TEST_F(GatewayNode, api_tokens_do_what_they_say_while_they_live) {
  auto a = admin();
  const auto made =
      a.post("/api/v1/tokens", Json{{"name", "ci"}, {"scopes", Json::array({"models:read"})}, {"expires_days", 2}});
  ASSERT_EQ(made.status, 201) << made.body;
  auto program = browser();
  program.bearer = made.json()["token"].get<std::string>();
  EXPECT_THAT(program.bearer, testing::StartsWith("aceso_"));
  EXPECT_EQ(program.get("/api/v1/probe/models:read").status, 200);
  EXPECT_EQ(program.post("/api/v1/probe/models:read", Json::object()).status, 200);  // no cookie: no CSRF token
  EXPECT_EQ(program.get("/api/v1/probe/models:write").status, 403);
  EXPECT_EQ(program.get("/api/v1/session").json()["user"]["name"], "ada/ci");
  const auto listed = a.get("/api/v1/tokens").json()["items"];
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_FALSE(listed[0].contains("token"));
  clock.advance(std::chrono::hours{48});
  EXPECT_EQ(program.get("/api/v1/probe/models:read").status, 401);
}

TEST_F(GatewayNode, api_tokens_end_when_removed_and_shrink_with_their_owner) {
  auto a = admin();
  const auto bob = add_user(a, "bob", {"admin"});
  auto b = browser();
  ASSERT_EQ(b.sign_in("bob").status, 200);
  const auto make = [&](std::string_view scope) {
    return b.post("/api/v1/tokens", Json{{"name", "t"}, {"scopes", Json::array({scope})}}).json();
  };
  const auto first = make("models:read");
  const auto second = make("datasets:read");
  auto p1 = browser();
  p1.bearer = first["token"].get<std::string>();
  auto p2 = browser();
  p2.bearer = second["token"].get<std::string>();
  EXPECT_EQ(p2.get("/api/v1/probe/datasets:read").status, 200);
  EXPECT_EQ(a.del("/api/v1/tokens/" + first["id"].get<std::string>()).status, 204);
  EXPECT_EQ(p1.get("/api/v1/probe/models:read").status, 401);
  EXPECT_EQ(a.patch("/api/v1/users/" + bob, Json{{"roles", Json::array({"auditor"})}}).status, 200);
  EXPECT_EQ(p2.get("/api/v1/probe/datasets:read").status, 403);
  EXPECT_EQ(a.del("/api/v1/users/" + bob).status, 204);
  EXPECT_EQ(p2.get("/api/v1/probe/datasets:read").status, 401);
}

TEST_F(GatewayNode, tokens_cannot_be_made_stronger_than_their_maker) {
  auto a = admin();
  for (const auto* scope : {"self", "users:write", "tokens:write", "feedback:write"}) {
    EXPECT_EQ(a.post("/api/v1/tokens", Json{{"name", "t"}, {"scopes", Json::array({scope})}}).status, 403) << scope;
  }
  for (const Json& body :
       {Json{{"name", "t"}, {"scopes", Json::array()}}, Json{{"name", "t"}, {"scopes", Json::array({"all"})}},
        Json{{"name", "t"}, {"scopes", Json::array({"models:read"})}, {"expires_days", 0}},
        Json{{"name", "t"}, {"scopes", Json::array({"models:read"})}, {"expires_days", 4000}},
        Json{{"name", "t"}, {"scopes", "models:read"}}, Json{{"name", "t"}}}) {
    EXPECT_EQ(a.post("/api/v1/tokens", body).status, 400) << body.dump();
  }
}

TEST_F(GatewayNode, service_tokens_are_taken_and_forgeries_are_not) {
  auto a = admin();
  auto b = browser();
  const contracts::Principal worker{.id = "system", .name = "worker", .scopes = {"models:read"}};
  b.bearer = portal->issue_token(worker);
  EXPECT_EQ(b.get("/api/v1/probe/models:read").status, 200);
  EXPECT_EQ(b.get("/api/v1/probe/users:write").status, 403);
  clock.advance(std::chrono::minutes{5});
  EXPECT_EQ(b.get("/api/v1/probe/models:read").status, 401);
  SeededRandom elsewhere{99};
  const auto theirs = crypto::SigningKey::generate(elsewhere);
  b.bearer = sign_service_token(worker, clock.utc_now(), clock.utc_now() + std::chrono::minutes{5}, theirs);
  EXPECT_EQ(b.get("/api/v1/probe/models:read").status, 401);
  for (const auto* junk : {"aceso_AAAA", "a.b.c", "x", "aceso_"}) {
    b.bearer = junk;
    EXPECT_EQ(b.get("/api/v1/probe/models:read").status, 401) << junk;
  }
}

TEST_F(GatewayNode, the_local_socket_is_the_operator_and_only_the_local_socket) {
  net::Request request;
  request.path = "/api/v1/users";
  request.remote_address = "unix";
  request.local_socket = true;
  EXPECT_EQ(direct(request).status, 200);
  request.local_socket = false;  // an address cannot claim it
  EXPECT_EQ(direct(request).status, 401);
  request.local_socket = true;
  request.method = Method::post;
  request.path = "/api/v1/probe/models:write";
  EXPECT_EQ(direct(request).status, 200);
  EXPECT_EQ(audit("http.request").at(0)["agent"], "local");
  EXPECT_EQ(audit("http.request").at(0)["address"], "unix");
}

TEST_F(GatewayNode, writes_down_every_change_every_read_of_patients_and_every_refusal) {
  auto a = admin();
  add_user(a, "cleo", {"clinician"});
  auto c = browser();
  ASSERT_EQ(c.sign_in("cleo").status, 200);
  EXPECT_EQ(c.get("/api/v1/patient/p7").status, 200);
  auto records = audit("http.request");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0]["agent"], "cleo");
  EXPECT_EQ(records[0]["entity"], "p7");
  EXPECT_EQ(records[0]["action"], "R");
  EXPECT_EQ(c.get("/api/v1/probe/models:read").status, 200);  // reading that is no patient's
  EXPECT_EQ(audit("http.request").size(), 1U);
  EXPECT_EQ(a.put("/api/v1/things/t1", Json::object()).status, 200);
  EXPECT_EQ(audit("http.request").at(0)["detail"], R"({"method":"PUT","route":"/api/v1/things/{id}"})");
  EXPECT_EQ(c.put("/api/v1/things/t1", Json::object()).status, 403);
  records = audit("access.denied");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0]["agent"], "cleo");
  EXPECT_THAT(records[0]["detail"].get<std::string>(), HasSubstr("models:write"));
  EXPECT_EQ(a.post("/api/v1/broken", Json::object()).status, 500);
  EXPECT_EQ(audit("http.failed").at(0)["outcome"], "serious");
}

TEST_F(GatewayNode, strangers_cannot_fill_the_audit_trail) {
  auto b = browser();
  for (int i = 0; i < 300; ++i) EXPECT_EQ(b.get("/api/v1/users").status, 401);
  EXPECT_EQ(audit("access.denied").size(), 100U);
  clock.advance(std::chrono::seconds{1});
  b.get("/api/v1/users");
  EXPECT_THAT(audit("access.denied").at(0)["detail"].get<std::string>(), HasSubstr("\"left_out_before\":200"));
}

TEST_F(GatewayNode, what_cannot_be_recorded_is_not_done) {
  auto a = admin();
  // Somebody took the table away: every record fails.
  auto side = *store::open_sqlite(home->path() / "portal" / "catalogue.sqlite", portal_migrations(), logger);
  ASSERT_TRUE(side->execute("ALTER TABLE audit RENAME TO audit_gone"));
  EXPECT_EQ(a.put("/api/v1/things/x", Json::object()).status, 503);
  EXPECT_EQ(a.get("/api/v1/patient/p7").status, 503);
  EXPECT_EQ(calls, 0);
  EXPECT_GE(
      a.post("/api/v1/users", Json{{"name", "eve"}, {"password", kPassword}, {"roles", Json::array({"admin"})}}).status,
      500);
  EXPECT_EQ(a.get("/api/v1/users").json()["items"].size(), 1U);
  EXPECT_GE(browser().sign_in("ada").status, 500);
  ASSERT_TRUE(side->execute("ALTER TABLE audit_gone RENAME TO audit"));
  EXPECT_EQ(a.put("/api/v1/things/x", Json::object()).status, 200);
}

TEST_F(GatewayNode, failures_inside_tell_nothing_outside) {
  auto a = admin();
  for (const auto* path : {"/api/v1/broken", "/api/v1/throws"}) {
    const auto answer = a.post(path, Json::object());
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
  }
}

TEST_F(GatewayNode, every_answer_carries_the_security_headers) {
  auto a = admin();
  for (const auto* path :
       {"/", "/models/7", "/nothing.js", "/api/v1/users", "/api/v1/nothing", "/healthz", "/metrics", "/v2/nothing"}) {
    const auto answer = a.get(path);
    for (const auto* header :
         {"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy",
          "Cross-Origin-Resource-Policy", "Permissions-Policy", "Cache-Control"}) {
      EXPECT_TRUE(answer.headers.has(header)) << path << " " << header;
    }
    const std::string policy{answer.headers.get("Content-Security-Policy")};
    EXPECT_THAT(policy, HasSubstr("default-src 'none'")) << path;
    EXPECT_THAT(policy, Not(HasSubstr("unsafe"))) << path;
    EXPECT_FALSE(answer.headers.has("Strict-Transport-Security")) << path;
    EXPECT_FALSE(answer.headers.has("Access-Control-Allow-Origin")) << path;
  }
  EXPECT_EQ(a.get("/api/v1/users").headers.get("Cache-Control"), "no-store");
  const auto report = a.get("/api/v1/report");  // a handler's own word stands
  EXPECT_THAT(std::string{report.headers.get("Content-Security-Policy")}, HasSubstr("sandbox"));
  EXPECT_EQ(report.headers.get("Cache-Control"), "private");
}

TEST_F(GatewayNode, unknown_addresses_and_methods_are_told_apart) {
  auto a = admin();
  EXPECT_EQ(a.get("/api/v1/nothing").status, 404);
  const auto wrong = a.del("/api/v1/about");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_THAT(std::string{wrong.headers.get("Allow")}, HasSubstr("GET"));
  EXPECT_EQ(a.post("/somewhere", Json::object()).status, 404);
}

}  // namespace
}  // namespace aceso::portal
