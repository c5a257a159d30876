// One-time codes (RFC 6238): enrolment, confirmation, use once.
#pragma once

#include <string>
#include <string_view>

#include "core.hpp"
#include "users.hpp"

namespace aceso::portal {

struct TotpEnrolment {
  std::string secret;       // base32
  std::string otpauth_uri;  // for an authenticator's camera
};

// Thread-safe. Secrets are sealed with a key of the node before they are stored.
class Totp {
 public:
  explicit Totp(Core& core) : core_{core}, key_{core.keys.derive("aceso totp secrets")} {}

  // Makes a secret that asks nothing yet. precondition when codes are asked already.
  Result<TotpEnrolment> enrol(const UserRecord& user, contracts::AuditEvent event) const;
  // The enrolled secret is asked from now on. Errors: precondition without enrolment, invalid when the code is wrong.
  Status confirm(const UserRecord& user, std::string_view code, contracts::AuditEvent event) const;
  Status disable(const UserRecord& user, contracts::AuditEvent event) const;
  // Inside the sign-in's transaction. unauthenticated: wrong, or a code of this or a later step was used already.
  Status use(store::Transaction& tx, const UserRecord& user, std::string_view code) const;

 private:
  Result<crypto::Bytes> open(const UserRecord& user, const store::Blob& sealed) const;

  Core& core_;
  const crypto::SecretKey key_;
};

}  // namespace aceso::portal
