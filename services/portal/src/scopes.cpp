#include "aceso/portal/scopes.hpp"

#include <algorithm>
#include <array>

namespace aceso::portal {
namespace {

struct RoleScopes {
  std::string_view role;
  std::vector<std::string_view> scopes;
};

// admin has everything but the clinicians' verdicts and their acceptance of models: nobody speaks for a clinician.
const std::vector<RoleScopes>& table() {
  static const std::vector<RoleScopes> kRows{
      {"admin",
       {"users:read", "users:write", "audit:read", "datasets:read", "datasets:write", "models:read", "models:write",
        "models:promote", "predictions:create", "predictions:read", "jobs:read", "jobs:write", "tokens:write",
        "archive:read", "archive:write", "archive:delete"}},
      {"clinician",
       {"models:read", "models:accept", "predictions:create", "predictions:read", "feedback:write", "archive:read",
        "archive:write"}},
      {"scientist",
       {"datasets:read", "datasets:write", "models:read", "models:write", "models:promote", "predictions:create",
        "predictions:read", "jobs:read", "jobs:write"}},
      {"auditor", {"audit:read", "models:read"}},
  };
  return kRows;
}

bool contains(const auto& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

}  // namespace

const std::vector<std::string>& all_scopes() {
  static const std::vector<std::string> kScopes{
      "users:read",       "users:write",    "audit:read",     "datasets:read", "datasets:write",
      "models:read",      "models:write",   "models:promote", "models:accept", "predictions:create",
      "predictions:read", "feedback:write", "jobs:read",      "jobs:write",    "tokens:write",
      "archive:read",     "archive:write",  "archive:delete", "self"};
  return kScopes;
}

const std::vector<std::string>& all_roles() {
  static const std::vector<std::string> kRoles{"admin", "clinician", "scientist", "auditor"};
  return kRoles;
}

bool is_scope(std::string_view scope) noexcept {
  return contains(all_scopes(), scope);
}
bool is_role(std::string_view role) noexcept {
  return contains(all_roles(), role);
}

std::vector<std::string> scopes_of(const std::vector<std::string>& roles) {
  std::vector<std::string> out;
  for (const auto& scope : all_scopes()) {
    const bool given = scope == "self" || std::ranges::any_of(table(), [&](const RoleScopes& row) {
                         return contains(roles, row.role) && contains(row.scopes, scope);
                       });
    if (given) out.push_back(scope);
  }
  return out;
}

bool allowed_for_token(std::string_view scope) noexcept {
  return is_scope(scope) && scope != "self" && scope != "users:write" && scope != "tokens:write";
}

}  // namespace aceso::portal
