#include "aceso/dicom/tag.hpp"

#include <array>

#include "aceso/dicom/dictionary.hpp"

namespace aceso::dicom {
namespace {

constexpr std::uint8_t kText = 1, kCharset = 2, kBulk = 4, kLong = 8, kMulti = 16;

struct VrInfo {
  char name[3];
  std::uint8_t flags;
  std::uint8_t word;
};
// In the order of the enum; PS3.5 table 6.2-1 and 7.1.2.
constexpr std::array<VrInfo, 34> kVrs{{{"AE", kText | kMulti, 1},
                                       {"AS", kText | kMulti, 1},
                                       {"AT", kMulti, 2},
                                       {"CS", kText | kMulti, 1},
                                       {"DA", kText | kMulti, 1},
                                       {"DS", kText | kMulti, 1},
                                       {"DT", kText | kMulti, 1},
                                       {"FD", kMulti, 8},
                                       {"FL", kMulti, 4},
                                       {"IS", kText | kMulti, 1},
                                       {"LO", kText | kCharset | kMulti, 1},
                                       {"LT", kText | kCharset, 1},
                                       {"OB", kBulk | kLong, 1},
                                       {"OD", kBulk | kLong, 8},
                                       {"OF", kBulk | kLong, 4},
                                       {"OL", kBulk | kLong, 4},
                                       {"OV", kBulk | kLong, 8},
                                       {"OW", kBulk | kLong, 2},
                                       {"PN", kText | kCharset | kMulti, 1},
                                       {"SH", kText | kCharset | kMulti, 1},
                                       {"SL", kMulti, 4},
                                       {"SQ", kLong, 1},
                                       {"SS", kMulti, 2},
                                       {"ST", kText | kCharset, 1},
                                       {"SV", kMulti | kLong, 8},
                                       {"TM", kText | kMulti, 1},
                                       {"UC", kText | kCharset | kMulti | kLong, 1},
                                       {"UI", kText | kMulti, 1},
                                       {"UL", kMulti, 4},
                                       {"UN", kBulk | kLong, 1},
                                       {"UR", kText | kLong, 1},
                                       {"US", kMulti, 2},
                                       {"UT", kText | kCharset | kLong, 1},
                                       {"UV", kMulti | kLong, 8}}};

const VrInfo& info(Vr vr) noexcept {
  return kVrs[static_cast<std::size_t>(vr)];
}
bool has(Vr vr, std::uint8_t flag) noexcept {
  return (info(vr).flags & flag) != 0;
}

std::optional<std::uint32_t> hex(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint32_t>(digit);
  }
  return value;
}

}  // namespace

std::string to_hex(Tag tag) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text(8, '0');
  std::uint32_t value = tag.value();
  for (std::size_t i = 8; i-- > 0; value >>= 4) text[i] = kDigits[value & 15U];
  return text;
}

std::string to_string(Tag tag) {
  const std::string digits = to_hex(tag);
  return "(" + digits.substr(0, 4) + "," + digits.substr(4) + ")";
}

std::optional<Tag> parse_tag(std::string_view text) {
  std::string digits{text};
  if (text.size() == 11 && text.front() == '(' && text[5] == ',' && text.back() == ')')
    digits = std::string{text.substr(1, 4)} + std::string{text.substr(6, 4)};
  if (digits.size() == 8) {
    if (const auto value = hex(digits))
      return Tag{static_cast<std::uint16_t>(*value >> 16), static_cast<std::uint16_t>(*value & 0xFFFF)};
  }
  if (const Attribute* attribute = find_keyword(text)) return attribute->tag;
  return std::nullopt;
}

std::string_view to_string(Vr vr) noexcept {
  return {info(vr).name, 2};
}

std::optional<Vr> parse_vr(std::string_view two_letters) noexcept {
  if (two_letters.size() != 2) return std::nullopt;
  for (std::size_t i = 0; i < kVrs.size(); ++i) {
    if (kVrs[i].name[0] == two_letters[0] && kVrs[i].name[1] == two_letters[1]) return static_cast<Vr>(i);
  }
  return std::nullopt;
}

bool is_text(Vr vr) noexcept {
  return has(vr, kText);
}
bool uses_charset(Vr vr) noexcept {
  return has(vr, kCharset);
}
bool is_bulk(Vr vr) noexcept {
  return has(vr, kBulk);
}
bool has_long_length(Vr vr) noexcept {
  return has(vr, kLong);
}
std::size_t word_size(Vr vr) noexcept {
  return info(vr).word;
}
bool is_multi_valued(Vr vr) noexcept {
  return has(vr, kMulti);
}

}  // namespace aceso::dicom
