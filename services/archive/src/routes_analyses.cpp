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
  std::vector<std::string> studies;
  for (const auto& row : rows) studies.push_back(row.study_uid);
  ACESO_TRY_OK(impl.record_studies(peer, "archive.analyses.list", studies));
  for (auto& row : rows) {
    ACESO_TRY_OK(impl.as_it_stands(row));
    items.push_back(to_json(row));
  }
  return private_json(Json{{"items", std::move(items)}, {"next", more ? Json(rows.back().id) : Json(nullptr)}});
}

Result<net::Response> states(Analyses::Impl& impl, net::Request& request) {
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  Json studies = Json::array();
  std::vector<std::string> uids;
  for (const auto& [key, value] : request.query) {
    if (key != "study") continue;
    if (uids.size() >= kMaxStudies) return Error{Code::invalid, "study: at most 100"};
    auto view = impl.study_view(value);
    if (!view && view.error().code() == Code::not_found) continue;
    if (!view) return view.error();
    uids.push_back(value);
    studies.push_back(Json{{"study", value}, {"state", view->at("state")}, {"reason", view->at("reason")}});
  }
  ACESO_TRY_OK(impl.record_studies(peer, "archive.analyses.states", uids));
  return private_json(Json{{"studies", std::move(studies)}});
}

constexpr const char* kJudgementSchema =
    R"({"type":"object","additionalProperties":false,"required":["agree"],"properties":{
"agree":{"type":"boolean"},"label":{"type":"string","maxLength":200,"description":"what it is instead"},
"comment":{"type":"string","maxLength":4000}}})";

Result<contracts::VerdictWords> words_of(const Json& body) {
  if (!body.is_object() || !body.contains("agree") || !body.at("agree").is_boolean())
    return Error{Code::invalid, "agree: true or false"};
  contracts::VerdictWords words{.agrees = body.at("agree").get<bool>()};
  for (const auto& [key, value] : body.items()) {
    if (key == "agree") continue;
    if (key != "label" && key != "comment") return Error{Code::invalid, "there is an unknown field in the body"};
    const std::size_t most = key == "label" ? 200 : 4000;
    if (!value.is_string() || value.get_ref<const std::string&>().size() > most)
      return Error{Code::invalid, key + " must be a text of at most " + std::to_string(most) + " bytes"};
    (key == "label" ? words.label : words.comment) = value.get<std::string>();
  }
  return words;
}

}  // namespace

void Analyses::register_routes(net::Router& router) {
  using net::Method;
  router.add(Method::get, "/api/v1/archive/recalled",
             {.summary = "Analyses whose model was recalled, with patient and study",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"model", "its name"},
                        {"version", "its version"},
                        {"cursor", "of the page before"},
                        {"limit", "1 to 500"}}},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const auto version, request.query_integer("version", 0, 0, 1'000'000'000));
               ACESO_TRY(const auto limit, request.query_integer("limit", 100, 1, 500));
               ACESO_TRY(
                   const Json view,
                   recalled(peer_of(request), request.query_value("model").value_or(""), static_cast<int>(version),
                            request.query_value("cursor").value_or(""), static_cast<std::size_t>(limit)));
               return private_json(view);
             });
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
  router.add(Method::post, "/api/v1/archive/analyses/{id:uuid}/judgement",
             {.summary = "Agree with a result or say what it is instead: a verdict and a verified report",
              .tag = "archive",
              .scope = std::string{kJudge},
              .request_type = "application/json",
              .request_schema = kJudgementSchema},
             [this](net::Request& request) -> Result<net::Response> {
               ACESO_TRY(const Json body, request.json(std::size_t{16} << 10));
               ACESO_TRY(const auto words, words_of(body));
               ACESO_TRY(const Json view, judge(peer_of(request), request.param("id"), words));
               return private_json(view);
             });
  router.add(Method::get, "/api/v1/archive/worklist",
             {.summary = "Studies in the order in which they should be read: by finding and urgency",
              .tag = "archive",
              .scope = std::string{kRead},
              .query = {{"cursor", "of the page before"}, {"limit", "1 to 100"}}},
             [i = impl_.get()](net::Request& request) -> Result<net::Response> {
               const auto peer = peer_of(request);
               ACESO_TRY_OK(require(peer, kRead));
               ACESO_TRY(const auto limit, request.query_integer("limit", 50, 1, 100));
               ACESO_TRY(const Json page, i->worklist(peer, request.query_value("cursor").value_or(""),
                                                      static_cast<std::size_t>(limit)));
               return private_json(page);
             });
  router.add(Method::get, "/api/v1/archive/events",
             {.summary = "Studies whose analyses changed, as it happens (server-sent events)",
              .tag = "archive",
              .scope = std::string{kRead},
              .response_type = "text/event-stream"},
             [i = impl_.get()](net::Request& request) -> Result<net::Response> {
               const auto peer = peer_of(request);
               ACESO_TRY_OK(require(peer, kRead));
               ACESO_TRY_OK(i->record_studies(peer, "archive.events", {}));
               return i->events.open();
             });
}

}  // namespace aceso::archive
