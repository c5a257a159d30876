// gzip for responses (RFC 1952 through zlib).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "aceso/net/http.hpp"

namespace aceso::net {

bool accepts_gzip(std::string_view accept_encoding) noexcept;  // RFC 9110 12.5.3
bool compressible(std::string_view content_type) noexcept;
Result<std::string> gzip(std::string_view data);
Result<std::string> gunzip(std::string_view data, std::size_t limit);  // too_large
// Shared as BodySource is: with the connection that sends it.
std::shared_ptr<BodySource> make_gzip_source(std::shared_ptr<BodySource> inner);

}  // namespace aceso::net
