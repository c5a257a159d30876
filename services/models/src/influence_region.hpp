// The place of a map of influence that moved the answer most.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "aceso/learn/array.hpp"

namespace aceso::models {

// Around the pixels that hang together with the highest one (by their sides) and reach half of the map's range, in
// pixels of a picture of this size: x0, y0, x1, y1, ends exclusive. nullopt: the map is not two-dimensional, or
// flat, or so much of it is high (more than a third of the picture) that this says of no place.
std::optional<std::array<double, 4>> influence_region(const learn::Array& map, std::int64_t width, std::int64_t height);

}  // namespace aceso::models
