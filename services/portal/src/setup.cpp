#include "setup.hpp"

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::portal {

Status Setup::prepare() {
  ACESO_TRY(const bool wanted, needed());
  const std::lock_guard lock{mutex_};
  std::error_code failed;
  if (!wanted) {
    std::filesystem::remove(file(), failed);
    token_.clear();
    return {};
  }
  std::filesystem::create_directories(file().parent_path(), failed);
  // A new one at each start: an old copy of the file opens nothing.
  token_ = crypto::random_token(core_.random, 16);
  return write_file_atomic(file(), token_ + "\n", {.mode = 0600});
}

std::optional<std::string> Setup::token() const {
  const std::lock_guard lock{mutex_};
  if (token_.empty()) return std::nullopt;
  return token_;
}

Result<bool> Setup::needed() const {
  ACESO_TRY(const bool any, users_.any());
  return !any;
}

Result<User> Setup::run(std::string_view token, const NewUser& user, contracts::AuditEvent event) {
  const auto expected = this->token();
  if (!expected) return Error{Code::conflict, "this node is set up already"};
  if (!crypto::equal_constant_time(crypto::sha256(token), crypto::sha256(*expected))) {
    return Error{Code::denied, "this is not the set-up token that the node showed"};
  }
  ACESO_TRY(auto made, users_.create(user, std::move(event), true));
  const std::lock_guard lock{mutex_};
  token_.clear();
  std::error_code failed;
  std::filesystem::remove(file(), failed);
  return made;
}

}  // namespace aceso::portal
