#include "routes.hpp"

#include <any>
#include <charconv>
#include <nlohmann/json.hpp>

namespace aceso::models {

Result<Actor> require(const net::Request& request, std::string_view scope) {
  const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
  if (principal == nullptr) return Error{Code::unauthenticated, "sign in first"};
  if (!principal->has(scope)) return Error{Code::denied, "the scope " + std::string{scope} + " is needed"};
  return Actor{.id = principal->id,
               .name = principal->name,
               .source_address = request.remote_address,
               .request_id = request.request_id};
}

void Routes::add(net::Method method, std::string_view pattern, net::RouteInfo info, ActorHandler handler) {
  const std::string scope = info.scope;
  router.add(method, pattern, std::move(info),
             [scope, handler = std::move(handler)](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Actor actor, require(request, scope));
               return handler(request, actor);
             });
}

Result<int> version_param(const net::Request& request) {
  const std::string_view text = request.param("version");
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size() || version < 1)
    return Error{Code::not_found, "version: a number from 1 on"};
  return version;
}

Result<std::size_t> limit_param(const net::Request& request, std::int64_t fallback, std::int64_t max) {
  ACESO_TRY(const std::int64_t limit, request.query_integer("limit", fallback, 1, max));
  return static_cast<std::size_t>(limit);
}

net::Response accepted(const Json& answer) {
  net::Response response = net::Response::json(answer, 202);
  if (answer.contains("job"))
    response.headers.set("Location", "/api/v1/jobs/" + answer["job"].value("id", std::string{}));
  return response;
}

net::Response png_response(std::vector<std::byte> bytes) {
  net::Response response =
      net::Response::text(std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "image/png");
  response.headers.set("Cache-Control", "private, no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

net::Response npy_response(const std::vector<std::byte>& bytes) {
  net::Response response =
      net::Response::text(std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "application/x-npy");
  response.headers.set("Cache-Control", "private, no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

// A report is one self-contained page with its own style; nothing in it may run or load.
net::Response page_response(std::string html) {
  net::Response response = net::Response::text(std::move(html), "text/html; charset=utf-8");
  response.headers.set("Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action "
                       "'none'; frame-ancestors 'self'");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cache-Control", "private, no-store");
  return response;
}

void Models::register_routes(net::Router& router) {
  Routes routes{router, *this, *impl_};
  routes.datasets();
  routes.jobs();
  routes.registry();
  routes.predictions();
  routes.kserve();
  routes.watch();
  routes.labelling();
  routes.truths();
  routes.oversight();
  routes.improvement();
}

}  // namespace aceso::models
