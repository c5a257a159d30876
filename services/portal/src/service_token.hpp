// Short-lived tokens signed by the node: a JWS in compact form (RFC 7515) with one fixed header, EdDSA (RFC 8037).
#pragma once

#include <string>
#include <string_view>

#include "aceso/base/clock.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/access.hpp"
#include "aceso/crypto/crypto.hpp"

namespace aceso::portal {

std::string sign_service_token(const contracts::Principal& principal, UtcTime issued, UtcTime expires,
                               const crypto::SigningKey& key);

// Checks form, signature and time (issued no more than a minute ahead, as clocks differ). Whether the user was disabled
// since is the caller's business. Errors: unauthenticated for everything.
Result<contracts::Principal> verify_service_token(std::string_view token, UtcTime now, const crypto::PublicKey& key);

}  // namespace aceso::portal
