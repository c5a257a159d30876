// Roles and what they may do. The table in scopes.cpp is the only place where a role is turned into scopes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aceso::portal {

// Every scope there is, in the order in which they are shown.
const std::vector<std::string>& all_scopes();
const std::vector<std::string>& all_roles();
bool is_scope(std::string_view scope) noexcept;
bool is_role(std::string_view role) noexcept;

// What the roles give together, each scope once, in the order of all_scopes(). Always holds "self"; unknown roles give
// nothing.
std::vector<std::string> scopes_of(const std::vector<std::string>& roles);

// Scopes that an API token may carry: all but those with which it could make itself stronger or outlive its owner's
// decisions.
bool allowed_for_token(std::string_view scope) noexcept;

}  // namespace aceso::portal
