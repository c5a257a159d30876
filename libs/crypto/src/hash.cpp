// FIPS 180-4, RFC 2104 and RFC 5869 over OpenSSL.
#include "aceso/crypto/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "openssl_util.hpp"

namespace aceso::crypto {
namespace {

// Fetched once: an implicit fetch in each call costs more than hashing a short message.
const EVP_MD* sha256_algorithm() noexcept {
  static const EVP_MD* const algorithm = [] {
    const EVP_MD* found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    must(found != nullptr, "fetch SHA-256");
    return found;
  }();
  return algorithm;
}

}  // namespace

struct Sha256::Impl {
  DigestCtx ctx{EVP_MD_CTX_new()};
  void start() { must(ctx && EVP_DigestInit_ex2(ctx.get(), sha256_algorithm(), nullptr) == 1, "SHA-256 init"); }
};

Sha256::Sha256() : impl_{std::make_unique<Impl>()} {
  impl_->start();
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(ByteView data) {
  must(EVP_DigestUpdate(impl_->ctx.get(), data.data(), data.size()) == 1, "SHA-256 update");
}

Digest Sha256::finish() {
  Digest out;
  must(EVP_DigestFinal_ex(impl_->ctx.get(), uchars_out(out), nullptr) == 1, "SHA-256 final");
  impl_->start();
  return out;
}

Digest sha256(ByteView data) {
  Digest out;
  must(EVP_Digest(data.data(), data.size(), uchars_out(out), nullptr, sha256_algorithm(), nullptr) == 1, "SHA-256");
  return out;
}

Digest sha256(std::string_view text) {
  return sha256(as_bytes(text));
}

Digest hmac_sha256(ByteView key, ByteView data) {
  Digest out;
  unsigned int length = 0;
  const unsigned char* done = HMAC(sha256_algorithm(), key.empty() ? out.data() : key.data(),
                                   static_cast<int>(key.size()), uchars(data), data.size(), uchars_out(out), &length);
  must(done != nullptr && length == out.size(), "HMAC-SHA-256");
  return out;
}

Bytes hkdf_sha256(ByteView secret, ByteView salt, std::string_view info, std::size_t length) {
  must(length <= 255 * sizeof(Digest), "HKDF length above 8160");
  Digest key = hmac_sha256(salt, secret);  // an empty salt and one of zeros give the same HMAC key
  Bytes out;
  out.reserve(length);
  Bytes block;
  for (unsigned counter = 1; out.size() < length; ++counter) {
    const ByteView text = as_bytes(info);
    block.insert(block.end(), text.begin(), text.end());
    block.push_back(static_cast<std::byte>(counter));
    const Digest t = hmac_sha256(key, block);
    block.assign(t.begin(), t.end());
    const auto take = static_cast<std::ptrdiff_t>(std::min(t.size(), length - out.size()));
    out.insert(out.end(), t.begin(), t.begin() + take);
  }
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(block.data(), block.size());
  return out;
}

bool equal_constant_time(ByteView a, ByteView b) noexcept {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace aceso::crypto
