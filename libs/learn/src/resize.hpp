// Bilinear resize with half-pixel centres; when shrinking the triangle is widened by the ratio (antialiased), as Pillow
// and torchvision do.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

// One channel, row by row; all sizes > 0. Not for values that are not finite. Thread-safe.
std::vector<float> resize_bilinear(std::span<const float> pixels, std::int64_t height, std::int64_t width,
                                   std::int64_t to_height, std::int64_t to_width);

// One channel of [height, width] or [depth, height, width], the same rule along each axis. Thread-safe.
std::vector<float> resize_linear(std::span<const float> values, const Shape& from, const Shape& to);
// Each point takes the value of the nearest (half-pixel centres): for masks, no new value appears. Thread-safe.
std::vector<float> resize_nearest(std::span<const std::uint8_t> values, const Shape& from, const Shape& to);

}  // namespace aceso::learn
