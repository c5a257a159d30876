// What the archive keeps in catalogues about patients: sealed (AES-256-GCM, bound to the row's id), and found by keyed
// hashes.
#pragma once

#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/store/catalogue.hpp"

namespace aceso::archive {

// Thread-safe. random outlives it.
class Sealer {
 public:
  Sealer(RandomSource& random, const crypto::SecretKey& key);
  std::string name_of(std::string_view kind, std::string_view value) const;  // 32 hexadecimal digits; "" of ""
  store::Blob seal(std::string_view id, const Json& json) const;
  Result<Json> open(std::string_view id, const store::Blob& blob) const;  // data_loss: another key, an altered row

 private:
  RandomSource& random_;
  crypto::SecretKey names_;
  crypto::SecretKey seal_;
};

}  // namespace aceso::archive
