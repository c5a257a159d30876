// The node's own keys: an Ed25519 key that signs tokens, audit checkpoints and bundles, and a master key from which
// others are derived.
#pragma once

#include <filesystem>

#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"

namespace aceso::portal {

struct NodeKeys {
  crypto::SigningKey signing;
  crypto::SecretKey master;

  // Reads node.key and master.key (64 hexadecimal digits, mode 0600) in `folder`; makes both, and node.pub, when
  // neither is there. Errors: precondition when a key is readable by others, data_loss when only one is there or one is
  // malformed.
  static Result<NodeKeys> load_or_create(const std::filesystem::path& folder, RandomSource& random);

  // HKDF-SHA-256 of the master key: one key a purpose, so that no two uses share one.
  crypto::SecretKey derive(std::string_view purpose) const;
};

}  // namespace aceso::portal
