// Byte ranges and validators (RFC 9110 8.8, 13, 14).
#pragma once

#include <cstdint>
#include <string_view>

#include "aceso/net/http.hpp"

namespace aceso::net {

struct RangeAnswer {
  enum class Kind : std::uint8_t { whole, part, unsatisfiable } kind = Kind::whole;
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};
// One range of bytes; several ranges, other units and malformed fields count as absent (RFC 9110 14.2 allows it).
RangeAnswer parse_range(std::string_view field, std::uint64_t size) noexcept;

// Weak comparison of an entity tag with a list field or "*".
bool etag_listed(std::string_view list, std::string_view etag) noexcept;
// True: answer 304. The response's validators are given; If-None-Match decides alone when present.
bool not_modified(const Headers& request, std::string_view etag, std::string_view last_modified);
// True when If-Range is absent or holds.
bool if_range_holds(const Headers& request, std::string_view etag, std::string_view last_modified);

}  // namespace aceso::net
