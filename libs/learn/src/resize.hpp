// Bilinear resize with half-pixel centres; when shrinking the triangle is widened by the ratio (antialiased), as Pillow
// and torchvision do.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace aceso::learn {

// One channel, row by row; all sizes > 0. Not for values that are not finite. Thread-safe.
std::vector<float> resize_bilinear(std::span<const float> pixels, std::int64_t height, std::int64_t width,
                                   std::int64_t to_height, std::int64_t to_width);

}  // namespace aceso::learn
