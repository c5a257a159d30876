// Small text helpers that more than one library needs: UTF-8, escaping of control characters, spelling suggestions.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace aceso {

// One code point of well-formed UTF-8 (Unicode 15, table 3-7) at text[at]; nullopt when malformed there. at <
// text.size().
struct CodePoint {
  char32_t value;
  std::size_t bytes;  // 1 to 4
};
std::optional<CodePoint> decode_utf8(std::string_view text, std::size_t at) noexcept;
bool is_valid_utf8(std::string_view text) noexcept;
std::size_t code_points(std::string_view text) noexcept;  // a malformed byte counts as one

// True for what must not reach a terminal or a log raw: C0, DEL, C1, line and paragraph separators, bidirectional
// controls.
bool is_unsafe_control(char32_t value) noexcept;
// Such characters, backslashes and malformed bytes become \n, \t, \\, \xHH or \u{HHHH}; the rest stays. At most `limit`
// bytes of `text` are used, then "..." follows.
std::string escape_controls(std::string_view text, std::size_t limit = 8192);

// The candidate nearest to `name` when it is near enough to be a slip of the keyboard (Damerau-Levenshtein distance at
// most a third of the length, at least 1), else "".
std::string_view nearest(std::string_view name, std::span<const std::string> candidates);

}  // namespace aceso
