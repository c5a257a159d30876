// /api/v1/archive/modality-worklist, /api/v1/archive/performed-steps
#include <nlohmann/json.hpp>

#include "web.hpp"
#include "worklist_impl.hpp"

namespace aceso::archive {
namespace {

net::Response unstored(const Json& json, int status = 200) {
  auto response = net::Response::json(json, status);
  response.headers.set("Cache-Control", "private, no-store");
  return response;
}

Result<Worklist::Filter> filter_of(net::Request& request, int usual, int most) {
  Worklist::Filter filter;
  filter.date = request.query_value("date").value_or("");
  filter.modality = request.query_value("modality").value_or("");
  filter.station_ae = request.query_value("station_ae").value_or("");
  filter.state = request.query_value("state").value_or("");
  ACESO_TRY(const auto limit, request.query_integer("limit", usual, 1, most));
  filter.limit = static_cast<std::size_t>(limit);
  return filter;
}

Result<net::Response> list_scheduled(const Worklist& worklist, net::Request& request) {
  ACESO_TRY(const auto filter, filter_of(request, 200, 1000));
  ACESO_TRY(const Json found, worklist.list(peer_of(request), filter));
  return unstored(found);
}

}  // namespace

void Worklist::register_routes(net::Router& router) {
  using net::Method;
  const std::string path = "/api/v1/archive/modality-worklist";
  router.add(Method::post, path,
             {.summary = "Schedule a procedure step for a modality",
              .tag = "archive",
              .scope = std::string{kWrite},
              .request_type = "application/json",
              .request_schema = scheduled_step_schema()},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY_OK(require(peer_of(request), kWrite));
               ACESO_TRY(const Json body, request.json(std::size_t{64} << 10));
               ACESO_TRY(const Json step, schedule(peer_of(request), body));
               return unstored(step, 201);
             });
  router.add(Method::get, path,
             {.summary = "Scheduled procedure steps by date and time",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"date", "YYYYMMDD"},
                        {"modality", "CT, MR, ..."},
                        {"station_ae", "AE title of the modality"},
                        {"state", "scheduled, started, completed or discontinued"},
                        {"limit", "1 to 1000"}}},
             [this](net::Request& request) { return list_scheduled(*this, request); });
  router.add(Method::patch, path + "/{id}",
             {.summary = "Change a scheduled procedure step: another date, a corrected name",
              .tag = "archive",
              .scope = std::string{kWrite},
              .request_type = "application/json",
              .request_schema = R"({"type":"object","additionalProperties":{"type":"string"}})"},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY_OK(require(peer_of(request), kWrite));
               ACESO_TRY(const Json body, request.json(std::size_t{64} << 10));
               ACESO_TRY(const Json step, change(peer_of(request), request.param("id"), body));
               return unstored(step);
             });
  router.add(Method::del, path + "/{id}",
             {.summary = "Take a procedure step off the worklist",
              .tag = "archive",
              .scope = std::string{kWrite},
              .response_type = ""},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY_OK(remove(peer_of(request), request.param("id")));
               return net::Response::no_content();
             });
  router.add(Method::get, "/api/v1/archive/performed-steps",
             {.summary = "What modalities reported to have done (MPPS), the newest first",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"cursor", "of the page before"},
                        {"date", "YYYYMMDD, when it began"},
                        {"modality", "CT, MR, ..."},
                        {"station_ae", "AE title of the modality"},
                        {"state", "in_progress, completed or discontinued"},
                        {"limit", "1 to 200"}}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const auto filter, filter_of(request, 50, 200));
               ACESO_TRY(const Json found,
                         performed(peer_of(request), request.query_value("cursor").value_or(""), filter));
               return unstored(found);
             });
}

}  // namespace aceso::archive
