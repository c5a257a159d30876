// /api/v1/users and /api/v1/tokens.
#include <nlohmann/json.hpp>

#include "impl.hpp"
#include "json_views.hpp"
#include "request.hpp"

namespace aceso::portal {
namespace {

Result<net::Response> list_users(const Portal::Impl& portal) {
  ACESO_TRY(const auto users, portal.users.list());
  Json items = Json::array();
  for (const auto& user : users) items.push_back(user_json(user));
  return net::Response::json(Json{{"items", items}});
}

Result<net::Response> create_user(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"name", "password", "roles"}));
  NewUser wanted;
  ACESO_TRY(wanted.name, text_of(body, "name", 256));
  ACESO_TRY(wanted.password, text_of(body, "password", 1024));
  ACESO_TRY(auto roles, optional_list_of(body, "roles"));
  wanted.roles = std::move(roles).value_or(std::vector<std::string>{});
  ACESO_TRY(const auto made, portal.users.create(wanted, event_for(request, "C", "user.create")));
  return net::Response::json(user_json(made), 201);
}

Result<net::Response> update_user(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"roles", "disabled", "password", "reset_totp"}));
  UserChange change;
  ACESO_TRY(change.roles, optional_list_of(body, "roles"));
  ACESO_TRY(change.disabled, optional_bool_of(body, "disabled"));
  ACESO_TRY(change.password, optional_text_of(body, "password", 1024));
  ACESO_TRY(const auto reset, optional_bool_of(body, "reset_totp"));
  change.reset_totp = reset.value_or(false);
  ACESO_TRY(const auto user, portal.users.update(request.param("id"), change, event_for(request, "U", "user.update")));
  return net::Response::json(user_json(user));
}

Result<net::Response> delete_user(Portal::Impl& portal, const net::Request& request) {
  ACESO_TRY_OK(portal.users.remove(request.param("id"), event_for(request, "D", "user.delete")));
  return net::Response::no_content();
}

Result<net::Response> list_tokens(const Portal::Impl& portal) {
  ACESO_TRY(const auto tokens, portal.tokens.list());
  Json items = Json::array();
  for (const auto& token : tokens) items.push_back(token_json(token));
  return net::Response::json(Json{{"items", items}});
}

Result<net::Response> create_token(Portal::Impl& portal, net::Request& request) {
  ACESO_TRY(const auto body, read_object(request, {"name", "scopes", "expires_days"}));
  ACESO_TRY(const auto name, text_of(body, "name", 256));
  ACESO_TRY(const auto scopes, optional_list_of(body, "scopes"));
  const auto days = body.find("expires_days");
  if (days != body.end() && !days->is_number_integer())
    return Error{Code::invalid, "expires_days: is not a whole number"};
  ACESO_TRY(const auto made, portal.tokens.create(name, scopes.value_or(std::vector<std::string>{}),
                                                  days == body.end() ? 90 : days->get<std::int64_t>(),
                                                  *principal_of(request), event_for(request, "C", "token.create")));
  auto json = token_json(made.token);
  json["token"] = made.secret;
  return net::Response::json(json, 201);
}

Result<net::Response> delete_token(Portal::Impl& portal, const net::Request& request) {
  ACESO_TRY_OK(portal.tokens.remove(request.param("id"), event_for(request, "D", "token.delete")));
  return net::Response::no_content();
}

net::RouteInfo users_info(std::string tag, std::string summary, std::string scope, std::string request_schema = {}) {
  net::RouteInfo i{.summary = std::move(summary), .tag = std::move(tag), .scope = std::move(scope)};
  if (!request_schema.empty()) i.request_type = "application/json";
  i.request_schema = std::move(request_schema);
  i.max_body = std::size_t{64} << 10;
  return i;
}

}  // namespace

void register_user_routes(net::Router& router, Portal::Impl& p) {
  using net::Method;
  const std::string roles =
      R"({"type":"array","items":{"enum":["admin","clinician","scientist","auditor"]},"minItems":1,"uniqueItems":true})";
  const std::string create =
      R"({"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":64},"password":{"type":"string","minLength":12},"roles":)" +
      roles + R"(},"required":["name","password","roles"],"additionalProperties":false})";
  const std::string change =
      R"({"type":"object","properties":{"roles":)" + roles +
      R"(,"disabled":{"type":"boolean"},"password":{"type":"string","minLength":12},"reset_totp":{"type":"boolean"}},"additionalProperties":false})";
  router.add(Method::get, "/api/v1/users", users_info("users", "All users", "users:read"),
             [&p](net::Request&) { return list_users(p); });
  router.add(Method::post, "/api/v1/users", users_info("users", "Makes a user", "users:write", create),
             [&p](net::Request& r) { return create_user(p, r); });
  router.add(
      Method::patch, "/api/v1/users/{id}",
      users_info("users", "Changes roles or password, disables; ends the user's sessions", "users:write", change),
      [&p](net::Request& r) { return update_user(p, r); });
  router.add(Method::del, "/api/v1/users/{id}",
             users_info("users", "Removes a user with sessions and tokens", "users:write"),
             [&p](net::Request& r) { return delete_user(p, r); });
}

void register_token_routes(net::Router& router, Portal::Impl& p) {
  using net::Method;
  router.add(Method::get, "/api/v1/tokens", users_info("tokens", "API tokens, without their secrets", "tokens:write"),
             [&p](net::Request&) { return list_tokens(p); });
  router.add(
      Method::post, "/api/v1/tokens",
      users_info(
          "tokens", "Makes an API token; its secret is shown once", "tokens:write",
          R"({"type":"object","properties":{"name":{"type":"string"},"scopes":{"type":"array","items":{"type":"string"},"minItems":1},"expires_days":{"type":"integer","minimum":1,"maximum":366,"default":90}},"required":["name","scopes"],"additionalProperties":false})"),
      [&p](net::Request& r) { return create_token(p, r); });
  router.add(Method::del, "/api/v1/tokens/{id}", users_info("tokens", "Ends an API token", "tokens:write"),
             [&p](net::Request& r) { return delete_token(p, r); });
}

}  // namespace aceso::portal
