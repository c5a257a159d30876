// What a request shows to prove who asks, taken apart strictly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::portal {

enum class CredentialKind : std::uint8_t { none, session, api_token, service_token };
struct Credential {
  CredentialKind kind = CredentialKind::none;
  std::string secret;
};

// `authorization` and `cookie` are the header's value and the session cookie's value, "" when absent. An Authorization
// header decides alone: "Bearer" and a token of ours, or "Basic" with an API token as the password (never a user's
// password). Errors: unauthenticated for any other Authorization header, or a malformed cookie.
Result<Credential> read_credential(std::string_view authorization, std::string_view session_cookie);

// Whether a request that changes something may come from where the browser says it does (OWASP CSRF, "Verifying origin
// with standard headers"). All three are header values, "" when absent; programs send neither Origin nor
// Sec-Fetch-Site.
bool same_origin(std::string_view origin, std::string_view sec_fetch_site, std::string_view host) noexcept;

}  // namespace aceso::portal
