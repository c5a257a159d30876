// gzip (RFC 1952) into memory, bounded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::imaging {

bool is_gzip(std::span<const std::byte> bytes) noexcept;
// At most `limit` bytes: too_large when there are more, or with `prefix` just the first `limit`. invalid: damaged or
// truncated.
Result<std::vector<std::byte>> gunzip(std::span<const std::byte> bytes, std::uint64_t limit, bool prefix = false);

}  // namespace aceso::imaging
