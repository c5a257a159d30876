// SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), HKDF-SHA-256 (RFC 5869), hex and base64, comparison in constant time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::crypto {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using Digest = std::array<std::byte, 32>;

inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

Digest sha256(ByteView data);
Digest sha256(std::string_view text);

// Incremental SHA-256. Movable, not thread-safe.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void update(ByteView data);
  Digest finish();  // the object is then as new

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Digest hmac_sha256(ByteView key, ByteView data);
Bytes hkdf_sha256(ByteView secret, ByteView salt, std::string_view info, std::size_t length);  // length <= 8160

bool equal_constant_time(ByteView a, ByteView b) noexcept;

std::string to_hex(ByteView data);                 // lower case
Result<Bytes> from_hex(std::string_view text);     // either case. The decoders' one error is invalid
std::string to_base64(ByteView data);              // RFC 4648 4, padded
Result<Bytes> from_base64(std::string_view text);  // strict
std::string to_base64url(ByteView data);           // RFC 4648 5, no padding
Result<Bytes> from_base64url(std::string_view text);
std::string to_base32(ByteView data);              // RFC 4648 6, no padding (TOTP secrets)
Result<Bytes> from_base32(std::string_view text);  // either case

}  // namespace aceso::crypto
