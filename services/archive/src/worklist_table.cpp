#include "worklist_table.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace aceso::archive {
namespace {

using contracts::PerformedStep;
using contracts::StepState;

constexpr std::string_view kWorklistTables = R"(
CREATE TABLE scheduled_step (id TEXT PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE performed_step (id TEXT PRIMARY KEY, uid TEXT NOT NULL UNIQUE, updated BIGINT NOT NULL, sealed BLOB NOT NULL);
)";

constexpr std::array<std::pair<StepState, std::string_view>, 3> kStepStates{
    {{StepState::in_progress, "in_progress"},
     {StepState::completed, "completed"},
     {StepState::discontinued, "discontinued"}}};

Error unreadable() {
  return {Code::data_loss, "a kept procedure step cannot be read"};
}

Json sealed_form(const KeptStep& kept) {
  const PerformedStep& step = kept.step;
  Json attributes = Json::object();
  for (const auto& one : step.attributes)
    attributes[std::to_string(one.tag)] = one.value.reveal(Reveal::to_authorised_user);
  Json series = Json::array();
  for (const auto& one : step.series) series.push_back({{"uid", one.series_uid}, {"instances", one.sop_instance_uids}});
  const auto state = std::ranges::find(kStepStates, step.state, &std::pair<StepState, std::string_view>::first);
  return {{"uid", step.sop_instance_uid}, {"state", state->second},
          {"reporter", kept.reporter},    {"studies", step.study_uids},
          {"step_ids", step.step_ids},    {"has_series", step.has_series},
          {"series", std::move(series)},  {"attributes", std::move(attributes)}};
}

Status fill(KeptStep& kept, const Json& json) {
  PerformedStep& step = kept.step;
  try {
    step.sop_instance_uid = json.at("uid");
    const auto name = json.at("state").get<std::string>();
    const auto state = std::ranges::find(kStepStates, name, &std::pair<StepState, std::string_view>::second);
    if (state == kStepStates.end()) return unreadable();
    step.state = state->first;
    step.has_state = true;
    kept.reporter = json.at("reporter");
    step.study_uids = json.at("studies").get<std::vector<std::string>>();
    step.step_ids = json.at("step_ids").get<std::vector<std::string>>();
    step.has_series = json.at("has_series");
    for (const auto& one : json.at("series")) {
      step.series.push_back({one.at("uid"), one.at("instances").get<std::vector<std::string>>()});
    }
    for (const auto& [tag, value] : json.at("attributes").items()) {
      step.attributes.push_back(
          {static_cast<std::uint32_t>(std::stoul(tag)), Phi<std::string>{value.get<std::string>()}});
    }
  } catch (const std::exception&) {
    return unreadable();
  }
  std::ranges::sort(step.attributes, {}, &contracts::ObjectAttribute::tag);
  return {};
}

}  // namespace

std::vector<store::Migration> WorklistTable::migrations() {
  return {{1, kWorklistTables}};
}

WorklistTable::WorklistTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key)
    : catalogue_{catalogue}, sealer_{random, key} {}

Result<std::vector<ScheduledStep>> WorklistTable::scheduled() const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT id, sealed FROM scheduled_step ORDER BY id"));
  std::vector<ScheduledStep> out;
  for (const auto& row : rows) {
    ScheduledStep& step = out.emplace_back();
    step.id = row.text(0);
    ACESO_TRY(const Json json, sealer_.open(step.id, row.blob(1)));
    try {
      step.progress = static_cast<StepProgress>(json.at("progress").get<int>());
      step.fields = json.at("fields").get<std::map<std::string, std::string, std::less<>>>();
    } catch (const nlohmann::json::exception&) {
      return unreadable();
    }
  }
  return out;
}

namespace {

Status put_step(store::Transaction& tx, const std::string& id, store::Blob sealed) {
  ACESO_TRY(
      [[maybe_unused]] const auto n,
      tx.execute("INSERT INTO scheduled_step (id, sealed) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET sealed = ?2",
                 {id, std::move(sealed)}));
  return {};
}

Json sealed_form(const ScheduledStep& step) {
  return {{"progress", static_cast<int>(step.progress)}, {"fields", step.fields}};
}

}  // namespace

Status WorklistTable::put(const ScheduledStep& step) {
  return catalogue_.write(
      [&](store::Transaction& tx) { return put_step(tx, step.id, sealer_.seal(step.id, sealed_form(step))); });
}

