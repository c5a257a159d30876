#include "sessions.hpp"

#include <algorithm>

#include "aceso/crypto/hash.hpp"
#include "text.hpp"

namespace aceso::portal {
namespace {

constexpr std::int64_t kTouchInterval_us = 60LL * 1'000'000;
constexpr std::string_view kSelect =
    "SELECT s.id, s.created, s.last_seen, u.id, u.name, u.roles, u.disabled, u.created, u.last_login, "
    "u.totp_secret IS NOT NULL FROM sessions s JOIN users u ON u.id = s.user_id";

std::string hash_of(std::string_view secret) {
  return crypto::to_hex(crypto::sha256(secret));
}

std::string csrf_of(std::string_view secret) {
  return crypto::to_base64url(crypto::hmac_sha256(crypto::as_bytes(secret), crypto::as_bytes("aceso csrf token")));
}

Error not_signed_in() {
  return Error{Code::unauthenticated, "sign in first"};
}

}  // namespace

Result<NewSession> Sessions::open(store::Transaction& tx, const User& user, std::string_view replaced_secret) const {
  NewSession out;
  out.secret = crypto::random_token(core_.random);
  const auto now = core_.now_us();
  out.session.id = core_.new_id();
  out.session.user = user;
  out.session.csrf_token = csrf_of(out.secret);
  out.session.expires_us = now + 1000 * std::min(core_.config.session_idle_ms, core_.config.session_absolute_ms);
  if (!replaced_secret.empty()) {
    ACESO_TRY_OK(tx.execute("DELETE FROM sessions WHERE token_hash = ?1", {hash_of(replaced_secret)}));
  }
  ACESO_TRY_OK(tx.execute("DELETE FROM sessions WHERE created <= ?1 OR last_seen <= ?2",
                          {now - 1000 * core_.config.session_absolute_ms, now - 1000 * core_.config.session_idle_ms}));
  const auto keep = static_cast<std::int64_t>(std::max<std::size_t>(core_.config.sessions_per_user, 1)) - 1;
  ACESO_TRY_OK(
      tx.execute("DELETE FROM sessions WHERE user_id = ?1 AND id NOT IN "
                 "(SELECT id FROM sessions WHERE user_id = ?1 ORDER BY last_seen DESC, id DESC LIMIT ?2)",
                 {user.id, keep}));
  ACESO_TRY_OK(
      tx.execute("INSERT INTO sessions(id, token_hash, user_id, created, last_seen) VALUES(?1, ?2, ?3, ?4, ?4)",
                 {out.session.id, hash_of(out.secret), user.id, now}));
  return out;
}

Result<Session> Sessions::check(const store::Row& row, std::int64_t& last_seen) const {
  const auto now = core_.now_us();
  const auto created = row.integer(1);
  last_seen = row.integer(2);
  const auto absolute_end = created + 1000 * core_.config.session_absolute_ms;
  const auto idle_end = last_seen + 1000 * core_.config.session_idle_ms;
  if (row.integer(6) != 0 || now >= absolute_end || now >= idle_end) return not_signed_in();
  Session s;
  s.id = row.text(0);
  s.user.id = row.text(3);
  s.user.name = row.text(4);
  s.user.roles = split_list(row.text(5));
  s.user.created_us = row.integer(7);
  s.user.last_login_us = row.integer(8);
  s.user.totp = row.integer(9) != 0;
  s.expires_us = std::min(absolute_end, now + 1000 * core_.config.session_idle_ms);
  return s;
}

Result<Session> Sessions::find(std::string_view secret) const {
  ACESO_TRY(const auto rows,
            core_.catalogue->query(std::string{kSelect} + " WHERE s.token_hash = ?1", {hash_of(secret)}));
  if (rows.empty()) return not_signed_in();
  std::int64_t last_seen = 0;
  ACESO_TRY(auto session, check(rows[0], last_seen));
  session.csrf_token = csrf_of(secret);
  const auto now = core_.now_us();
  if (now - last_seen >= kTouchInterval_us) {
    // A full disk must not lock readers out; the idle end then does not move.
    const auto moved = core_.catalogue->execute("UPDATE sessions SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2",
                                                {session.id, now});
    if (!moved) core_.logger.warn("session.not_touched", {{"code", to_string(moved.error().code())}});
  }
  return session;
}

Status Sessions::close(store::Transaction& tx, std::string_view session_id) const {
  ACESO_TRY_OK(tx.execute("DELETE FROM sessions WHERE id = ?1", {std::string{session_id}}));
  return {};
}

Result<bool> Sessions::alive(std::string_view session_id) const {
  ACESO_TRY(const auto rows,
            core_.catalogue->query(std::string{kSelect} + " WHERE s.id = ?1", {std::string{session_id}}));
  std::int64_t last_seen = 0;
  return !rows.empty() && check(rows[0], last_seen).ok();
}

Result<std::int64_t> Sessions::count() const {
  const auto now = core_.now_us();
  ACESO_TRY(const auto rows,
            core_.catalogue->query(
                "SELECT COUNT(*) FROM sessions WHERE created > ?1 AND last_seen > ?2",
                {now - 1000 * core_.config.session_absolute_ms, now - 1000 * core_.config.session_idle_ms}));
  return rows.at(0).integer(0);
}

}  // namespace aceso::portal
