// Specific Character Set (0008,0005): text of any of the standard's character sets to UTF-8 (PS3.3 C.12.1.1.2, PS3.5
// 6.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::dicom {

enum class CharsetTerm : std::uint8_t {
  ascii,      // ISO_IR 6, also the absence of a value
  latin1,     // ISO_IR 100
  latin2,     // ISO_IR 101
  latin3,     // ISO_IR 109
  latin4,     // ISO_IR 110
  cyrillic,   // ISO_IR 144
  arabic,     // ISO_IR 127
  greek,      // ISO_IR 126
  hebrew,     // ISO_IR 138
  latin5,     // ISO_IR 148
  latin9,     // ISO_IR 203
  thai,       // ISO_IR 166
  jis_x0201,  // ISO_IR 13
  jis_x0208,  // ISO 2022 IR 87
  jis_x0212,  // ISO 2022 IR 159
  ks_x1001,   // ISO 2022 IR 149
  gb2312,     // ISO 2022 IR 58
  utf8,       // ISO_IR 192
  gb18030,
  gbk
};

// A small value. Thread-safe: conversions keep no state.
class CharacterSet {
 public:
  CharacterSet() = default;  // the default repertoire, ISO_IR 6
  // The values of (0008,0005), separated by backslashes. Common misspellings ("ISO-IR 100", "ISO_IR_192", "iso8859-1",
  // "UTF-8", "GB2312") are understood. Errors: unsupported for a term that is not known; use parse_lenient for data
  // that must be shown all the same.
  static Result<CharacterSet> parse(std::string_view specific_character_set);
  static CharacterSet parse_lenient(std::string_view specific_character_set);  // unknown terms become latin1
  static CharacterSet utf8();

  // Well-formed UTF-8, always: bytes that mean nothing become U+FFFD. Where no set is named, bytes above 0x7F are read
  // as UTF-8 when they are well-formed, else as latin1: what senders that forget (0008,0005) mean. `person_name`: '^',
  // '=' and '\\' end an escape's reach, '\\' alone does for other multi-valued text; CR, LF, FF and TAB do for all.
  std::string to_utf8(std::span<const std::byte> bytes, bool person_name = false) const;
  // The other way, for answers in the sender's set. Errors: invalid for text the set cannot express.
  Result<std::string> from_utf8(std::string_view text) const;

  CharsetTerm first() const noexcept { return terms_[0]; }
  bool uses_escapes() const noexcept { return count_ > 1; }
  std::string to_value() const;  // as (0008,0005) would hold it; "" for the default
  bool operator==(const CharacterSet&) const = default;

 private:
  std::array<CharsetTerm, 7> terms_{};  // terms beyond seven are dropped: there are not so many that may be combined
  std::uint8_t count_ = 1;
};

}  // namespace aceso::dicom
