#include "aceso/base/id.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace aceso {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kTextLength = 36;

bool hyphen_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Uuid Uuid::v7(const Clock& clock, RandomSource& random) {
  Uuid id;
  random.fill(std::as_writable_bytes(std::span{id.bytes_}));
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(0, clock.utc_now().time_since_epoch().count()));
  const std::uint64_t millis = micros / 1000;
  for (std::size_t i = 0; i < 6; ++i) id.bytes_[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
  // The part of a millisecond in rand_a (RFC 9562 6.2, method 3): ids sort by the microsecond without any shared state.
  const std::uint64_t part = (micros % 1000) * 4096 / 1000;
  id.bytes_[6] = static_cast<std::uint8_t>(0x70U | part >> 8U);
  id.bytes_[7] = static_cast<std::uint8_t>(part & 0xFFU);
  id.bytes_[8] = static_cast<std::uint8_t>(0x80U | (id.bytes_[8] & 0x3FU));
  return id;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  const Error malformed{Code::invalid, "not a UUID"};
  if (text.size() != kTextLength) return malformed;
  Uuid id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < id.bytes_.size(); ++i) {
    if (hyphen_before(i) && text[at++] != '-') return malformed;
    const int upper = nibble(text[at++]);
    const int lower = nibble(text[at++]);
    if (upper < 0 || lower < 0) return malformed;
    id.bytes_[i] = static_cast<std::uint8_t>(upper * 16 + lower);
  }
  return id;
}

std::string Uuid::to_string() const {
  std::string text;
  text.reserve(kTextLength);
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (hyphen_before(i)) text += '-';
    text += kHex[bytes_[i] >> 4U];
    text += kHex[bytes_[i] & 0xFU];
  }
  return text;
}

bool Uuid::is_nil() const noexcept {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

}  // namespace aceso
