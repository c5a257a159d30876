// Pieces of JSON compressed once and put together to gzip bodies without compressing again (RFC 1951, RFC 1952): each
// piece ends on a byte, its CRC is combined.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::archive {

struct Deflated {
  std::string bytes;  // raw deflate blocks, none of them the last
  std::uint32_t crc = 0;
  std::uint64_t length = 0;  // plain bytes
};

Result<Deflated> deflate_piece(std::string_view plain);
// "[" the pieces, separated by commas, "]".
std::string gzip_array(std::span<const Deflated* const> pieces);
// The same without compression. Errors: too_large, data_loss.
Result<std::string> plain_array(std::span<const Deflated* const> pieces, std::uint64_t limit);

}  // namespace aceso::archive
