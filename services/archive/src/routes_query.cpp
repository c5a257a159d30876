// QIDO-RS: studies, series and instances that match (PS3.18 10.6).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "media_type.hpp"
#include "qido.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

// What the index does not hold is taken from the head of the object, of the first one for studies and series.
void include_from_object(const ObjectStore& store, const Match& match, const QidoRequest& wanted, dicom::Dataset& out) {
  std::vector<dicom::Tag> missing;
  for (const auto& path : wanted.include) {
    const auto tag = path.front();
    const auto level = level_of(tag);
    const bool below = level && static_cast<int>(*level) > static_cast<int>(match.level);
    if (!is_computed(tag) && !below && !out.contains(tag)) missing.push_back(tag);
  }
  const bool everything = wanted.include_all && match.level == QueryLevel::image;
  if (missing.empty() && !everything) return;
  const auto head = read_head(store, *match.image);
  if (!head) return;
  const auto take = [&](const dicom::Element& element) {
    if (element.tag() == tags::kSpecificCharacterSet || element.skipped() || dicom::is_bulk(element.vr())) return;
    if (!out.contains(element.tag())) out.set(element);
  };
  // Text of another character set cannot stand beside UTF-8 as it is: values are set anew.
  const auto take_text = [&](const dicom::Element& element) {
    std::string joined;
    for (const auto& text : element.texts(head->dataset.charset())) joined += (joined.empty() ? "" : "\\") + text;
    out.set_text(element.tag(), element.vr(), joined);
  };
  for (const auto& element : head->dataset.elements()) {
    const bool asked = everything || std::ranges::find(missing, element.tag()) != missing.end();
    if (!asked || out.contains(element.tag())) continue;
    if (dicom::uses_charset(element.vr())) {
      take_text(element);
    } else {
      take(element);
    }
  }
}

std::string retrieve_url(const std::string& root, const Match& match) {
  std::string url = study_path(root, match.study_uid);
  if (match.level == QueryLevel::study) return url;
  url += "/series/" + match.image->key->series_uid;
  return match.level == QueryLevel::series ? url : url + "/instances/" + match.image->sop_instance_uid;
}

bool accepts_json(const net::Request& request) {
  for (const auto& range : accepted(request)) {
    if (fits(range, kDicomJson) || fits(range, "application/json")) return true;
  }
  return false;
}

net::Response answer(const Archive::Impl& impl, const net::Request& request, const QidoRequest& wanted,
                     const SearchResult& found, bool with_study, bool with_series) {
  net::Response response;
  const std::string root = root_url(request);
  std::string body = "[";
  for (const auto& match : found.matches) {
    auto data = answer_of(impl.store->index(), match, wanted, with_study, with_series);
    include_from_object(*impl.store, match, wanted, data);
    data.set_text(tags::kRetrieveURL, retrieve_url(root, match));
    if (body.size() > 1) body += ',';
    body += dicom::to_json(data);
  }
  body += ']';
  const auto warn = [&](std::string_view text) {
    response.headers.add("Warning", "299 aceso \"" + std::string{text} + "\"");
  };
  if (found.more) warn("There are additional results that can be requested");
  if (!found.unmatched.empty() || !wanted.ignored.empty())
    warn("The following search parameters were ignored because they are not supported: " +
         std::to_string(found.unmatched.size() + wanted.ignored.size()));
  if (found.matches.empty()) {
    response.status = 204;
    return response;
  }
  response.headers.set("Content-Type", kDicomJson);
  response.headers.set("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

Result<net::Response> search_for(const Archive::Impl& impl, net::Request& request, QueryLevel level) {
  const auto start = impl.deps.clock.steady_now();
  const auto peer = peer_of(request);
  ACESO_TRY_OK(require(peer, kRead));
  if (!accepts_json(request)) return not_acceptable(request);
  ACESO_TRY(QidoRequest wanted, parse_qido(request.query, level));
  const auto study = request.param("study");
  const auto series = request.param("series");
  if (!study.empty()) wanted.search.keys.push_back({{tags::kStudyInstanceUID}, std::string{study}});
  if (!series.empty()) wanted.search.keys.push_back({{tags::kSeriesInstanceUID}, std::string{series}});
  ACESO_TRY_OK(impl.record_query(peer, wanted.search));
  ACESO_TRY(const auto found, search(impl.store->index(), wanted.search));
  const bool with_study = level == QueryLevel::study || study.empty();
  const bool with_series = level == QueryLevel::series || (level == QueryLevel::image && series.empty());
  auto response = answer(impl, request, wanted, found, with_study, with_series);
  impl.metrics.query.observe(std::chrono::duration<double>(impl.deps.clock.steady_now() - start).count());
  return response;
}

}  // namespace

void register_query_routes(net::Router& router, Archive::Impl& impl) {
  const auto add = [&](const char* pattern, const char* summary, QueryLevel level) {
    router.add(net::Method::get, pattern,
               {.summary = summary,
                .tag = "dicomweb",
                .scope = std::string{kRead},
                .response_type = std::string{kDicomJson},
                .query = {{"{attribute}", "Keyword, ggggeeee, or a path of them: value, UID list, wildcard or range"},
                          {"includefield", "Attributes to add; all for every indexed one"},
                          {"fuzzymatching", "true: words of names in any order"},
                          {"limit", "Results, at most 10000"},
                          {"offset", "Results to skip"}}},
               [&impl, level](net::Request& request) { return search_for(impl, request, level); });
  };
  add("/dicom-web/studies", "Search for studies (QIDO-RS)", QueryLevel::study);
  add("/dicom-web/series", "Search for series (QIDO-RS)", QueryLevel::series);
  add("/dicom-web/instances", "Search for instances (QIDO-RS)", QueryLevel::image);
  add("/dicom-web/studies/{study}/series", "Search for series of a study (QIDO-RS)", QueryLevel::series);
  add("/dicom-web/studies/{study}/instances", "Search for instances of a study (QIDO-RS)", QueryLevel::image);
  add("/dicom-web/studies/{study}/series/{series}/instances", "Search for instances of a series (QIDO-RS)",
      QueryLevel::image);
}

}  // namespace aceso::archive
