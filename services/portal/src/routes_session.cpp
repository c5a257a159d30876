// Set-up, sign-in, sign-out, password and one-time codes: /api/v1/setup and /api/v1/session.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/portal/scopes.hpp"
#include "impl.hpp"
#include "json_views.hpp"
#include "request.hpp"

namespace aceso::portal {
namespace {

constexpr std::string_view kCookie = "aceso_session";
constexpr std::string_view kWrong = "name, password or one-time code is wrong";
constexpr std::size_t kLongestPassword = 1024;
constexpr std::size_t kLongestName = 256;

net::Response session_answer(const Session& session) {
  return net::Response::json(Json{{"user", user_json(session.user)},
                                  {"csrf_token", session.csrf_token},
                                  {"expires", format_utc(from_micros(session.expires_us))}});
}

void set_cookie(net::Response& response, const net::Request& request, std::string_view value, bool keep) {
  std::string cookie = std::string{kCookie} + "=" + std::string{value} + "; Path=/; HttpOnly; SameSite=Strict";
  if (request.secure) cookie += "; Secure";
  if (!keep) cookie += "; Max-Age=0";
  response.headers.add("Set-Cookie", cookie);
}

net::Response throttled(std::chrono::milliseconds wait, const net::Request& request) {
  auto response = problem(429, Code::exhausted, "too many attempts: wait and try again", request);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  response.headers.set("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
  return response;
}

// One attempt to prove a password, counted in three tables before it is made.
class Attempt {
 public:
  Attempt(Portal::Impl& portal, const net::Request& request, std::string_view name)
      : portal_{portal}, account_{ascii_lower(name).substr(0, 64)}, address_{request.remote_address} {}
  // Zero, or how long to wait.
  std::chrono::milliseconds admit() {
    auto wait = portal_.by_account_and_address.admit(pair());
    if (wait.count() > 0) return wait;
    wait = portal_.by_account.admit(account_);
    if (wait.count() == 0) {
      wait = portal_.by_address.admit(address_);
      if (wait.count() > 0) portal_.by_account.refund(account_);
    }
    if (wait.count() > 0) portal_.by_account_and_address.refund(pair());
    return wait;
  }
  void succeeded() {
    portal_.by_account_and_address.succeeded(pair());
    portal_.by_account.refund(account_);
    portal_.by_address.refund(address_);
  }
  void refund() {
    portal_.by_account_and_address.refund(pair());
    portal_.by_account.refund(account_);
    portal_.by_address.refund(address_);
  }

 private:
  std::string pair() const { return account_ + "\n" + address_; }
  Portal::Impl& portal_;
  const std::string account_;
  const std::string address_;
};

contracts::AuditEvent login_event(const net::Request& request, const std::optional<UserRecord>& user) {
  auto event = event_for(request, "E", "user.login");
  event.agent_id = user ? user->id : "";
  event.agent_name = user ? user->name : "";  // an unknown name may be a password typed into the wrong field
  if (user) {
    event.entity_type = "user";
    event.entity_id = user->id;
  }
  return event;
}

Result<net::Response> refuse_login(Portal::Impl& portal, const net::Request& request,
                                   const std::optional<UserRecord>& user, std::string_view why) {
  portal.metrics.login_failed();
  auto event = login_event(request, user);
  event.outcome = "minor";
  event.detail = Json{{"reason", why}}.dump();
  ACESO_TRY_OK(portal.core.audit->record(event));
  return problem(401, Code::unauthenticated, kWrong, request);
}

Result<NewSession> start_session(Portal::Impl& portal, const net::Request& request, const UserRecord& user,
                                 std::string_view code, std::string_view new_phc) {
  NewSession opened;
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY(const auto rows, tx.query("SELECT password FROM users WHERE id = ?1 AND disabled = 0", {user.id}));
    if (rows.empty() || rows[0].text(0) != user.password) return Error{Code::unauthenticated, "changed meanwhile"};
    if (user.totp) ACESO_TRY_OK(portal.totp.use(tx, user, code));
    if (!new_phc.empty()) {
      ACESO_TRY_OK(tx.execute("UPDATE users SET password = ?2 WHERE id = ?1", {user.id, std::string{new_phc}}));
    }
    ACESO_TRY_OK(tx.execute("UPDATE users SET last_login = ?2 WHERE id = ?1", {user.id, portal.core.now_us()}));
    ACESO_TRY(opened, portal.sessions.open(tx, user, request.cookie(kCookie)));
    return {};
  };
  ACESO_TRY_OK(portal.core.audit->record_with(login_event(request, user), work));
  return opened;
}

Result<net::Response> sign_in(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"name", "password", "totp"}));
  ACESO_TRY(const auto name, text_of(body, "name", kLongestName));
  ACESO_TRY(const auto password, text_of(body, "password", kLongestPassword));
  ACESO_TRY(const auto code, optional_text_of(body, "totp", 16));
  Attempt attempt{portal, request, name};
  if (const auto wait = attempt.admit(); wait.count() > 0) {
    portal.metrics.login_throttled();
    auto event = event_for(request, "E", "user.throttled");
    event.outcome = "minor";
    ACESO_TRY_OK(portal.record_if_rare(std::move(event)));
    return throttled(wait, request);
  }
  ACESO_TRY(const auto user, portal.users.find_by_name(name));
  const auto same = portal.passwords.verify(password, user ? std::string_view{user->password} : std::string_view{});
  if (!same) {
    attempt.refund();
    return same.error();
  }
  if (!*same) return refuse_login(portal, request, user, user ? "password" : "name");
  if (user->disabled) return refuse_login(portal, request, user, "disabled");
  if (user->totp && (!code || code->empty())) {
    attempt.refund();
    return problem(401, Code::precondition, "one-time code needed", request);
  }
  std::string new_phc;
  if (portal.passwords.needs_rehash(user->password)) {
    if (auto made = portal.passwords.hash(password)) new_phc = *made;  // when busy: at the next sign-in
  }
  const auto opened = start_session(portal, request, *user, code.value_or(""), new_phc);
  if (!opened && opened.error().code() == Code::unauthenticated) return refuse_login(portal, request, user, "code");
  if (!opened) return opened.error();
  attempt.succeeded();
  auto response = session_answer(opened->session);
  set_cookie(response, request, opened->secret, true);
  return response;
}

