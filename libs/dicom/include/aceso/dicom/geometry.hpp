// Where frames lie in the patient, and slices as a volume (PS3.3 C.7.6.2 image plane, C.7.6.16.2.3 plane position).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/dataset.hpp"

namespace aceso::dicom {

// In the patient's coordinates: x to the left, y to the back, z to the head.
struct Plane {
  std::array<double, 3> position_mm;  // of the centre of the first pixel
  std::array<double, 3> along_row;    // unit vector: from one column to the next
  std::array<double, 3> along_column;
};
// Of the frame's functional groups, else of the data set; frame from 0. nullopt: not given, or no two perpendicular
// unit vectors (each within 1 %).
std::optional<Plane> frame_plane(const Dataset& dataset, std::uint32_t frame = 0);

// Distance between the centres of rows and of columns: PixelSpacing of the functional groups or of the data set, else
// ImagerPixelSpacing, which projections have and which holds at the detector (PS3.3 10.7.1.3).
std::optional<std::array<double, 2>> pixel_spacing_mm(const Dataset& dataset, std::uint32_t frame = 0);

struct Stack {
  std::vector<std::size_t> order;  // of the planes given, in ascending position along the normal
  double spacing_mm = 0;           // the median distance of neighbours
  double least_mm = 0, most_mm = 0;
  std::size_t gaps = 0;     // neighbours more than 1.5 times the median apart
  std::size_t missing = 0;  // slices that would fill the gaps
  // Axis a of the volume turned to z (to the head), y (to the back), x (to the left) is axis[a] of [slice, row,
  // column], backwards where flipped[a].
  std::array<std::size_t, 3> axis{0, 1, 2};
  std::array<bool, 3> flipped{};
  // Distances differ by less than a tenth of the median.
  bool even() const noexcept { return most_mm - least_mm < 0.1 * spacing_mm; }
};
// Of one volume's planes. invalid: fewer than two, directions that differ by more than 0.1 %, two planes in one place
// (phases, echoes), or planes that are shifted within themselves by more than 1 mm from the first to the last (a tilted
// gantry: such slices are no box).
Result<Stack> stack_planes(std::span<const Plane> planes);

}  // namespace aceso::dicom
