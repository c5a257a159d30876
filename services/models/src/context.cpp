#include "context.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "aceso/base/id.hpp"

namespace aceso::models {

std::string Context::new_id() const {
  return Uuid::v7(clock, random).to_string();
}

std::int64_t Context::now_us() const {
  return clock.utc_now().time_since_epoch().count();
}

Status Context::record(const Actor& actor, std::string_view action, std::string_view event,
                       std::string_view entity_type, std::string_view entity_id, std::string_view detail) const {
  contracts::AuditEvent e;
  e.action = action;
  e.event = event;
  e.agent_id = actor.id;
  e.agent_name = actor.name;
  e.source_address = actor.source_address;
  e.entity_type = entity_type;
  e.entity_id = entity_id;
  e.request_id = actor.request_id;
  e.detail = detail;
  return audit.record(e);
}

std::string time_text(std::int64_t us) {
  return format_utc(UtcTime{std::chrono::microseconds{us}});
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Json> parse_own(std::string_view text) {
  Result<Json> json = parse_json(text, {.bytes = std::size_t{256} << 20, .depth = 64});
  if (!json) return Error{Code::data_loss, "a stored record does not parse"};
  return json;
}

Status check_name(std::string_view what, std::string_view name) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  const bool good =
      !name.empty() && name.size() <= 64 && alnum(name.front()) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return alnum(c) || c == '.' || c == '_' || c == '-'; });
  if (good) return {};
  return Error{Code::invalid,
               std::string{what} + ": 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"};
}

}  // namespace aceso::models
