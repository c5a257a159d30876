// How well two masks of one grid agree: Dice, intersection over union, Hausdorff distance, and parts that touch
// nothing. Masks are uint8, row-major, [height, width] or [depth, height, width].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

struct Overlap {
  std::uint64_t truth = 0, drawn = 0, both = 0;  // points
  // Dice, Ecology 26:297, 1945: 2 both / (truth + drawn); 1 when both are empty.
  double dice() const noexcept;
  double iou() const noexcept;  // both / (either); 1 when both are empty
};
// Of the points that have `label`. Equal sizes.
Overlap overlap(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> drawn, std::uint8_t label);

// The larger of the two directed distances between the borders of `label` in both masks, each directed distance the
// `percentile` (0..100, interpolated linearly between ranks) of the distances of one border's points to the nearest
// point of the other (Huttenlocher et al., IEEE PAMI 15:850, 1993; 95 as in MONAI's compute_hausdorff_distance). A
// border point has a neighbour along an axis that has not the label, or lies at the edge of the grid. `spacing`:
// between points along each axis (mm), empty: 1. None when either mask lacks the label.
std::optional<double> hausdorff(const Shape& shape, std::span<const std::uint8_t> truth,
                                std::span<const std::uint8_t> drawn, std::uint8_t label,
                                std::span<const double> spacing, double percentile);

// Parts of `label` that do not touch, not even at corners: `ids` is 1.. for each point of a part, 0 elsewhere.
struct Components {
  std::vector<std::uint32_t> ids;
  std::size_t count = 0;
};
Components components(const Shape& shape, std::span<const std::uint8_t> mask, std::uint8_t label);

// Parts of the truth that a part drawn touches in at least one point, and parts drawn that touch nothing of the truth.
struct Detection {
  std::size_t parts = 0, found = 0, false_parts = 0;
};
Detection detect(const Shape& shape, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> drawn,
                 std::uint8_t label);

// The edges of `label` in a mask [height, width] as closed lines between pixels, (x, y) in pixels from the upper left
// corner, corners only; outer lines clockwise on the screen, holes the other way round.
using Line = std::vector<std::pair<std::int32_t, std::int32_t>>;
std::vector<Line> contours(const Shape& shape, std::span<const std::uint8_t> mask, std::uint8_t label);

}  // namespace aceso::learn
