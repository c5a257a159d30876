#include "gateway.hpp"

#include <exception>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"
#include "aceso/portal/scopes.hpp"
#include "credentials.hpp"
#include "request.hpp"
#include "security_headers.hpp"
#include "viewer_files.hpp"
#include "web_files.hpp"

namespace aceso::portal {
namespace {

using net::Method;

bool is_safe(Method method) noexcept {
  return method == Method::get || method == Method::head || method == Method::options;
}

bool is_program_path(std::string_view path) noexcept {
  for (const std::string_view top : {"/api", "/v2", "/dicom-web", "/orthanc", "/shared/dicom-web", "/shared/open",
                                     "/healthz", "/readyz", "/metrics"}) {
    if (path == top || (path.starts_with(top) && path[top.size()] == '/')) return true;
  }
  return false;
}

std::string_view action_of(Method method) noexcept {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::options:
      return "R";
    case Method::post:
      return "C";
    case Method::put:
    case Method::patch:
      return "U";
    case Method::del:
      return "D";
  }
  return "E";
}

// Scripts written for Orthanc send user and password, many only when they are asked to.
bool speaks_orthanc(const net::Router::Route& route) noexcept {
  return route.pattern.starts_with("/orthanc/");
}

// KServe's clients read the reason from "error".
bool speaks_kserve(std::string_view path) noexcept {
  return path == "/v2" || path.starts_with("/v2/");
}

// MLflow's clients read {"error_code", "message"}.
bool speaks_mlflow(std::string_view path) noexcept {
  return path.starts_with("/api/2.0/mlflow/") || path.starts_with("/api/2.0/mlflow-artifacts/");
}

net::Response refusal(const net::Request& request, const Error& error) {
  if (speaks_mlflow(request.path)) {
    const char* code = error.code() == Code::unauthenticated ? "UNAUTHENTICATED" : "PERMISSION_DENIED";
    return net::Response::json(Json{{"error_code", code}, {"message", error.message()}},
                               net::http_status(error.code()));
  }
  if (speaks_kserve(request.path))
    return net::Response::json(Json{{"error", error.message()}}, net::http_status(error.code()));
  return net::Response::problem(error, request.request_id);
}

// The archive's paths hold UIDs, which identify: it records these accesses itself, by study and under keyed names.
bool names_patients(const net::Router::Route& route) noexcept {
  return route.pattern.starts_with("/dicom-web") || speaks_orthanc(route) || route.pattern.starts_with("/shared/") ||
         route.pattern.starts_with("/api/v1/archive/studies") ||
         route.pattern.starts_with("/api/v1/archive/patients") ||
         route.pattern.starts_with("/api/2.0/mlflow-artifacts/");  // names of files, whatever they say
}

// Route patterns and internal ids only: a path from outside may hold anything.
contracts::AuditEvent route_event(const net::Request& request, const net::Router::Route& route,
                                  std::string_view event) {
  auto e = event_for(request, action_of(request.method), event);
  e.entity_type = route.info.tag;
  if (names_patients(route)) return e;
  for (const auto& [name, value] : request.path_params) {
    if (!e.entity_id.empty()) e.entity_id += '/';
    e.entity_id += value;
  }
  return e;
}

Json route_detail(const net::Request& request, const net::Router::Route& route) {
  return Json{{"method", net::to_string(request.method)}, {"route", route.pattern}};
}

}  // namespace

net::Response Gateway::handle(net::Request& request) const {
  const auto start = portal_.core.clock.steady_now();
  auto outcome = dispatch(request);
  add_security_headers(outcome.response, request, outcome.api);
  const std::chrono::duration<double> took = portal_.core.clock.steady_now() - start;
  portal_.metrics.observe(request.method, outcome.pattern, outcome.response.status, took.count());
  portal_.core.audit->checkpoint_if_due();
  return std::move(outcome.response);
}

Gateway::Outcome Gateway::dispatch(net::Request& request) const {
  std::vector<Method> allowed;
  const auto found = router_.match(request, allowed);
  if (!found) return without_route(request, allowed);
  const auto& route = **found;
  if (const auto admitted = admit(request, route); !admitted) {
    record_denial(request, route, admitted.error());
    auto response = refusal(request, admitted.error());
    if (response.status == 401)
      response.headers.set("WWW-Authenticate", speaks_orthanc(route) ? R"(Basic realm="aceso")" : "Bearer");
    return {std::move(response), route.pattern};
  }
  if (const auto recorded = record_before(request, route); !recorded) {
    portal_.core.logger.error("audit.not_recorded", recorded.error(), {{"request_id", request.request_id}});
    return {problem(503, Code::unavailable, "this cannot be recorded, so it was not done", request), route.pattern};
  }
  auto response = run(request, route);
  record_failure(request, route, response.status);
  return {std::move(response), route.pattern};
}

Gateway::Outcome Gateway::without_route(net::Request& request, const std::vector<Method>& allowed) const {
  if (!allowed.empty()) {
    auto response = problem(405, Code::unsupported, "this method is not for this address", request);
    std::string list;
    for (const auto method : allowed) list += (list.empty() ? "" : ", ") + std::string{net::to_string(method)};
    response.headers.set("Allow", list);
    return {std::move(response), "unknown"};
  }
  if (is_program_path(request.path) || (request.method != Method::get && request.method != Method::head)) {
    return {problem(404, Code::not_found, "there is nothing at this address", request), "unknown"};
  }
  auto file = is_viewer_path(request.path) ? serve_viewer_file(portal_.core.config.viewer_root, request)
                                           : serve_web_file(portal_.core.config.web_root, request, portal_.core.random);
  if (!file) return {net::Response::problem(file.error(), request.request_id), "web", false};
  return {*std::move(file), "web", false};
}

