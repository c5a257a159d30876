// Smallest, largest, sum and sum of squares of raw values, for the description of a data set.
#pragma once

#include <cstddef>
#include <limits>
#include <span>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

// Sums of 8- and 16-bit numbers are exact within an add() and are then added as doubles; sums of all others are made
// one value after the other. Values that are no number change neither low nor high.
struct Intensity {
  double low = std::numeric_limits<double>::infinity(), high = -low, sum = 0, squares = 0, count = 0;
  void add(DType type, std::span<const std::byte> bytes);
};

}  // namespace aceso::learn
