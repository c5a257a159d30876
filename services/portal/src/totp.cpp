#include "totp.hpp"

#include <algorithm>
#include <array>

#include "aceso/crypto/hash.hpp"

namespace aceso::portal {
namespace {

constexpr std::size_t kSecretBytes = 20;  // RFC 4226 4, R6

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

Result<std::int64_t> step_of(crypto::ByteView secret, std::string_view code, std::int64_t now_us) {
  if (code.size() != 6 || !std::ranges::all_of(code, [](char c) { return c >= '0' && c <= '9'; })) {
    return Error{Code::invalid, "a one-time code has six digits"};
  }
  return crypto::totp_verify(secret, code, now_us / 1'000'000);
}

}  // namespace

Result<TotpEnrolment> Totp::enrol(const UserRecord& user, contracts::AuditEvent event) const {
  if (!user.totp_secret.empty())
    return Error{Code::precondition, "one-time codes are asked already: switch them off first"};
  crypto::Bytes secret(kSecretBytes);
  core_.random.fill(secret);
  crypto::Nonce nonce{};
  core_.random.fill(nonce);
  store::Blob sealed(nonce.begin(), nonce.end());
  const auto cipher = crypto::aead_seal(key_, nonce, secret, crypto::as_bytes(user.id));
  sealed.insert(sealed.end(), cipher.begin(), cipher.end());
  event.entity_type = "user";
  event.entity_id = user.id;
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY_OK(
        tx.execute("UPDATE users SET totp_pending = ?2 WHERE id = ?1 AND totp_secret IS NULL", {user.id, sealed}));
    return {};
  };
  ACESO_TRY_OK(core_.audit->record_with(std::move(event), work));
  const auto text = crypto::to_base32(secret);
  return TotpEnrolment{.secret = text,
                       .otpauth_uri = "otpauth://totp/Aceso:" + percent_encode(user.name) + "?secret=" + text +
                                      "&issuer=Aceso&algorithm=SHA1&digits=6&period=30"};
}

Result<crypto::Bytes> Totp::open(const UserRecord& user, const store::Blob& sealed) const {
  if (sealed.size() < crypto::kNonceSize + crypto::kTagSize)
    return Error{Code::data_loss, "a stored one-time secret is damaged"};
  crypto::Nonce nonce{};
  std::copy_n(sealed.begin(), nonce.size(), nonce.begin());
  return crypto::aead_open(key_, nonce, crypto::ByteView{sealed}.subspan(nonce.size()), crypto::as_bytes(user.id));
}

Status Totp::confirm(const UserRecord& user, std::string_view code, contracts::AuditEvent event) const {
  if (user.totp_pending.empty()) return Error{Code::precondition, "ask for a one-time secret first"};
  ACESO_TRY(const auto secret, open(user, user.totp_pending));
  const auto step = step_of(secret, code, core_.now_us());
  if (!step) return Error{Code::invalid, "this one-time code is wrong: check the device's clock"};
  event.entity_type = "user";
  event.entity_id = user.id;
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY(const auto changed,
              tx.execute("UPDATE users SET totp_secret = totp_pending, totp_pending = NULL, totp_last_step = ?2 "
                         "WHERE id = ?1 AND totp_pending = ?3",
                         {user.id, *step, user.totp_pending}));
    if (changed == 0) return Error{Code::conflict, "another one-time secret was asked for meanwhile"};
    return {};
  };
  return core_.audit->record_with(std::move(event), work);
}

Status Totp::disable(const UserRecord& user, contracts::AuditEvent event) const {
  event.entity_type = "user";
  event.entity_id = user.id;
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY_OK(tx.execute("UPDATE users SET totp_secret = NULL, totp_pending = NULL WHERE id = ?1", {user.id}));
    return {};
  };
  return core_.audit->record_with(std::move(event), work);
}

Status Totp::use(store::Transaction& tx, const UserRecord& user, std::string_view code) const {
  const Error refused{Code::unauthenticated, "name, password or one-time code is wrong"};
  ACESO_TRY(const auto secret, open(user, user.totp_secret));
  const auto step = step_of(secret, code, core_.now_us());
  if (!step) return refused;
  // RFC 6238 5.2: a code is accepted once. The row decides, so that two sign-ins at once cannot both use it.
  ACESO_TRY(const auto changed,
            tx.execute("UPDATE users SET totp_last_step = ?2 WHERE id = ?1 AND totp_last_step < ?2", {user.id, *step}));
  if (changed == 0) return refused;
  return {};
}

}  // namespace aceso::portal
