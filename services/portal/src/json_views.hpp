// Users, tokens and audit records as the HTTP interface shows them.
#pragma once

#include "aceso/base/json.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/portal/audit.hpp"
#include "sessions.hpp"
#include "text.hpp"
#include "users.hpp"

namespace aceso::portal {

Json user_json(const User& user);
Json principal_json(const contracts::Principal& principal);
Json token_json(const ApiToken& token);
Json audit_json(const AuditRecord& record);

}  // namespace aceso::portal