Result<net::Response> show_session(Portal::Impl& portal, const net::Request& request) {
  const auto* who = principal_of(request);
  if (who == nullptr) return problem(401, Code::unauthenticated, "sign in first", request);
  if (const auto cookie = request.cookie(kCookie); !who->session_id.empty() && !cookie.empty()) {
    if (const auto session = portal.sessions.find(cookie)) return session_answer(*session);
  }
  return net::Response::json(Json{{"user", principal_json(*who)}, {"csrf_token", ""}, {"expires", nullptr}});
}

Result<net::Response> sign_out(Portal::Impl& portal, const net::Request& request) {
  const auto* who = principal_of(request);
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    return portal.sessions.close(tx, who->session_id);
  };
  ACESO_TRY_OK(portal.core.audit->record_with(event_for(request, "E", "user.logout"), work));
  auto response = net::Response::no_content();
  set_cookie(response, request, "", false);
  return response;
}

// The user who asks, when it is a person with an account.
Result<UserRecord> own_record(Portal::Impl& portal, const net::Request& request) {
  const auto* who = principal_of(request);
  ACESO_TRY(auto user, portal.users.find_by_id(who->id));
  if (!user) return Error{Code::precondition, "this is for people who signed in with a password"};
  return *std::move(user);
}

// Somebody at an open screen must not change how its owner signs in: the password is asked again, with the same delays
// as at sign-in.
Result<std::optional<net::Response>> check_again(Portal::Impl& portal, const net::Request& request,
                                                 const UserRecord& user, std::string_view password) {
  Attempt attempt{portal, request, user.name};
  if (const auto wait = attempt.admit(); wait.count() > 0) return std::optional{throttled(wait, request)};
  const auto same = portal.passwords.verify(password, user.password);
  if (!same) {
    attempt.refund();
    return same.error();
  }
  if (*same) {
    attempt.succeeded();
    return std::optional<net::Response>{};
  }
  auto event = event_for(request, "E", "user.password_check");
  event.outcome = "minor";
  ACESO_TRY_OK(portal.core.audit->record(event));
  return std::optional{problem(403, Code::denied, "the password is wrong", request)};
}

Result<net::Response> change_password(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"old", "new"}));
  ACESO_TRY(const auto old_password, text_of(body, "old", kLongestPassword));
  ACESO_TRY(const auto new_password, text_of(body, "new", kLongestPassword));
  ACESO_TRY(const auto user, own_record(portal, request));
  ACESO_TRY(auto refused, check_again(portal, request, user, old_password));
  if (refused) return *std::move(refused);
  ACESO_TRY_OK(check_password(new_password, user.name));
  if (new_password == old_password) return Error{Code::invalid, "the new password is the old one"};
  ACESO_TRY(const std::string phc, portal.passwords.hash(new_password));
  auto event = event_for(request, "U", "user.password");
  event.entity_type = "user";
  event.entity_id = user.id;
  const auto keep = principal_of(request)->session_id;
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY(const auto changed, tx.execute("UPDATE users SET password = ?2 WHERE id = ?1 AND password = ?3",
                                             {user.id, phc, user.password}));
    if (changed == 0) return Error{Code::conflict, "the password was changed meanwhile"};
    ACESO_TRY_OK(tx.execute("DELETE FROM sessions WHERE user_id = ?1 AND id <> ?2", {user.id, keep}));
    return {};
  };
  ACESO_TRY_OK(portal.core.audit->record_with(std::move(event), work));
  return net::Response::no_content();
}

Result<net::Response> enrol_totp(Portal::Impl& portal, const net::Request& request) {
  ACESO_TRY(const auto user, own_record(portal, request));
  ACESO_TRY(const auto made, portal.totp.enrol(user, event_for(request, "C", "user.totp_enrol")));
  return net::Response::json(Json{{"secret", made.secret}, {"otpauth_uri", made.otpauth_uri}});
}