Status WorklistTable::remove(std::string_view id) {
  return catalogue_.execute("DELETE FROM scheduled_step WHERE id = ?1", {std::string{id}});
}

Status WorklistTable::add(const KeptStep& step, const std::vector<ScheduledStep>& changed) {
  return catalogue_.write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO performed_step (id, uid, updated, sealed) VALUES (?1, ?2, ?3, ?4)",
                         {step.id, sealer_.name_of("step", step.step.sop_instance_uid), step.updated_us,
                          sealer_.seal(step.id, sealed_form(step))}));
    for (const auto& one : changed) ACESO_TRY_OK(put_step(tx, one.id, sealer_.seal(one.id, sealed_form(one))));
    return {};
  });
}

Status WorklistTable::update(const KeptStep& step, const std::vector<ScheduledStep>& changed) {
  return catalogue_.write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("UPDATE performed_step SET updated = ?2, sealed = ?3 WHERE id = ?1",
                         {step.id, step.updated_us, sealer_.seal(step.id, sealed_form(step))}));
    for (const auto& one : changed) ACESO_TRY_OK(put_step(tx, one.id, sealer_.seal(one.id, sealed_form(one))));
    return {};
  });
}

Result<KeptStep> WorklistTable::step_of(const store::Row& row) const {
  KeptStep kept;
  kept.id = row.text(0);
  kept.updated_us = row.integer(1);
  ACESO_TRY(const Json json, sealer_.open(kept.id, row.blob(2)));
  ACESO_TRY_OK(fill(kept, json));
  return kept;
}

Result<std::optional<KeptStep>> WorklistTable::find(std::string_view sop_instance_uid) const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT id, updated, sealed FROM performed_step WHERE uid = ?1",
                                              {sealer_.name_of("step", sop_instance_uid)}));
  if (rows.empty()) return std::optional<KeptStep>{};
  ACESO_TRY(auto kept, step_of(rows.front()));
  return std::optional{std::move(kept)};
}

Result<std::vector<KeptStep>> WorklistTable::performed(std::string_view before, std::size_t limit) const {
  ACESO_TRY(
      const auto rows,
      catalogue_.query("SELECT id, updated, sealed FROM performed_step WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                       {before.empty() ? std::string{"~"} : std::string{before}, static_cast<std::int64_t>(limit)}));
  std::vector<KeptStep> out;
  for (const auto& row : rows) {
    ACESO_TRY(auto kept, step_of(row));
    out.push_back(std::move(kept));
  }
  return out;
}

Json to_json(const KeptStep& kept, const Index& index) {
  Json out = sealed_form(kept);
  Json series = Json::array();
  std::string study;  // under which its objects are kept
  for (const auto& one : kept.step.series) {
    std::size_t here = 0;
    for (const auto& uid : one.sop_instance_uids) {
      const auto found = index.find(uid);
      if (!found) continue;
      ++here;
      if (study.empty()) study = found->key->study_uid;
    }
    series.push_back({{"series", one.series_uid}, {"instances", one.sop_instance_uids.size()}, {"here", here}});
  }
  if (study.empty()) {
    const auto known =
        std::ranges::find_if(kept.step.study_uids, [&](const auto& uid) { return index.study(uid) != nullptr; });
    if (known != kept.step.study_uids.end()) study = *known;
  }
  const auto text = [&](std::uint32_t tag) {
    const auto found = std::ranges::find(kept.step.attributes, tag, &contracts::ObjectAttribute::tag);
    return found == kept.step.attributes.end() ? std::string{} : found->value.reveal(Reveal::to_authorised_user);
  };
  return {{"id", kept.id},
          {"uid", kept.step.sop_instance_uid},
          {"state", out.at("state")},
          {"reporter", kept.reporter},
          {"updated_us", kept.updated_us},
          {"studies", kept.step.study_uids},
          {"series", std::move(series)},
          {"study", study.empty() ? Json(nullptr) : Json(study)},
          {"patient_name", text(0x00100010)},
          {"patient_id", text(0x00100020)},
          {"modality", text(0x00080060)},
          {"station_ae", text(0x00400241)},
          {"description", text(0x00400254)},
          {"start_date", text(0x00400244)},
          {"start_time", text(0x00400245)},
          {"end_date", text(0x00400250)},
          {"end_time", text(0x00400251)}};
}

}  // namespace aceso::archive
