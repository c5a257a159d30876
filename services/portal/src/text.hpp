// Small things done to text from outside.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace aceso::portal {

std::string ascii_lower(std::string_view text);
// The longest prefix of at most `limit` bytes that does not cut a UTF-8 sequence.
std::string clip_utf8(std::string_view text, std::size_t limit);
std::size_t count_code_points(std::string_view utf8) noexcept;
// Escapes %, _ and \ for LIKE ... ESCAPE '\'.
std::string like_escape(std::string_view text);
std::vector<std::string> split_list(std::string_view text);  // by commas; "" gives an empty list
std::string join_list(const std::vector<std::string>& items);

}  // namespace aceso::portal
