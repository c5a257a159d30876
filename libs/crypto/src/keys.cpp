// Secure randomness, secret keys, Ed25519 (RFC 8032, libsodium).
#include <sodium.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "aceso/crypto/crypto.hpp"
#include "openssl_util.hpp"
#include "sodium_ready.hpp"

namespace aceso::crypto {

void SystemRandom::fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    must(got > 0, "getrandom");
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

SecretKey SecretKey::generate(RandomSource& random) {
  SecretKey key;
  random.fill(key.bytes_);
  return key;
}

Result<SecretKey> SecretKey::from_bytes(ByteView bytes) {
  if (bytes.size() != kSize) return Error{Code::invalid, "a secret key has 32 bytes"};
  SecretKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  return key;
}

SecretKey::~SecretKey() {
  sodium_memzero(bytes_.data(), bytes_.size());
}

namespace {

// libsodium's secret key: the seed followed by the public key. Wiped on destruction.
struct ExpandedKey {
  explicit ExpandedKey(const SecretKey& seed) {
    sodium_ready();
    must(crypto_sign_seed_keypair(uchars_out(pub), secret, uchars(seed.bytes())) == 0, "Ed25519 key");
  }
  ExpandedKey(const ExpandedKey&) = delete;
  ExpandedKey& operator=(const ExpandedKey&) = delete;
  ~ExpandedKey() { sodium_memzero(secret, sizeof secret); }
  PublicKey pub{};
  unsigned char secret[crypto_sign_SECRETKEYBYTES] = {};
};

}  // namespace

SigningKey SigningKey::generate(RandomSource& random) {
  return from_seed(SecretKey::generate(random));
}

SigningKey SigningKey::from_seed(const SecretKey& seed) {
  return {seed, ExpandedKey{seed}.pub};
}

Signature SigningKey::sign(ByteView message) const {
  const ExpandedKey key{seed_};
  Signature out{};
  must(crypto_sign_detached(uchars_out(out), nullptr, uchars(message), message.size(), key.secret) == 0,
       "Ed25519 sign");
  return out;
}

bool verify(const PublicKey& key, ByteView message, ByteView signature) noexcept {
  sodium_ready();
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(uchars(signature), uchars(message), message.size(), uchars(ByteView{key})) == 0;
}

std::string random_token(RandomSource& random, std::size_t bytes) {
  Bytes raw(bytes);
  random.fill(raw);
  std::string token = to_base64url(raw);
  sodium_memzero(raw.data(), raw.size());
  return token;
}

}  // namespace aceso::crypto