Result<net::Response> confirm_totp(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"code"}));
  ACESO_TRY(const auto code, text_of(body, "code", 16));
  ACESO_TRY(const auto user, own_record(portal, request));
  ACESO_TRY_OK(portal.totp.confirm(user, code, event_for(request, "U", "user.totp_confirm")));
  return net::Response::no_content();
}

Result<net::Response> disable_totp(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"password"}));
  ACESO_TRY(const auto password, text_of(body, "password", kLongestPassword));
  ACESO_TRY(const auto user, own_record(portal, request));
  ACESO_TRY(auto refused, check_again(portal, request, user, password));
  if (refused) return *std::move(refused);
  ACESO_TRY_OK(portal.totp.disable(user, event_for(request, "D", "user.totp_disable")));
  return net::Response::no_content();
}

Result<net::Response> show_setup(Portal::Impl& portal) {
  ACESO_TRY(const bool needed, portal.setup.needed());
  return net::Response::json(Json{{"needed", needed}});
}

Result<net::Response> run_setup(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"token", "name", "password"}));
  ACESO_TRY(const auto token, text_of(body, "token", 256));
  NewUser user{.name = {}, .password = {}, .roles = {"admin"}};
  ACESO_TRY(user.name, text_of(body, "name", kLongestName));
  ACESO_TRY(user.password, text_of(body, "password", kLongestPassword));
  if (const auto wait = portal.by_address.admit(request.remote_address); wait.count() > 0)
    return throttled(wait, request);
  auto event = event_for(request, "C", "setup");
  event.agent_name = "setup";
  const auto made = portal.setup.run(token, user, std::move(event));
  if (!made) return made.error();
  return net::Response::json(Json{{"user", user_json(*made)}}, 201);
}

}  // namespace

void register_session_routes(net::Router& router, Portal::Impl& p) {
  using net::Method;
  constexpr auto kUserSchema =
      R"({"type":"object","properties":{"user":{"type":"object"},"csrf_token":{"type":"string"},"expires":{"type":["string","null"],"format":"date-time"}},"required":["user","csrf_token"]})";
  constexpr auto kSignInSchema =
      R"({"type":"object","properties":{"name":{"type":"string"},"password":{"type":"string"},"totp":{"type":"string"}},"required":["name","password"],"additionalProperties":false})";
  constexpr auto kPasswordSchema =
      R"({"type":"object","properties":{"old":{"type":"string"},"new":{"type":"string","minLength":12}},"required":["old","new"],"additionalProperties":false})";
  constexpr auto kSetupSchema =
      R"({"type":"object","properties":{"token":{"type":"string"},"name":{"type":"string"},"password":{"type":"string","minLength":12}},"required":["token","name","password"],"additionalProperties":false})";
  const std::string json = "application/json";
  const auto info = [](std::string summary, std::string scope) {
    net::RouteInfo i{.summary = std::move(summary), .tag = "session", .scope = std::move(scope)};
    i.max_body = std::size_t{64} << 10;
    return i;
  };
  const auto with_body = [&](std::string summary, std::string scope, std::string schema) {
    auto i = info(std::move(summary), std::move(scope));
    i.request_type = json;
    i.request_schema = std::move(schema);
    return i;
  };
  router.add(Method::get, "/api/v1/setup", info("Whether the first administrator is still to be made", ""),
             [&p](net::Request&) { return show_setup(p); });
  router.add(Method::post, "/api/v1/setup", with_body("Makes the first administrator", "", kSetupSchema),
             [&p](net::Request& r) { return run_setup(p, r); });
  auto show = info("Who is signed in, and the CSRF token", "");
  show.response_schema = kUserSchema;
  router.add(Method::get, "/api/v1/session", show, [&p](net::Request& r) { return show_session(p, r); });
  auto enter = with_body("Signs in", "", kSignInSchema);
  enter.response_schema = kUserSchema;
  router.add(Method::post, "/api/v1/session", enter, [&p](net::Request& r) { return sign_in(p, r); });
  router.add(Method::del, "/api/v1/session", info("Signs out", "self"),
             [&p](net::Request& r) { return sign_out(p, r); });
  router.add(Method::post, "/api/v1/session/password", with_body("Changes one's password", "self", kPasswordSchema),
             [&p](net::Request& r) { return change_password(p, r); });
  router.add(Method::post, "/api/v1/session/totp", info("Makes a secret for one-time codes", "self"),
             [&p](net::Request& r) { return enrol_totp(p, r); });
  router.add(
      Method::put, "/api/v1/session/totp",
      with_body(
          "Confirms the secret with a code", "self",
          R"({"type":"object","properties":{"code":{"type":"string","pattern":"^[0-9]{6}$"}},"required":["code"],"additionalProperties":false})"),
      [&p](net::Request& r) { return confirm_totp(p, r); });
  router.add(
      Method::del, "/api/v1/session/totp",
      with_body(
          "Switches one-time codes off", "self",
          R"({"type":"object","properties":{"password":{"type":"string"}},"required":["password"],"additionalProperties":false})"),
      [&p](net::Request& r) { return disable_totp(p, r); });
}

}  // namespace aceso::portal
