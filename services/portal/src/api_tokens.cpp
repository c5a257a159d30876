#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"
#include "aceso/portal/scopes.hpp"
#include "sessions.hpp"
#include "text.hpp"

namespace aceso::portal {
namespace {

constexpr std::int64_t kDay_us = 24LL * 60 * 60 * 1'000'000;
constexpr std::int64_t kMostTokens = 10'000;
constexpr std::string_view kSelect =
    "SELECT t.id, t.name, t.user_id, COALESCE(u.name, 'local'), t.scopes, t.created, t.expires, t.last_used "
    "FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id";

std::string hash_of(std::string_view secret) {
  return crypto::to_hex(crypto::sha256(secret));
}

ApiToken token_of(const store::Row& row) {
  return ApiToken{.id = row.text(0),
                  .name = row.text(1),
                  .owner_id = row.text(2),
                  .owner_name = row.text(3),
                  .scopes = split_list(row.text(4)),
                  .created_us = row.integer(5),
                  .expires_us = row.integer(6),
                  .last_used_us = row.integer(7)};
}

Status check_scopes(const std::vector<std::string>& scopes, const contracts::Principal& owner) {
  if (scopes.empty()) return Error{Code::invalid, "a token has at least one scope"};
  for (auto it = scopes.begin(); it != scopes.end(); ++it) {
    if (!is_scope(*it)) return Error{Code::invalid, "there is no such scope"};
    if (std::find(scopes.begin(), it, *it) != it) return Error{Code::invalid, "a scope is named twice"};
    if (!allowed_for_token(*it)) return Error{Code::denied, "a token cannot have the scope " + *it};
    if (!owner.has(*it)) return Error{Code::denied, "a token cannot have a scope that you lack: " + *it};
  }
  return {};
}

}  // namespace

Result<NewApiToken> ApiTokens::create(std::string_view name, const std::vector<std::string>& scopes,
                                      std::int64_t expires_days, const contracts::Principal& owner,
                                      contracts::AuditEvent event) const {
  ACESO_TRY_OK(check_user_name(name));
  ACESO_TRY_OK(check_scopes(scopes, owner));
  if (expires_days < 1 || expires_days > kLongestDays) return Error{Code::invalid, "expires_days is between 1 and 366"};
  NewApiToken out;
  out.secret = std::string{kPrefix} + crypto::random_token(core_.random);
  auto& t = out.token;
  t.id = core_.new_id();
  t.name = name;
  t.owner_id = owner.id == local_operator().id ? std::string{} : owner.id;
  t.owner_name = owner.name;
  t.scopes = scopes;
  t.created_us = core_.now_us();
  t.expires_us = t.created_us + expires_days * kDay_us;
  event.entity_type = "token";
  event.entity_id = t.id;
  event.detail = Json{{"name", t.name}, {"scopes", t.scopes}, {"expires_days", expires_days}}.dump();
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY_OK(tx.execute("DELETE FROM api_tokens WHERE expires <= ?1", {t.created_us}));
    ACESO_TRY(const auto rows, tx.query("SELECT COUNT(*) FROM api_tokens"));
    if (rows.at(0).integer(0) >= kMostTokens) return Error{Code::exhausted, "there are too many tokens"};
    const store::SqlValue user = t.owner_id.empty() ? store::SqlValue{nullptr} : store::SqlValue{t.owner_id};
    ACESO_TRY_OK(
        tx.execute("INSERT INTO api_tokens(id, name, token_hash, user_id, scopes, created, expires) "
                   "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   {t.id, t.name, hash_of(out.secret), user, join_list(t.scopes), t.created_us, t.expires_us}));
    return {};
  };
  ACESO_TRY_OK(core_.audit->record_with(std::move(event), work));
  return out;
}

Result<std::vector<ApiToken>> ApiTokens::list() const {
  ACESO_TRY(const auto rows,
            core_.catalogue->query(std::string{kSelect} + " WHERE t.expires > ?1 ORDER BY t.created DESC, t.id DESC",
                                   {core_.now_us()}, static_cast<std::size_t>(kMostTokens)));
  std::vector<ApiToken> out;
  for (const auto& row : rows) out.push_back(token_of(row));
  return out;
}

Status ApiTokens::remove(std::string_view id, contracts::AuditEvent event) const {
  event.entity_type = "token";
  event.entity_id = std::string{id};
  const auto work = [&](store::Transaction& tx, contracts::AuditEvent&) -> Status {
    ACESO_TRY(const auto gone, tx.execute("DELETE FROM api_tokens WHERE id = ?1", {std::string{id}}));
    if (gone == 0) return Error{Code::not_found, "there is no such token"};
    return {};
  };
  return core_.audit->record_with(std::move(event), work);
}

Result<bool> ApiTokens::alive(std::string_view id) const {
  ACESO_TRY(const auto rows,
            core_.catalogue->query("SELECT 1 FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id "
                                   "WHERE t.id = ?1 AND t.expires > ?2 AND COALESCE(u.disabled, 0) = 0",
                                   {std::string{id}, core_.now_us()}));
  return !rows.empty();
}

Result<contracts::Principal> ApiTokens::find(std::string_view secret) const {
  const Error refused{Code::unauthenticated, "this token is not known or has expired"};
  if (!secret.starts_with(kPrefix)) return refused;
  ACESO_TRY(const auto rows,
            core_.catalogue->query(std::string{kSelect} + " WHERE t.token_hash = ?1 AND t.expires > ?2",
                                   {hash_of(secret), core_.now_us()}));
  if (rows.empty()) return refused;
  const auto token = token_of(rows[0]);
  auto owner_scopes = local_operator().scopes;
  if (!token.owner_id.empty()) {
    ACESO_TRY(const auto owner, users_.find_by_id(token.owner_id));
    if (!owner || owner->disabled) return refused;
    owner_scopes = scopes_of(owner->roles);
  }
  const auto now = core_.now_us();
  if (now - token.last_used_us >= 60LL * 1'000'000) {
    const auto noted = core_.catalogue->execute("UPDATE api_tokens SET last_used = ?2 WHERE id = ?1", {token.id, now});
    if (!noted) core_.logger.warn("token.not_touched", {{"code", to_string(noted.error().code())}});
  }
  contracts::Principal p;
  p.id = token.id;
  p.name = token.owner_name + "/" + token.name;
  for (const auto& scope : token.scopes) {
    if (allowed_for_token(scope) && std::ranges::find(owner_scopes, scope) != owner_scopes.end()) {
      p.scopes.push_back(scope);
    }
  }
  return p;
}

}  // namespace aceso::portal
