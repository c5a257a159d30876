// Keyed hashes that stand for identifiers: equal on this node for equal identifiers, of no use without its key.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "aceso/crypto/crypto.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::models {

class Pseudonyms {
 public:
  explicit Pseudonyms(const crypto::SecretKey& key) : key_{key} {}

  // 80 bits of HMAC-SHA-256 in hexadecimal, "" for "". What is hashed for one purpose is never equal to what is hashed
  // for another: "patient", "study", "series", "instance", "path".
  std::string of(std::string_view purpose, std::string_view identifier) const {
    if (identifier.empty()) return {};
    std::string text{purpose};
    text += '\0';
    text += identifier;
    const crypto::Digest digest = crypto::hmac_sha256(key_.bytes(), crypto::as_bytes(text));
    return crypto::to_hex(std::span{digest}.first(10));
  }

 private:
  crypto::SecretKey key_;
};

}  // namespace aceso::models
