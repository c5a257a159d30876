// Hex and RFC 4648: base64 (section 4), base64url (5), base32 (6). Decoders accept the one canonical spelling of each
// value only.
#include <array>
#include <cstdint>
#include <string>

#include "aceso/crypto/hash.hpp"

namespace aceso::crypto {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::uint8_t kNone = 0xff;

using Table = std::array<std::uint8_t, 256>;
constexpr Table make_table(std::string_view alphabet, bool either_case) {
  Table table{};
  table.fill(kNone);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    const char c = alphabet[i];
    table[static_cast<unsigned char>(c)] = static_cast<std::uint8_t>(i);
    if (either_case && c >= 'A' && c <= 'Z') table[static_cast<unsigned char>(c) + 32U] = static_cast<std::uint8_t>(i);
    if (either_case && c >= 'a' && c <= 'z') table[static_cast<unsigned char>(c) - 32U] = static_cast<std::uint8_t>(i);
  }
  return table;
}
constexpr Table kFromHex = make_table(kHex, true);
constexpr Table kFromBase64 = make_table(kBase64, false);
constexpr Table kFromBase64Url = make_table(kBase64Url, false);
constexpr Table kFromBase32 = make_table(kBase32, true);

std::string encode(ByteView data, std::string_view alphabet, unsigned bits) {
  std::string out;
  out.reserve((data.size() * 8 + bits - 1) / bits);
  std::uint32_t held = 0;
  unsigned count = 0;
  const std::uint32_t mask = (1U << bits) - 1;
  for (const std::byte b : data) {
    held = (held << 8U) | std::to_integer<std::uint32_t>(b);
    count += 8;
    while (count >= bits) {
      count -= bits;
      out.push_back(alphabet[(held >> count) & mask]);
    }
  }
  if (count > 0) out.push_back(alphabet[(held << (bits - count)) & mask]);
  return out;
}

// Unpadded text. Refuses characters outside the alphabet, impossible lengths and unused bits that are not zero.
Result<Bytes> decode(std::string_view text, const Table& table, unsigned bits, const char* what) {
  Bytes out;
  out.reserve(text.size() * bits / 8);
  std::uint32_t held = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t value = table[static_cast<unsigned char>(c)];
    if (value == kNone) return Error{Code::invalid, std::string{what} + ": a character outside the alphabet"};
    held = (held << bits) | value;
    count += bits;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::byte>(held >> count));
    }
  }
  if (count >= bits) return Error{Code::invalid, std::string{what} + ": impossible length"};
  if ((held & ((1U << count) - 1)) != 0) return Error{Code::invalid, std::string{what} + ": unused bits are not zero"};
  return out;
}

}  // namespace

std::string to_hex(ByteView data) {
  return encode(data, kHex, 4);
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return Error{Code::invalid, "hex: odd length"};
  return decode(text, kFromHex, 4, "hex");
}

std::string to_base64(ByteView data) {
  std::string out = encode(data, kBase64, 6);
  while (out.size() % 4 != 0) out.push_back('=');
  return out;
}

Result<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return Error{Code::invalid, "base64: length is no multiple of 4"};
  if (text.ends_with("==")) {
    text.remove_suffix(2);
  } else if (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  return decode(text, kFromBase64, 6, "base64");
}

std::string to_base64url(ByteView data) {
  return encode(data, kBase64Url, 6);
}

Result<Bytes> from_base64url(std::string_view text) {
  return decode(text, kFromBase64Url, 6, "base64url");
}

std::string to_base32(ByteView data) {
  return encode(data, kBase32, 5);
}

Result<Bytes> from_base32(std::string_view text) {
  return decode(text, kFromBase32, 5, "base32");
}

}  // namespace aceso::crypto
