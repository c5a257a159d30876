#include "prior_table.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace aceso::archive {
namespace {

constexpr std::string_view kPriorTables = R"(
CREATE TABLE prior_fetch (id TEXT PRIMARY KEY, state TEXT NOT NULL, job TEXT NOT NULL, sealed BLOB NOT NULL);
)";

constexpr std::array<std::pair<PriorState, std::string_view>, 4> kPriorStates{{{PriorState::waiting, "waiting"},
                                                                               {PriorState::fetched, "fetched"},
                                                                               {PriorState::none, "none"},
                                                                               {PriorState::failed, "failed"}}};

Json sealed_form(const PriorFetch& fetch) {
  Json studies = Json::array();
  for (const auto& one : fetch.studies) studies.push_back(to_json(one));
  return {{"subject", fetch.subject},      {"rule", fetch.rule},          {"reason", fetch.reason},
          {"due", fetch.due_us},           {"updated", fetch.updated_us}, {"studies", std::move(studies)},
          {"not_theirs", fetch.not_theirs}};
}

void fill(PriorFetch& fetch, const Json& json) {
  fetch.subject = json.at("subject");
  fetch.rule = json.at("rule");
  fetch.reason = json.at("reason");
  fetch.due_us = json.at("due");
  fetch.updated_us = json.at("updated");
  fetch.not_theirs = json.at("not_theirs");
  for (const auto& one : json.at("studies")) {
    PriorStudy& study = fetch.studies.emplace_back();
    study.study_uid = one.at("study");
    study.source = one.at("source");
    study.date = one.at("date");
    study.modalities = one.at("modalities");
    study.description = one.at("description");
    study.objects = one.at("objects");
    study.here = one.at("here");
    study.disagreeing = one.at("disagreeing").get<std::vector<std::string>>();
    study.unconfirmed = one.at("unconfirmed");
    study.reason = one.at("reason");
  }
}

}  // namespace

std::string_view to_string(PriorState state) noexcept {
  for (const auto& [value, name] : kPriorStates) {
    if (value == state) return name;
  }
  return "";
}

std::vector<store::Migration> PriorTable::migrations(int first_number) {
  return {{first_number, kPriorTables}};
}

PriorTable::PriorTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key)
    : catalogue_{catalogue}, sealer_{random, key} {}

Result<std::vector<PriorFetch>> PriorTable::all() const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT id, state, job, sealed FROM prior_fetch ORDER BY id"));
  std::vector<PriorFetch> out;
  out.reserve(rows.size());
  for (const auto& row : rows) {
    PriorFetch& fetch = out.emplace_back();
    fetch.id = row.text(0);
    for (const auto& [value, name] : kPriorStates) {
      if (name == row.text(1)) fetch.state = value;
    }
    fetch.job = row.text(2);
    ACESO_TRY(const Json json, sealer_.open(fetch.id, row.blob(3)));
    try {
      fill(fetch, json);
    } catch (const nlohmann::json::exception&) {
      return Error{Code::data_loss, "a kept list of priors cannot be read"};
    }
  }
  return out;
}

Status PriorTable::apply(const std::vector<PriorFetch>& changed, const std::vector<std::string>& gone) {
  if (changed.empty() && gone.empty()) return {};
  return catalogue_.write([&](store::Transaction& tx) -> Status {
    for (const auto& fetch : changed) {
      ACESO_TRY([[maybe_unused]] const auto put,
                tx.execute("INSERT INTO prior_fetch (id, state, job, sealed) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) "
                           "DO UPDATE SET state = ?2, job = ?3, sealed = ?4",
                           {fetch.id, std::string{to_string(fetch.state)}, fetch.job,
                            sealer_.seal(fetch.id, sealed_form(fetch))}));
    }
    for (const auto& id : gone) {
      ACESO_TRY([[maybe_unused]] const auto removed, tx.execute("DELETE FROM prior_fetch WHERE id = ?1", {id}));
    }
    return {};
  });
}

std::string PriorTable::subject_of(std::string_view text) const {
  return sealer_.name_of("prior", text);
}

Json to_json(const PriorStudy& study) {
  return {{"study", study.study_uid},
          {"source", study.source},
          {"date", study.date},
          {"modalities", study.modalities},
          {"description", study.description},
          {"objects", study.objects},
          {"here", study.here},
          {"disagreeing", study.disagreeing},
          {"unconfirmed", study.unconfirmed},
          {"reason", study.reason}};
}

}  // namespace aceso::archive
