#include "forward_table.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace aceso::archive {
namespace {

constexpr std::string_view kForwardTables = R"(
CREATE TABLE forward (
  id TEXT PRIMARY KEY,
  series TEXT NOT NULL,
  rule TEXT NOT NULL,
  state TEXT NOT NULL,
  job TEXT NOT NULL,
  until BIGINT NOT NULL,
  sealed BLOB NOT NULL
);
CREATE INDEX forward_by_series ON forward (series, rule);
CREATE INDEX forward_by_state ON forward (state, job);
CREATE TABLE forward_time (name TEXT PRIMARY KEY, us BIGINT NOT NULL);
)";

constexpr std::array<std::pair<ForwardState, std::string_view>, 3> kForwardStates{
    {{ForwardState::waiting, "waiting"}, {ForwardState::sent, "sent"}, {ForwardState::failed, "failed"}}};

Json sealed_form(const Forward& f) {
  return {{"study", f.study_uid},
          {"series", f.series_uid},
          {"destination", f.destination},
          {"from", f.from_us},
          {"reason", f.reason},
          {"objects", f.objects},
          {"sent", f.sent},
          {"updated", f.updated_us},
          {"refused", f.refused},
          {"refusals", f.refusals},
          {"deidentified", f.deidentified}};
}

}  // namespace

std::string_view to_string(ForwardState state) noexcept {
  for (const auto& [value, name] : kForwardStates) {
    if (value == state) return name;
  }
  return "";
}

std::vector<store::Migration> ForwardTable::migrations(int first_number) {
  return {{first_number, kForwardTables}};
}

ForwardTable::ForwardTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key)
    : catalogue_{catalogue}, sealer_{random, key} {}

Status ForwardTable::add(const Forward& f) {
  return catalogue_.execute(
      "INSERT INTO forward (id, series, rule, state, job, until, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      {f.id, sealer_.name_of("series", f.series_uid), f.rule, std::string{to_string(f.state)}, f.job, f.until_us,
       sealer_.seal(f.id, sealed_form(f))});
}

Status ForwardTable::update(const Forward& f) {
  return catalogue_.execute("UPDATE forward SET state = ?2, job = ?3, sealed = ?4 WHERE id = ?1",
                            {f.id, std::string{to_string(f.state)}, f.job, sealer_.seal(f.id, sealed_form(f))});
}

Status ForwardTable::set_job(std::string_view id, std::string_view job) {
  return catalogue_.execute("UPDATE forward SET job = ?2 WHERE id = ?1 AND job = ''",
                            {std::string{id}, std::string{job}});
}

Result<std::vector<Forward>> ForwardTable::select(const std::string& rest, const store::SqlArgs& args) const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT id, rule, state, job, until, sealed FROM forward " + rest, args));
  std::vector<Forward> out;
  for (const auto& row : rows) {
    Forward& f = out.emplace_back();
    f.id = row.text(0);
    f.rule = row.text(1);
    f.job = row.text(3);
    f.until_us = row.integer(4);
    for (const auto& [value, name] : kForwardStates) {
      if (name == row.text(2)) f.state = value;
    }
    ACESO_TRY(const Json json, sealer_.open(f.id, row.blob(5)));
    try {
      f.study_uid = json.at("study");
      f.series_uid = json.at("series");
      f.destination = json.at("destination");
      f.from_us = json.at("from");
      f.reason = json.at("reason");
      f.objects = json.at("objects");
      f.sent = json.at("sent");
      f.updated_us = json.at("updated");
      f.refused = json.value("refused", std::size_t{0});
      f.refusals = json.value("refusals", std::string{});
      f.deidentified = json.value("deidentified", false);
    } catch (const nlohmann::json::exception&) {
      return Error{Code::data_loss, "a kept forward cannot be read"};
    }
  }
  return out;
}

Result<std::optional<Forward>> ForwardTable::find(std::string_view id) const {
  ACESO_TRY(auto found, select("WHERE id = ?1", {std::string{id}}));
  if (found.empty()) return std::optional<Forward>{};
  return std::optional{std::move(found.front())};
}

Result<std::int64_t> ForwardTable::covered_us(std::string_view series_uid, std::string_view rule) const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT MAX(until) FROM forward WHERE series = ?1 AND rule = ?2",
                                              {sealer_.name_of("series", series_uid), std::string{rule}}));
  return rows.empty() ? std::int64_t{0} : rows.front().integer(0);
}

Result<std::vector<Forward>> ForwardTable::list(std::string_view before, std::size_t limit) const {
  return select("WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                {before.empty() ? std::string{"~"} : std::string{before}, static_cast<std::int64_t>(limit)});
}

Result<std::vector<Forward>> ForwardTable::waiting(bool with_job, std::size_t limit) const {
  return select(std::string{"WHERE state = 'waiting' AND job "} + (with_job ? "<>" : "=") + " '' ORDER BY id LIMIT ?1",
                {static_cast<std::int64_t>(limit)});
}

Result<std::optional<std::int64_t>> ForwardTable::time(std::string_view name) const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT us FROM forward_time WHERE name = ?1", {std::string{name}}));
  if (rows.empty()) return std::optional<std::int64_t>{};
  return std::optional{rows.front().integer(0)};
}

Status ForwardTable::set_time(std::string_view name, std::int64_t us) {
  return catalogue_.execute(
      "INSERT INTO forward_time (name, us) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET us = ?2",
      {std::string{name}, us});
}

Json to_json(const Forward& f) {
  return {{"id", f.id},
          {"study", f.study_uid},
          {"series", f.series_uid},
          {"rule", f.rule},
          {"destination", f.destination},
          {"state", to_string(f.state)},
          {"objects", f.objects},
          {"sent", f.sent},
          {"refused", f.refused},
          {"deidentified", f.deidentified},
          {"reason", f.reason},
          {"updated_us", f.updated_us}};
}

}  // namespace aceso::archive
