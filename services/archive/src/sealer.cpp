#include "sealer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/base/assert.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::archive {
namespace {

crypto::SecretKey key_for(const crypto::SecretKey& key, std::string_view purpose) {
  auto out = crypto::SecretKey::from_bytes(crypto::hkdf_sha256(key.bytes(), {}, purpose, crypto::SecretKey::kSize));
  ACESO_ASSERT(out.ok(), "a derived key has the size of a key");
  return *std::move(out);
}

}  // namespace

Sealer::Sealer(RandomSource& random, const crypto::SecretKey& key)
    : random_{random}, names_{key_for(key, "names")}, seal_{key_for(key, "seal")} {}

std::string Sealer::name_of(std::string_view kind, std::string_view value) const {
  if (value.empty()) return {};
  const std::string text = std::string{kind} + "\n" + std::string{value};
  const auto digest = crypto::hmac_sha256(names_.bytes(), crypto::as_bytes(text));
  return crypto::to_hex(crypto::ByteView{digest}.first(16));
}

store::Blob Sealer::seal(std::string_view id, const Json& json) const {
  const std::string text = dump_json(json);
  crypto::Nonce nonce{};
  random_.fill(nonce);
  store::Blob out{nonce.begin(), nonce.end()};
  const auto cipher = crypto::aead_seal(seal_, nonce, crypto::as_bytes(text), crypto::as_bytes(id));
  out.insert(out.end(), cipher.begin(), cipher.end());
  return out;
}

Result<Json> Sealer::open(std::string_view id, const store::Blob& blob) const {
  if (blob.size() < crypto::kNonceSize + crypto::kTagSize) return Error{Code::data_loss, "a kept row cannot be read"};
  crypto::Nonce nonce{};
  std::copy_n(blob.begin(), nonce.size(), nonce.begin());
  ACESO_TRY(const auto plain,
            crypto::aead_open(seal_, nonce, crypto::ByteView{blob}.subspan(nonce.size()), crypto::as_bytes(id)));
  return parse_json({reinterpret_cast<const char*>(plain.data()), plain.size()});
}

}  // namespace aceso::archive