net::Response Gateway::run(net::Request& request, const net::Router::Route& route) const {
  try {
    auto answer = route.handler(request);
    if (answer) return *std::move(answer);
    const auto& why = answer.error();
    if (why.code() == Code::internal || why.code() == Code::data_loss) {
      portal_.core.logger.error("request.failed", why, {{"request_id", request.request_id}, {"route", route.pattern}});
    }
    return net::Response::problem(why, request.request_id);
  } catch (const std::exception&) {  // what() may quote a request
    portal_.core.logger.error("request.threw", {{"request_id", request.request_id}, {"route", route.pattern}});
    return problem(500, Code::internal, "this failed inside the node", request);
  }
}

Status Gateway::authenticate(net::Request& request, bool& by_cookie, std::string& csrf_token) const {
  request.principal.reset();
  ACESO_TRY(const auto shown, read_credential(request.headers.get("Authorization"), request.cookie("aceso_session")));
  switch (shown.kind) {
    case CredentialKind::none:
      if (request.local_socket) request.principal = local_operator();
      return {};
    case CredentialKind::api_token: {
      ACESO_TRY(request.principal, portal_.tokens.find(shown.secret));
      return {};
    }
    case CredentialKind::service_token: {
      ACESO_TRY(request.principal, authorizer_.verify_token(shown.secret));
      return {};
    }
    case CredentialKind::session: {
      ACESO_TRY(const auto session, portal_.sessions.find(shown.secret));
      contracts::Principal p;
      p.id = session.user.id;
      p.name = session.user.name;
      p.roles = session.user.roles;
      p.scopes = scopes_of(session.user.roles);
      p.session_id = session.id;
      request.principal = std::move(p);
      by_cookie = true;
      csrf_token = session.csrf_token;
      return {};
    }
  }
  return Error{Code::unauthenticated, "sign in first"};
}

Status Gateway::admit(net::Request& request, const net::Router::Route& route) const {
  const bool changes = !is_safe(request.method);
  const auto& headers = request.headers;
  if ((changes || headers.has("Upgrade")) &&
      !same_origin(headers.get("Origin"), headers.get("Sec-Fetch-Site"), headers.get("Host"))) {
    return Error{Code::denied, "this request comes from another site"};
  }
  bool by_cookie = false;
  std::string csrf_token;
  const auto known = authenticate(request, by_cookie, csrf_token);
  const bool is_public = route.info.scope.empty();
  if (!known && !(is_public && headers.get("Authorization").empty()))
    return known.error();  // a stale cookie may sign in again
  if (is_public) return {};
  const auto* who = principal_of(request);
  if (who == nullptr) return Error{Code::unauthenticated, "sign in first"};
  if (by_cookie && changes &&
      !crypto::equal_constant_time(crypto::as_bytes(headers.get("X-CSRF-Token")), crypto::as_bytes(csrf_token))) {
    return Error{Code::denied, "the X-CSRF-Token header is missing or not this session's"};
  }
  return authorizer_.require(*who, route.info.scope);
}

Status Gateway::record_before(const net::Request& request, const net::Router::Route& route) const {
  const bool wanted = !is_safe(request.method) || route.info.audit_read;
  if (!wanted || names_patients(route) || Portal::Impl::records_itself(route.pattern)) return {};
  auto event = route_event(request, route, "http.request");
  event.detail = route_detail(request, route).dump();
  return portal_.core.audit->record(event);
}

void Gateway::record_failure(const net::Request& request, const net::Router::Route& route, int status) const {
  const bool wanted = !is_safe(request.method) || route.info.audit_read;
  if (!wanted || status < 400) return;
  const bool own = Portal::Impl::records_itself(route.pattern);
  if (own && (status == 401 || status == 429)) return;  // the handler recorded it
  auto event = route_event(request, route, "http.failed");
  event.outcome = status >= 500 ? "serious" : "minor";
  auto detail = route_detail(request, route);
  detail["status"] = status;
  event.detail = detail.dump();
  const auto done =
      principal_of(request) != nullptr ? portal_.core.audit->record(event) : portal_.record_if_rare(std::move(event));
  if (!done) portal_.core.logger.error("audit.not_recorded", done.error(), {{"request_id", request.request_id}});
}

void Gateway::record_denial(const net::Request& request, const net::Router::Route& route, const Error& why) const {
  auto event = route_event(request, route, "access.denied");
  event.outcome = "minor";
  auto detail = route_detail(request, route);
  detail["scope"] = route.info.scope;
  detail["why"] = why.message();
  event.detail = detail.dump();
  const auto done =
      principal_of(request) != nullptr ? portal_.core.audit->record(event) : portal_.record_if_rare(std::move(event));
  if (!done) portal_.core.logger.error("audit.not_recorded", done.error(), {{"request_id", request.request_id}});
}

}  // namespace aceso::portal
