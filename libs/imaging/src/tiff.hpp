#pragma once

#include "aceso/imaging/image.hpp"

namespace aceso::imaging {

// 8 or 16, of the first page's header.
Result<int> tiff_bits(std::span<const std::byte> bytes);

}  // namespace aceso::imaging
