// Data element tags (PS3.5 7.1) and value representations (PS3.5 6.2).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aceso::dicom {

struct Tag {
  std::uint16_t group = 0;
  std::uint16_t element = 0;
  constexpr auto operator<=>(const Tag&) const = default;

  constexpr std::uint32_t value() const noexcept { return std::uint32_t{group} << 16 | element; }
  constexpr bool is_private() const noexcept { return (group & 1U) != 0; }
  constexpr bool is_group_length() const noexcept { return element == 0; }
  // (gggg,0010) to (gggg,00FF) of an odd group: says who owns (gggg,xx00) to (gggg,xxFF).
  constexpr bool is_private_creator() const noexcept { return is_private() && element >= 0x10 && element <= 0xFF; }
};

std::string to_hex(Tag tag);     // "00100010", as the DICOM JSON model writes it
std::string to_string(Tag tag);  // "(0010,0010)"
// Eight hex digits, "(gggg,eeee)" or a keyword of the dictionary ("PatientName"). Also the repeating groups:
// "60003000".
std::optional<Tag> parse_tag(std::string_view text);

enum class Vr : std::uint8_t {
  ae,
  as,
  at,
  cs,
  da,
  ds,
  dt,
  fd,
  fl,
  is,
  lo,
  lt,
  ob,
  od,
  of,
  ol,
  ov,
  ow,
  pn,
  sh,
  sl,
  sq,
  ss,
  st,
  sv,
  tm,
  uc,
  ui,
  ul,
  un,
  ur,
  us,
  ut,
  uv
};
std::string_view to_string(Vr vr) noexcept;  // "AE"
std::optional<Vr> parse_vr(std::string_view two_letters) noexcept;

bool is_text(Vr vr) noexcept;           // bytes are characters
bool uses_charset(Vr vr) noexcept;      // of Specific Character Set: LO LT PN SH ST UC UT
bool is_bulk(Vr vr) noexcept;           // OB OD OF OL OV OW UN
bool has_long_length(Vr vr) noexcept;   // explicit encodings give it a 32-bit length (PS3.5 7.1.2)
std::size_t word_size(Vr vr) noexcept;  // bytes swapped together in big endian: 1, 2, 4 or 8
bool is_multi_valued(Vr vr) noexcept;   // text whose values are separated by a backslash: not LT ST UT UR

}  // namespace aceso::dicom
