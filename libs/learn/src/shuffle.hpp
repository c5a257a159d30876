// Order and flips of training samples, drawn from (seed, epoch, sample) alone: the same on any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "aceso/base/random.hpp"

namespace aceso::learn {

inline std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, int epoch) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Philox philox{seed};
  const std::uint64_t stream = 0x53485546ULL << 32 | static_cast<std::uint32_t>(epoch);
  for (std::size_t i = count; i > 1; --i) {
    const auto j = static_cast<std::size_t>(philox.uniform01(stream, i) * static_cast<double>(i));
    std::swap(order[i - 1], order[std::min(j, i - 1)]);
  }
  return order;
}

inline bool coin(std::uint64_t seed, int epoch, std::size_t sample) {
  return Philox{seed}.uniform01(0x464C4950ULL << 32 | static_cast<std::uint32_t>(epoch), sample) < 0.5;
}

// Mirrors every row of `width` values.
inline void flip_rows(std::span<float> values, std::int64_t width) {
  const auto step = static_cast<std::ptrdiff_t>(width);
  for (auto row = values.begin(); row != values.end(); row += step) std::reverse(row, row + step);
}

}  // namespace aceso::learn
