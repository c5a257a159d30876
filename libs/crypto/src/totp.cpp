// TOTP (RFC 6238) on HOTP (RFC 4226 5.3): SHA-1, 6 digits, 30 s steps.
#include <openssl/hmac.h>

#include <array>
#include <cstdint>

#include "aceso/crypto/crypto.hpp"
#include "openssl_util.hpp"

namespace aceso::crypto {
namespace {

constexpr std::int64_t kStepSeconds = 30;

std::int64_t step_at(std::int64_t unix_seconds) {
  return unix_seconds >= 0 ? unix_seconds / kStepSeconds : -((-unix_seconds + kStepSeconds - 1) / kStepSeconds);
}

std::string hotp(ByteView secret, std::int64_t step) {
  std::array<unsigned char, 8> counter;
  for (std::size_t i = 0; i < 8; ++i) {
    counter[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(step) >> (56 - 8 * i));
  }
  std::array<unsigned char, 20> mac;
  unsigned int length = 0;
  must(HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), counter.data(), counter.size(), mac.data(),
            &length) != nullptr &&
           length == mac.size(),
       "HMAC-SHA-1");
  const std::size_t offset = mac[19] & 0x0fU;
  std::uint32_t value = mac[offset] & 0x7fU;
  for (std::size_t i = 1; i < 4; ++i) value = (value << 8U) | mac[offset + i];
  std::string digits = std::to_string(value % 1'000'000);
  return std::string(6 - digits.size(), '0') + digits;
}

}  // namespace

std::string totp_code(ByteView secret, std::int64_t unix_seconds) {
  return hotp(secret, step_at(unix_seconds));
}

Result<std::int64_t> totp_verify(ByteView secret, std::string_view code, std::int64_t unix_seconds) {
  const std::int64_t now = step_at(unix_seconds);
  std::optional<std::int64_t> used;
  for (const std::int64_t step :
       {now - 1, now, now + 1}) {  // RFC 6238 5.2; all three are compared, so time tells nothing
    if (equal_constant_time(as_bytes(hotp(secret, step)), as_bytes(code))) used = step;
  }
  if (!used) return Error{Code::unauthenticated, "the one-time code is not valid"};
  return *used;
}

}  // namespace aceso::crypto
