// What a client accepts (RFC 9110 12.5.1, PS3.18 8.7): DICOM's media types with their transfer syntaxes, as real
// clients write them (`type` quoted or not).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aceso/net/http.hpp"

namespace aceso::archive {

struct MediaRange {
  bool multipart = false;       // multipart/related; then `type` is that of the parts
  std::string type;             // lower case; "*/*" and "image/*" stay
  std::string transfer_syntax;  // "": not said; "*": any
  double quality = 1;
};

// By quality, then in the order given. Never empty: nothing said is "*/*". At most 32 ranges are read.
std::vector<MediaRange> parse_accept(std::string_view accept);
// The query parameter `accept` replaces the header (PS3.18 8.3.3.1).
std::vector<MediaRange> accepted(const net::Request& request);

// "image/jpeg" fits "image/jpeg", "image/*", "*/*".
bool fits(const MediaRange& range, std::string_view type) noexcept;

}  // namespace aceso::archive
