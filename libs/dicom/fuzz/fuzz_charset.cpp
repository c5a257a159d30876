// Text of any declared character set becomes well-formed UTF-8.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aceso/base/text.hpp"
#include "aceso/dicom/charset.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::size_t end = std::min(text.find('\n'), size);
  const auto charset = aceso::dicom::CharacterSet::parse_lenient(text.substr(0, end));
  const auto rest = std::as_bytes(std::span{text.substr(std::min(end + 1, size))});
  for (const bool person : {false, true}) {
    const std::string utf8 = charset.to_utf8(rest, person);
    if (!aceso::is_valid_utf8(utf8)) std::abort();
    const auto back = charset.from_utf8(utf8);
    if (back && !aceso::is_valid_utf8(charset.to_utf8(std::as_bytes(std::span{*back}), person))) std::abort();
  }
  return 0;
}
