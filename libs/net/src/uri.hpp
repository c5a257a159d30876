// Request targets: percent-decoding, path normalisation, query strings (RFC 3986, RFC 9112 3.2).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::net {

using QueryList = std::vector<std::pair<std::string, std::string>>;

bool valid_utf8(std::string_view text) noexcept;

// Errors: invalid for a bad escape.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

// An absolute path as sent. Errors: invalid for "..", an encoded slash or backslash, control characters, bad UTF-8.
Result<std::string> decode_path(std::string_view raw);

// At most 256 pairs. Errors: invalid for bad escapes, NUL, bad UTF-8, too many pairs.
Result<QueryList> decode_query(std::string_view raw);

}  // namespace aceso::net
