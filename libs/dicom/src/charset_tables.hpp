// Conversions between the standard's coded character sets and Unicode, by iconv.
#pragma once

#include <iconv.h>

#include <optional>
#include <string>
#include <string_view>

#include "aceso/dicom/charset.hpp"

namespace aceso::dicom {

void append_utf8(std::string& out, char32_t point);

// Of the sets with one byte a character; byte 0x80 to 0xFF. 0 when there is no such character.
char32_t upper_half(CharsetTerm term, unsigned byte) noexcept;
unsigned lower_half(CharsetTerm term, char32_t point) noexcept;  // the byte of a character, 0 when it has none

// GB18030 and GBK.
std::string whole_to_utf8(CharsetTerm term, std::string_view text);
std::optional<std::string> whole_from_utf8(CharsetTerm term, std::string_view text);

// Characters of two bytes: JIS X 0208 and 0212 (by EUC-JP), KS X 1001 (EUC-KR), GB 2312 (EUC-CN).
class WideConverter {
 public:
  WideConverter() = default;
  WideConverter(const WideConverter&) = delete;
  WideConverter& operator=(const WideConverter&) = delete;
  ~WideConverter();
  std::optional<std::string> pair(CharsetTerm term, unsigned char first, unsigned char second);
  std::string encode(CharsetTerm term, char32_t point);  // "" when the set has no such character

 private:
  iconv_t handle(CharsetTerm term, bool decode);
  iconv_t open_ = nullptr;
  CharsetTerm term_ = CharsetTerm::ascii;
  bool decode_ = true;
};

}  // namespace aceso::dicom
