// Passwords: what is accepted, and Argon2id with a bound on how many run at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"

namespace aceso::portal {

// NIST SP 800-63B 5.1.1.2: length, not the user's name, not one of the common ones; no rules of composition.
Status check_password(std::string_view password, std::string_view user_name);

// Thread-safe.
class Passwords {
 public:
  Passwords(crypto::PasswordCost cost, std::size_t at_once) : cost_{cost}, at_once_{at_once} {}

  // Errors: unavailable when `at_once` are running.
  Result<std::string> hash(std::string_view password);
  // An empty `phc` (an unknown user) costs the same and is false.
  Result<bool> verify(std::string_view password, std::string_view phc);
  bool needs_rehash(std::string_view phc) const { return crypto::needs_rehash(phc, cost_); }

 private:
  class Slot;
  Result<std::string> decoy();

  const crypto::PasswordCost cost_;
  const std::size_t at_once_;
  std::atomic<std::size_t> running_{0};
  std::mutex decoy_mutex_;
  std::string decoy_;
};

}  // namespace aceso::portal
