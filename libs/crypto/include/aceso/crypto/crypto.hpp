// Keys: AES-256-GCM with key wrapping (RFC 3394), Ed25519 (RFC 8032), Argon2id (RFC 9106), secure randomness, TOTP (RFC
// 6238).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::crypto {

// getrandom(2). Thread-safe.
class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::byte> out) override;
};

// A 256-bit key, wiped on destruction.
class SecretKey {
 public:
  static constexpr std::size_t kSize = 32;
  static SecretKey generate(RandomSource& random);
  static Result<SecretKey> from_bytes(ByteView bytes);  // exactly 32 bytes
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
  ByteView bytes() const noexcept { return bytes_; }

 private:
  SecretKey() = default;
  std::array<std::byte, kSize> bytes_{};
};

constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
using Nonce = std::array<std::byte, kNonceSize>;

// AES-256-GCM (NIST SP 800-38D). The caller must never use a nonce twice with one key. seal() returns ciphertext
// followed by the tag.
Bytes aead_seal(const SecretKey& key, const Nonce& nonce, ByteView plain, ByteView associated);
Result<Bytes> aead_open(const SecretKey& key, const Nonce& nonce, ByteView sealed,
                        ByteView associated);  // data_loss when it was altered

// The same into the caller's buffer: `out` has plain.size() + kTagSize bytes, or sealed.size() - kTagSize (asserted).
// On an error `out` is zeroed.
void aead_seal_to(const SecretKey& key, const Nonce& nonce, ByteView plain, ByteView associated,
                  std::span<std::byte> out);
Status aead_open_to(const SecretKey& key, const Nonce& nonce, ByteView sealed, ByteView associated,
                    std::span<std::byte> out);

Bytes wrap_key(const SecretKey& kek, const SecretKey& key);            // AES-256 key wrap, 40 bytes
Result<SecretKey> unwrap_key(const SecretKey& kek, ByteView wrapped);  // denied when the key encryption key is another

using PublicKey = std::array<std::byte, 32>;
using Signature = std::array<std::byte, 64>;
class SigningKey {
 public:
  static SigningKey generate(RandomSource& random);
  static SigningKey from_seed(const SecretKey& seed);  // the 32-byte RFC 8032 private key
  const PublicKey& public_key() const noexcept { return public_; }
  const SecretKey& seed() const noexcept { return seed_; }
  Signature sign(ByteView message) const;

 private:
  SigningKey(const SecretKey& seed, const PublicKey& pub) : seed_{seed}, public_{pub} {}
  SecretKey seed_;
  PublicKey public_;
};
bool verify(const PublicKey& key, ByteView message, ByteView signature) noexcept;

struct PasswordCost {
  std::uint32_t memory_kib = 19456;  // OWASP Password Storage Cheat Sheet: Argon2id m = 19 MiB, t = 2, p = 1
  std::uint32_t iterations = 2;
};
// A PHC string with a fresh salt. Errors: invalid (more than 4096 bytes, cost out of range), exhausted (memory).
Result<std::string> hash_password(std::string_view password, PasswordCost cost = {});
// False also for a string that is not ours or asks for more than 1 GiB or 64 iterations.
bool verify_password(std::string_view password, std::string_view phc);
bool needs_rehash(std::string_view phc, PasswordCost cost = {});

std::string random_token(RandomSource& random, std::size_t bytes = 32);  // base64url

// TOTP with SHA-1, 6 digits, 30 s steps. verify accepts one step either side and returns the step used, so that the
// caller can refuse a second use.
std::string totp_code(ByteView secret, std::int64_t unix_seconds);
// Errors: unauthenticated.
Result<std::int64_t> totp_verify(ByteView secret, std::string_view code, std::int64_t unix_seconds);

}  // namespace aceso::crypto
