// Small pictures of samples for comparing them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

struct Grid {
  std::size_t depth = 1, height = 0, width = 0;
  std::size_t size() const { return depth * height * width; }
};

// Area averages over a grid, channels averaged; smaller samples are enlarged without interpolation. `shape` is that of
// an image ([height, width, channels]) or a volume (depth first). Thread-safe.
std::vector<float> area_average(DType dtype, const Shape& shape, std::span<const std::byte> bytes, const Grid& grid);

// Mean over cubes of `factor` a side (squares when the depth is 1); the sizes must be multiples.
std::vector<float> block_means(std::span<const float> values, const Grid& grid, std::size_t factor);
Grid coarser(const Grid& grid, std::size_t factor);

}  // namespace aceso::learn
