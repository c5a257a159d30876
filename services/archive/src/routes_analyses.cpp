// /api/v1/archive/studies/{study}/analyses, /api/v1/archive/analyses
#include <nlohmann/json.hpp>

#include "analyses_impl.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxStudies = 100;  // of one request for states

net::Response private_json(const Json& json) {
  auto response = net::Response::json(json);
  response.headers.set("Cache-Control", "private, no-store");
  return response;
}

Result<net::Response> list(Analyses::Impl& impl, net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(const auto limit, request.query_integer("limit", 50, 1, 200));
  std::optional<AnalysisState> state;
  if (const auto wanted = request.query_value("state"); wanted && !wanted->empty()) {
    state = parse_analysis_state(*wanted);
    if (!state) return Error{Code::invalid, "state: waiting, running, analysed, failed or not_applicable"};
  }
  const auto before = request.query_value("cursor").value_or("");
  ACESO_TRY(auto rows, impl.table->list(state, before, static_cast<std::size_t>(limit) + 1));
  const bool more = rows.size() > static_cast<std::size_t>(limit);
  if (more) rows.pop_back();
  Json items = Json::array();
  for (const auto& row : rows) {
    ACESO_TRY_OK(impl.archive.record_read(peer, row.study_uid));
    items.push_back(to_json(row));
  }
  return private_json(Json{{"items", std::move(items)}, {"next", more ? Json(rows.back().id) : Json(nullptr)}});
}

Result<net::Response> states(Analyses::Impl& impl, net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  Json studies = Json::array();
  for (const auto& [key, value] : request.query) {
    if (key != "study") continue;
    if (studies.size() >= kMaxStudies) return Error{Code::invalid, "study: at most 100"};
    auto view = impl.study_view(value);
    if (!view && view.error().code() == Code::not_found) continue;
    if (!view) return view.error();
    ACESO_TRY_OK(impl.archive.record_read(peer, value));
    studies.push_back(Json{{"study", value}, {"state", view->at("state")}, {"reason", view->at("reason")}});
  }
  return private_json(Json{{"studies", std::move(studies)}});
}

}  // namespace

void Analyses::register_routes(net::Router& router) {
  using net::Method;
  const std::string of_study_path = "/api/v1/archive/studies/{study}/analyses";
  router.add(Method::get, of_study_path,
             {.summary = "What models made of a study, and why not", .tag = "archive", .scope = std::string{kRead}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json view, of_study(peer_of(request), request.param("study")));
               return private_json(view);
             });
  router.add(Method::post, of_study_path,
             {.summary = "Send a study through the routing rules, again if it was before",
              .tag = "archive",
              .scope = std::string{kWrite}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json view, analyse(peer_of(request), request.param("study")));
               auto response = private_json(view);
               response.status = 202;
               return response;
             });
  router.add(Method::get, "/api/v1/archive/analyses",
             {.summary = "Analyses of archived series, newest first",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"state", "waiting, running, analysed, failed or not_applicable"},
                        {"cursor", "of the page before"},
                        {"limit", "1 to 200"}}},
             [i = impl_.get()](net::Request& request) { return list(*i, request); });
  router.add(Method::get, "/api/v1/archive/analyses/states",
             {.summary = "The state of several studies; those that are not there are left out",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"study", "Study Instance UID; at most 100"}}},
             [i = impl_.get()](net::Request& request) { return states(*i, request); });
}

}  // namespace aceso::archive
