#include "json_views.hpp"

#include <nlohmann/json.hpp>

#include "aceso/portal/scopes.hpp"

namespace aceso::portal {

Json user_json(const User& user) {
  Json json{{"id", user.id},
            {"name", user.name},
            {"roles", user.roles},
            {"scopes", scopes_of(user.roles)},
            {"disabled", user.disabled},
            {"totp", user.totp},
            {"created", format_utc(from_micros(user.created_us))}};
  json["last_login"] = user.last_login_us == 0 ? Json{} : Json(format_utc(from_micros(user.last_login_us)));
  return json;
}

Json principal_json(const contracts::Principal& p) {
  return Json{{"id", p.id}, {"name", p.name}, {"roles", p.roles}, {"scopes", p.scopes}};
}

Json token_json(const ApiToken& t) {
  Json json{{"id", t.id},
            {"name", t.name},
            {"owner", t.owner_name},
            {"scopes", t.scopes},
            {"created", format_utc(from_micros(t.created_us))},
            {"expires", format_utc(from_micros(t.expires_us))}};
  json["last_used"] = t.last_used_us == 0 ? Json{} : Json(format_utc(from_micros(t.last_used_us)));
  return json;
}

Json audit_json(const AuditRecord& r) {
  const auto& e = r.event;
  return Json{{"sequence", r.sequence},
              {"time", format_utc(r.time)},
              {"action", e.action},
              {"event", e.event},
              {"outcome", e.outcome},
              {"agent_id", e.agent_id},
              {"agent_name", e.agent_name},
              {"source_address", e.source_address},
              {"entity_type", e.entity_type},
              {"entity_id", e.entity_id},
              {"request_id", e.request_id},
              {"detail", e.detail},
              {"hash", r.hash}};
}

}  // namespace aceso::portal
