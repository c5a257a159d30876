// /api/v1/archive/modality-worklist/{id}/priors
#include <nlohmann/json.hpp>

#include "priors_impl.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

net::Response priors_json(const Json& json, int status) {
  auto response = net::Response::json(json, status);
  response.headers.set("Cache-Control", "private, no-store");
  return response;
}

}  // namespace

void Priors::register_routes(net::Router& router) {
  using net::Method;
  const std::string path = "/api/v1/archive/modality-worklist/{id}/priors";
  router.add(
      Method::get, path,
      {.summary = "How it stands with the priors of a scheduled step", .tag = "archive", .scope = std::string{kRead}},
      [this](net::Request& request) -> Result<net::Response> {
        ACESO_TRY(const Json found, show(peer_of(request), request.param("id")));
        return priors_json(found, 200);
      });
  router.add(Method::post, path,
             {.summary = "Fetch the priors of a scheduled step now", .tag = "archive", .scope = std::string{kWrite}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json found, fetch(peer_of(request), request.param("id")));
               return priors_json(found, 202);
             });
}

}  // namespace aceso::archive
