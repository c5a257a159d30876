// The reading worklist: studies by what models found in them and how urgent it is, with the words that explain why a
// study stands where it stands.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "analyses_impl.hpp"
#include "study_list.hpp"

namespace aceso::archive {
namespace {

// The analysis that put the study into its place.
const Analysis* leading(const std::vector<Analysis>& analyses) {
  const auto first = std::ranges::min_element(analyses, {}, [](const Analysis& a) { return rank_of(a); });
  return first == analyses.end() ? nullptr : &*first;
}

}  // namespace

Status Analyses::Impl::record_studies(const contracts::ObjectPeer& peer, std::string_view event,
                                      const std::vector<std::string>& study_uids) const {
  Json named = Json::array();
  std::string all{event};
  for (const auto& uid : study_uids) {
    named.push_back(archive.access.pseudonym("study", uid));
    all += '\n' + uid;
  }
  return archive.access.record(peer, {.action = "R",
                                      .event = event,
                                      .entity_type = "list of studies",
                                      .entity = all,
                                      .detail = Json{{"studies", std::move(named)}}.dump()});
}

Result<Json> Analyses::Impl::worklist(const contracts::ObjectPeer& peer, std::string_view cursor,
                                      std::size_t limit) const {
  ACESO_TRY(auto rows, table->worklist(cursor, limit + 1));
  const bool more = rows.size() > limit;
  if (more) rows.resize(limit);
  Json items = Json::array();
  std::vector<std::string> shown;
  for (const WorklistRow& row : rows) {
    StudyQuery exactly;
    exactly.study_uid = row.study_uid;
    ACESO_TRY(const StudyPage page, list_studies(archive.store->index(), exactly));
    if (page.rows.empty()) continue;  // gone; its analyses go with the next message of the archive
    ACESO_TRY(auto analyses, table->of_study(row.study_uid));
    for (Analysis& one : analyses) ACESO_TRY_OK(as_it_stands(one));
    const Analysis* first = leading(analyses);
    if (first == nullptr) continue;
    Json item = archive::to_json(page.rows.front(), page.received_us.front());
    item["rank"] = to_string(row.rank);
    item["analysis"] = archive::to_json(*first);
    item["analyses"] = analyses.size();
    items.push_back(std::move(item));
    shown.push_back(row.study_uid);
  }
  ACESO_TRY_OK(record_studies(peer, "archive.worklist", shown));
  return Json{{"items", std::move(items)}, {"next", more ? Json(rows.back().cursor) : Json(nullptr)}};
}

}  // namespace aceso::archive
