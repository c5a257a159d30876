// Whatever a decoder accepts has one spelling: encoding it again gives the same text.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include "aceso/crypto/hash.hpp"

using namespace aceso::crypto;

namespace {

void check(bool ok) {
  if (!ok) std::abort();
}

std::string with_case(std::string text, int (*change)(int)) {
  std::transform(text.begin(), text.end(), text.begin(), [change](char c) { return static_cast<char>(change(c)); });
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  if (const auto v = from_base64(text); v.ok()) check(to_base64(*v) == text);
  if (const auto v = from_base64url(text); v.ok()) check(to_base64url(*v) == text);
  if (const auto v = from_base32(text); v.ok()) check(to_base32(*v) == with_case(text, std::toupper));
  if (const auto v = from_hex(text); v.ok()) check(to_hex(*v) == with_case(text, std::tolower));
  const ByteView raw = as_bytes(text);
  const Bytes bytes{raw.begin(), raw.end()};
  check(*from_base64(to_base64(raw)) == bytes && *from_base64url(to_base64url(raw)) == bytes);
  check(*from_base32(to_base32(raw)) == bytes && *from_hex(to_hex(raw)) == bytes);
  return 0;
}
