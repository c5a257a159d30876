// /api/v1/audit, /api/v1/about, /healthz, /readyz and /metrics.
#include <charconv>
#include <nlohmann/json.hpp>

#include "impl.hpp"
#include "json_views.hpp"
#include "request.hpp"

namespace aceso::portal {
namespace {

constexpr std::size_t kLongestFilter = 256;

Result<std::optional<UtcTime>> time_of(const net::Request& request, std::string_view key) {
  const auto text = request.query_value(key);
  if (!text || text->empty()) return std::optional<UtcTime>{};
  auto time = parse_utc(*text);
  if (!time) return Error{Code::invalid, std::string{key} + ": is not a time such as 2026-03-01T09:30:00Z"};
  return std::optional{*time};
}

Result<std::string> filter_of(const net::Request& request, std::string_view key) {
  auto text = request.query_value(key).value_or("");
  if (text.size() > kLongestFilter) return Error{Code::invalid, std::string{key} + ": is too long"};
  return text;
}

Result<net::Response> search_audit(const Portal::Impl& portal, const net::Request& request) {
  AuditQuery q;
  ACESO_TRY(q.from, time_of(request, "from"));
  ACESO_TRY(q.to, time_of(request, "to"));
  ACESO_TRY(q.agent, filter_of(request, "agent"));
  ACESO_TRY(q.event, filter_of(request, "event"));
  ACESO_TRY(q.entity, filter_of(request, "entity"));
  ACESO_TRY(q.text, filter_of(request, "q"));
  ACESO_TRY(q.before, request.query_integer("cursor", 0, 0, INT64_MAX));
  ACESO_TRY(const auto limit, request.query_integer("limit", 50, 1, 1000));
  q.limit = static_cast<std::size_t>(limit);
  ACESO_TRY(const auto page, portal.core.audit->search(q));
  Json items = Json::array();
  for (const auto& record : page.items) items.push_back(audit_json(record));
  return net::Response::json(Json{{"items", items}, {"next", page.next ? Json(std::to_string(*page.next)) : Json{}}});
}

Result<net::Response> verify_audit(const Portal::Impl& portal) {
  ACESO_TRY(const auto v, portal.core.audit->verify());
  Json json{{"ok", v.ok}, {"checked", v.checked}, {"sequence", v.head}, {"head", v.head_hash}};
  if (v.first_bad) {
    json["first_bad"] = *v.first_bad;
    json["reason"] = v.reason;
  }
  return net::Response::json(json);
}

net::Response about(const Portal::Impl& portal) {
  return net::Response::json(Json{{"name", "Aceso"},
                                  {"version", portal.core.config.version},
                                  {"build", portal.core.config.build},
                                  {"research_use", true},
                                  {"engines", portal.engines}});
}

net::Response ready(const Portal::Impl& portal) {
  Json services = Json::object();
  bool all = true;
  for (const auto& [name, check] : portal.readiness) {
    const auto state = check();
    if (!state)
      portal.core.logger.warn("readyz.failed", {{"service", name}, {"code", to_string(state.error().code())}});
    services[name] = state ? "ok" : "failed";
    all = all && state.ok();
  }
  return net::Response::json(Json{{"status", all ? "ready" : "unavailable"}, {"services", services}}, all ? 200 : 503);
}

bool is_loopback(std::string_view address) {
  return address == "unix" || address == "::1" || address.starts_with("127.") || address.starts_with("::ffff:127.");
}

// Open to a collector on this machine; from elsewhere it takes a session or a token.
Result<net::Response> metrics(const Portal::Impl& portal, const net::Request& request) {
  if (!is_loopback(request.remote_address) && principal_of(request) == nullptr) {
    return problem(401, Code::unauthenticated, "sign in first", request);
  }
  ACESO_TRY(const auto sessions, portal.sessions.count());
  auto text = portal.metrics.text(sessions);
  for (const auto& more : portal.more_metrics) more(text);
  return net::Response::text(std::move(text), "text/plain; version=0.0.4; charset=utf-8");
}

net::RouteInfo info(std::string tag, std::string summary, std::string scope) {
  return net::RouteInfo{.summary = std::move(summary), .tag = std::move(tag), .scope = std::move(scope)};
}

}  // namespace

void register_audit_routes(net::Router& router, Portal::Impl& p) {
  auto search = info("audit", "Audit records, newest first", "audit:read");
  search.query = {{"from", "time, inclusive"},           {"to", "time, exclusive"},
                  {"agent", "part of a name or id"},     {"event", "part of it, such as user."},
                  {"entity", "part of type/id"},         {"q", "text anywhere"},
                  {"cursor", "next of the page before"}, {"limit", "1 to 1000, 50 unless told"}};
  router.add(net::Method::get, "/api/v1/audit", search, [&p](net::Request& r) { return search_audit(p, r); });
  router.add(net::Method::get, "/api/v1/audit/verify", info("audit", "Recomputes the whole chain", "audit:read"),
             [&p](net::Request&) { return verify_audit(p); });
}

void register_system_routes(net::Router& router, Portal::Impl& p) {
  using net::Method;
  using Answer = Result<net::Response>;
  router.add(Method::get, "/api/v1/about", info("system", "Name, version and engines", ""),
             [&p](net::Request&) -> Answer { return about(p); });
  router.add(Method::get, "/api/v1/openapi.json", info("system", "This interface, as OpenAPI 3.1", ""),
             [&p, &router](net::Request&) -> Answer {
               return net::Response::json(net::make_openapi(router, "Aceso", p.core.config.version));
             });
  router.add(Method::get, "/healthz", info("system", "200 while the process answers", ""),
             [](net::Request&) -> Answer { return net::Response::json(Json{{"status", "ok"}}); });
  router.add(Method::get, "/readyz", info("system", "200 while every service can work", ""),
             [&p](net::Request&) -> Answer { return ready(p); });
  auto scrape = info("system", "Counters for Prometheus", "");
  scrape.response_type = "text/plain";
  router.add(Method::get, "/metrics", scrape, [&p](net::Request& r) { return metrics(p, r); });
}

}  // namespace aceso::portal
