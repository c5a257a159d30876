// The users' table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core.hpp"
#include "passwords.hpp"

namespace aceso::portal {

struct User {
  std::string id;
  std::string name;
  std::vector<std::string> roles;
  bool disabled = false;
  bool totp = false;  // a one-time code is asked at sign-in
  std::int64_t created_us = 0;
  std::int64_t last_login_us = 0;  // 0: never
};
struct UserRecord : User {
  std::string password;      // PHC string
  store::Blob totp_secret;   // sealed; empty: none
  store::Blob totp_pending;  // sealed; enrolled but not confirmed
  std::int64_t totp_last_step = 0;
};

struct NewUser {
  std::string name;
  std::string password;
  std::vector<std::string> roles;
};
struct UserChange {
  std::optional<std::vector<std::string>> roles;
  std::optional<bool> disabled;
  std::optional<std::string> password;
  bool reset_totp = false;
};

// 1 to 64 characters, no control characters, no space at either end.
Status check_user_name(std::string_view name);
// At least one, all known, each once.
Status check_roles(const std::vector<std::string>& roles);

// Thread-safe. Every change is recorded in the same transaction with `event` (agent and address filled by the caller).
class Users {
 public:
  Users(Core& core, Passwords& passwords) : core_{core}, passwords_{passwords} {}

  Result<bool> any() const;
  Result<std::vector<User>> list() const;
  Result<User> get(std::string_view id) const;                                  // not_found
  Result<std::optional<UserRecord>> find_by_name(std::string_view name) const;  // names compare without ASCII case
  Result<std::optional<UserRecord>> find_by_id(std::string_view id) const;

  // exists: the name is taken. With `first` set, conflict when there is a user already.
  Result<User> create(const NewUser& user, contracts::AuditEvent event, bool first = false);
  // Disabling, or changing the password or the roles, ends the user's sessions. precondition: no enabled admin would be
  // left.
  Result<User> update(std::string_view id, const UserChange& change, contracts::AuditEvent event);
  Status remove(std::string_view id, contracts::AuditEvent event);

 private:
  Core& core_;
  Passwords& passwords_;
};

}  // namespace aceso::portal
