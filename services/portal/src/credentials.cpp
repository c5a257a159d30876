#include "credentials.hpp"

#include <algorithm>
#include <optional>

#include "aceso/crypto/hash.hpp"
#include "sessions.hpp"
#include "text.hpp"

namespace aceso::portal {
namespace {

constexpr std::size_t kLongestCredential = 4096;

bool is_base64url(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool has_service_form(std::string_view token) {
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  return first != std::string_view::npos && first != last && is_base64url(token.substr(0, first)) &&
         is_base64url(token.substr(first + 1, last - first - 1)) && is_base64url(token.substr(last + 1));
}

// RFC 7617: base64 of "user:password". Programs that know nothing else send a token as the password; the user's name is
// theirs to choose.
std::optional<std::string> token_of_basic(std::string_view value) {
  const auto bytes = crypto::from_base64(value);
  if (!bytes) return std::nullopt;
  const std::string text{reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  const auto colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return text.substr(colon + 1);
}

bool is_api_token(std::string_view token) {
  return token.starts_with(ApiTokens::kPrefix) && is_base64url(token.substr(ApiTokens::kPrefix.size()));
}

}  // namespace

Result<Credential> read_credential(std::string_view authorization, std::string_view session_cookie) {
  const Error refused{Code::unauthenticated, "this credential is malformed"};
  if (authorization.size() > kLongestCredential || session_cookie.size() > 128) return refused;
  if (!authorization.empty()) {
    const auto space = authorization.find(' ');
    if (space == std::string_view::npos) return refused;
    const auto scheme = ascii_lower(authorization.substr(0, space));
    const auto token = authorization.substr(space + 1);
    if (scheme == "basic") {
      auto secret = token_of_basic(token);
      if (!secret || !is_api_token(*secret)) return refused;
      return Credential{CredentialKind::api_token, *std::move(secret)};
    }
    if (scheme != "bearer") return refused;
    if (is_api_token(token)) return Credential{CredentialKind::api_token, std::string{token}};
    if (has_service_form(token)) return Credential{CredentialKind::service_token, std::string{token}};
    return refused;
  }
  if (session_cookie.empty()) return Credential{};
  if (!is_base64url(session_cookie)) return refused;
  return Credential{CredentialKind::session, std::string{session_cookie}};
}

bool same_origin(std::string_view origin, std::string_view sec_fetch_site, std::string_view host) noexcept {
  if (!sec_fetch_site.empty() && sec_fetch_site != "same-origin" && sec_fetch_site != "none") return false;
  if (origin.empty()) return true;
  // The scheme is left aside: a proxy may end TLS before us. The browser's word on it is Sec-Fetch-Site.
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (origin.starts_with(scheme)) return !host.empty() && origin.substr(scheme.size()) == host;
  }
  return false;
}

}  // namespace aceso::portal
