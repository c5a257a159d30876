// The first administrator, made by whoever can read the node's files.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core.hpp"
#include "users.hpp"

namespace aceso::portal {

// Thread-safe.
class Setup {
 public:
  Setup(Core& core, Users& users) : core_{core}, users_{users} {}

  // Makes keys/setup-token (mode 0600) while there is no user, removes it when there is one.
  Status prepare();
  std::optional<std::string> token() const;
  Result<bool> needed() const;
  // Errors: conflict when a user exists, denied when the token is wrong.
  Result<User> run(std::string_view token, const NewUser& user, contracts::AuditEvent event);

 private:
  std::filesystem::path file() const { return core_.home / "keys" / "setup-token"; }

  Core& core_;
  Users& users_;
  mutable std::mutex mutex_;
  std::string token_;  // empty: set up
};

}  // namespace aceso::portal
