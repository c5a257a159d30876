// Sessions of people and tokens of programs. Only SHA-256 hashes of the secrets are kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core.hpp"
#include "users.hpp"

namespace aceso::portal {

struct Session {
  std::string id;
  User user;
  std::string csrf_token;       // made from the secret: not stored
  std::int64_t expires_us = 0;  // whichever comes first, the absolute end or the idle end if nothing more is asked
};
struct NewSession {
  std::string secret;  // the cookie's value
  Session session;
};

// Thread-safe.
class Sessions {
 public:
  explicit Sessions(Core& core) : core_{core} {}

  // Opens a session inside the caller's transaction and ends `replaced_secret`'s, when there is one: no session
  // survives a sign-in under the name that it had before.
  Result<NewSession> open(store::Transaction& tx, const User& user, std::string_view replaced_secret) const;
  // unauthenticated: unknown, idle for too long, past its absolute end, or its user is disabled. Moves the idle end, at
  // most once a minute on disk: an idle session ends up to a minute early.
  Result<Session> find(std::string_view secret) const;
  Status close(store::Transaction& tx, std::string_view session_id) const;
  // True while the session can still be used; for tokens made from it.
  Result<bool> alive(std::string_view session_id) const;
  Result<std::int64_t> count() const;

 private:
  Result<Session> check(const store::Row& row, std::int64_t& last_seen) const;

  Core& core_;
};

struct ApiToken {
  std::string id;
  std::string name;
  std::string owner_id;  // "" : made by the node's operator
  std::string owner_name;
  std::vector<std::string> scopes;
  std::int64_t created_us = 0;
  std::int64_t expires_us = 0;
  std::int64_t last_used_us = 0;  // 0: never; to the minute
};
struct NewApiToken {
  std::string secret;  // shown once
  ApiToken token;
};

// Thread-safe.
class ApiTokens {
 public:
  ApiTokens(Core& core, const Users& users) : core_{core}, users_{users} {}

  static constexpr std::string_view kPrefix = "aceso_";
  static constexpr std::int64_t kLongestDays = 366;

  // Errors: invalid, denied when a scope is more than `owner` has or is one that tokens never have.
  Result<NewApiToken> create(std::string_view name, const std::vector<std::string>& scopes, std::int64_t expires_days,
                             const contracts::Principal& owner, contracts::AuditEvent event) const;
  Result<std::vector<ApiToken>> list() const;
  Status remove(std::string_view id, contracts::AuditEvent event) const;
  // What the token may do now: its scopes as far as its owner still has them. unauthenticated.
  Result<contracts::Principal> find(std::string_view secret) const;
  // Whether the token with this id exists, has not expired and its owner is not disabled.
  Result<bool> alive(std::string_view id) const;

 private:
  Core& core_;
  const Users& users_;
};

}  // namespace aceso::portal
