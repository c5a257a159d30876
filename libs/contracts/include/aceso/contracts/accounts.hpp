// Who has an account on this node, for services in which people are named for a task.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::contracts {

struct Account {
  std::string id;                   // as Principal::id of its sessions
  std::string name;                 // as it is written, which may differ in case from what was asked for
  std::vector<std::string> scopes;  // of its roles
};

// Thread-safe.
class Accounts {
 public:
  virtual ~Accounts() = default;
  // None when there is no such account, or it is disabled.
  virtual Result<std::optional<Account>> find_account(std::string_view name) const = 0;
};

}  // namespace aceso::contracts
