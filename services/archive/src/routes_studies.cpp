// Lists of studies and patients for people. The search keys are names and numbers of patients, so they come in the
// body: a query string would leave them in histories, caches and the logs of proxies.
#include <nlohmann/json.hpp>

#include "patient_list.hpp"
#include "study_list.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

constexpr const char* kQuerySchema = R"({"type":"object","additionalProperties":false,"properties":{
"patient":{"type":"string","maxLength":256,"description":"words of the name, or how the identifier begins"},
"same_patient_as":{"type":"string","description":"UID of a study"},"study_uid":{"type":"string"},
"accession":{"type":"string","maxLength":256},"description":{"type":"string","maxLength":256},
"from":{"type":"string","description":"YYYYMMDD"},"to":{"type":"string","description":"YYYYMMDD"},
"modalities":{"type":"array","items":{"type":"string"},"maxItems":40},
"order":{"enum":["date","patient","patient_id","accession","description","received","instances"]},
"ascending":{"type":"boolean"},"offset":{"type":"integer","minimum":0},"limit":{"type":"integer","minimum":1,"maximum":200}}})";

Result<net::Response> search_studies(const Archive::Impl& impl, net::Request& request) {
  const auto start = impl.deps.clock.steady_now();
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(const Json body, request.json(std::size_t{64} << 10));
  ACESO_TRY(const StudyQuery query, parse_study_query(body));
  ACESO_TRY_OK(impl.access.record(peer, {.action = "E",
                                         .event = "archive.query",
                                         .entity_type = "query",
                                         .entity = text_of(query),
                                         .detail = Json{{"level", "STUDY"}, {"keys", fields_of(query)}}.dump()}));
  ACESO_TRY(const StudyPage page, list_studies(impl.store->index(), query));
  Json rows = Json::array();
  for (std::size_t i = 0; i < page.rows.size(); ++i) rows.push_back(to_json(page.rows[i], page.received_us[i]));
  auto response = net::Response::text(
      dump_json(Json{{"total", page.total}, {"offset", query.offset}, {"studies", std::move(rows)}}),
      "application/json");
  response.headers.set("Cache-Control", "no-store");
  impl.metrics.query.observe(std::chrono::duration<double>(impl.deps.clock.steady_now() - start).count());
  return response;
}

constexpr const char* kPatientSchema = R"({"type":"object","additionalProperties":false,"properties":{
"patient":{"type":"string","maxLength":256,"description":"words of the name, or how the identifier begins"},
"order":{"enum":["date","patient","patient_id","studies"]},"ascending":{"type":"boolean"},
"offset":{"type":"integer","minimum":0},"limit":{"type":"integer","minimum":1,"maximum":200}}})";

Result<net::Response> search_patients(const Archive::Impl& impl, net::Request& request) {
  const auto start = impl.deps.clock.steady_now();
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(const Json body, request.json(std::size_t{64} << 10));
  ACESO_TRY(const PatientQuery query, parse_patient_query(body));
  Json keys = Json::array();
  if (!query.patient.empty()) keys.push_back("patient");
  ACESO_TRY_OK(impl.access.record(peer, {.action = "E",
                                         .event = "archive.query",
                                         .entity_type = "query",
                                         .entity = "patients\n" + query.patient,
                                         .detail = Json{{"level", "PATIENT"}, {"keys", keys}}.dump()}));
  const PatientPage page = list_patients(impl.store->index(), query);
  Json rows = Json::array();
  for (const auto& row : page.rows) rows.push_back(to_json(row));
  auto response = net::Response::text(
      dump_json(Json{{"total", page.total}, {"offset", query.offset}, {"patients", std::move(rows)}}),
      "application/json");
  response.headers.set("Cache-Control", "no-store");
  impl.metrics.query.observe(std::chrono::duration<double>(impl.deps.clock.steady_now() - start).count());
  return response;
}

}  // namespace

void register_study_routes(net::Router& router, Archive::Impl& impl) {
  router.add(net::Method::post, "/api/v1/archive/studies/search",
             {.summary = "Search for studies: sorted, counted, keys in the body",
              .tag = "archive",
              .scope = std::string{kRead},
              .request_type = "application/json",
              .request_schema = kQuerySchema},
             [&impl](net::Request& request) { return search_studies(impl, request); });
  router.add(net::Method::post, "/api/v1/archive/patients/search",
             {.summary = "Search for patients with studies: sorted, counted, keys in the body",
              .tag = "archive",
              .scope = std::string{kRead},
              .request_type = "application/json",
              .request_schema = kPatientSchema},
             [&impl](net::Request& request) { return search_patients(impl, request); });
}

}  // namespace aceso::archive
