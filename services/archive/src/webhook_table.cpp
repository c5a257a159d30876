#include "webhook_table.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace aceso::archive {
namespace {

constexpr std::string_view kWebhookTables = R"(
CREATE TABLE delivery (
  id TEXT PRIMARY KEY,
  what TEXT NOT NULL UNIQUE,
  target TEXT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  job TEXT NOT NULL,
  updated BIGINT NOT NULL,
  sealed BLOB NOT NULL
);
CREATE INDEX delivery_by_state ON delivery (state, job);
CREATE TABLE delivery_time (name TEXT PRIMARY KEY, us BIGINT NOT NULL);
)";

constexpr std::array<std::pair<DeliveryState, std::string_view>, 3> kDeliveryStates{
    {{DeliveryState::waiting, "waiting"}, {DeliveryState::delivered, "delivered"}, {DeliveryState::failed, "failed"}}};

Json sealed_delivery(const Delivery& one) {
  return {{"body", one.body}, {"reason", one.reason}};
}

}  // namespace

std::string_view to_string(DeliveryState state) noexcept {
  for (const auto& [value, name] : kDeliveryStates) {
    if (value == state) return name;
  }
  return "";
}

std::vector<store::Migration> WebhookTable::migrations(int first_number) {
  return {{first_number, kWebhookTables}};
}

WebhookTable::WebhookTable(store::Catalogue& catalogue, RandomSource& random, const crypto::SecretKey& key)
    : catalogue_{catalogue}, sealer_{random, key} {}

Status WebhookTable::add(const Delivery& one, std::string_view what) {
  return catalogue_.execute(
      "INSERT INTO delivery (id, what, target, event, state, job, updated, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
      "?8) ON CONFLICT (what) DO NOTHING",
      {one.id, sealer_.name_of("event", one.target + "\n" + one.event + "\n" + std::string{what}), one.target,
       one.event, std::string{to_string(one.state)}, one.job, one.updated_us,
       sealer_.seal(one.id, sealed_delivery(one))});
}

Status WebhookTable::update(const Delivery& one) {
  return catalogue_.execute(
      "UPDATE delivery SET state = ?2, job = ?3, updated = ?4, sealed = ?5 WHERE id = ?1",
      {one.id, std::string{to_string(one.state)}, one.job, one.updated_us, sealer_.seal(one.id, sealed_delivery(one))});
}

Status WebhookTable::set_job(std::string_view id, std::string_view job) {
  return catalogue_.execute("UPDATE delivery SET job = ?2 WHERE id = ?1 AND job = ''",
                            {std::string{id}, std::string{job}});
}

Result<std::vector<Delivery>> WebhookTable::select(const std::string& rest, const store::SqlArgs& args) const {
  ACESO_TRY(const auto rows,
            catalogue_.query("SELECT id, target, event, state, job, updated, sealed FROM delivery " + rest, args));
  std::vector<Delivery> out;
  for (const auto& row : rows) {
    Delivery& one = out.emplace_back();
    one.id = row.text(0);
    one.target = row.text(1);
    one.event = row.text(2);
    for (const auto& [value, name] : kDeliveryStates) {
      if (name == row.text(3)) one.state = value;
    }
    one.job = row.text(4);
    one.updated_us = row.integer(5);
    ACESO_TRY(const Json json, sealer_.open(one.id, row.blob(6)));
    if (!json.is_object()) return Error{Code::data_loss, "a kept delivery cannot be read"};
    one.body = json.value("body", std::string{});
    one.reason = json.value("reason", std::string{});
  }
  return out;
}

Result<std::optional<Delivery>> WebhookTable::find(std::string_view id) const {
  ACESO_TRY(auto found, select("WHERE id = ?1", {std::string{id}}));
  if (found.empty()) return std::optional<Delivery>{};
  return std::optional{std::move(found.front())};
}

Result<std::vector<Delivery>> WebhookTable::list(std::string_view before, std::size_t limit) const {
  return select("WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                {before.empty() ? std::string{"~"} : std::string{before}, static_cast<std::int64_t>(limit)});
}

Result<std::vector<Delivery>> WebhookTable::waiting(bool with_job, std::size_t limit) const {
  return select(std::string{"WHERE state = 'waiting' AND job "} + (with_job ? "<>" : "=") + " '' ORDER BY id LIMIT ?1",
                {static_cast<std::int64_t>(limit)});
}

Status WebhookTable::forget_before(std::int64_t us) {
  return catalogue_.execute("DELETE FROM delivery WHERE state <> 'waiting' AND updated < ?1", {us});
}

Result<std::optional<std::int64_t>> WebhookTable::time(std::string_view name) const {
  ACESO_TRY(const auto rows, catalogue_.query("SELECT us FROM delivery_time WHERE name = ?1", {std::string{name}}));
  if (rows.empty()) return std::optional<std::int64_t>{};
  return std::optional{rows.front().integer(0)};
}

Status WebhookTable::set_time(std::string_view name, std::int64_t us) {
  return catalogue_.execute(
      "INSERT INTO delivery_time (name, us) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET us = ?2",
      {std::string{name}, us});
}

}  // namespace aceso::archive
