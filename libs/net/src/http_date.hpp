// IMF-fixdate (RFC 9110 5.6.7): Sun, 06 Nov 1994 08:49:37 GMT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aceso::net {

std::string format_http_date(std::int64_t unix_seconds);
std::optional<std::int64_t> parse_http_date(std::string_view text);  // only this form; others count as absent

}  // namespace aceso::net
