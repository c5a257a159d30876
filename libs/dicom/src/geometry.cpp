#include "aceso/dicom/geometry.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "aceso/dicom/tags.hpp"
#include "lut.hpp"

namespace aceso::dicom {
namespace {

using Vector = std::array<double, 3>;
constexpr double kMostMm = 1e6;
constexpr double kSameDirection = 1e-3;
constexpr double kSamePlaceMm = 1e-3;
constexpr double kMostShiftMm = 1;

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
bool near(const Vector& a, const Vector& b) {
  double most = 0;
  for (std::size_t i = 0; i < 3; ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most <= kSameDirection;
}

std::vector<double> numbers_of(const Dataset& dataset, Tag sequence, Tag tag, std::uint32_t frame) {
  const Dataset* group = functional_group(dataset, sequence, frame);
  std::vector<double> values = group == nullptr ? std::vector<double>{} : group->numbers(tag);
  if (values.empty()) values = dataset.numbers(tag);
  return values;
}

bool bounded(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value) && std::abs(value) <= kMostMm; });
}

// Which axis of the volume points most to the head, to the back and to the left.
void turn(Stack& stack, const std::array<Vector, 3>& directions) {
  constexpr std::array<std::size_t, 3> kToward{2, 1, 0};  // z, y, x
  std::array<std::size_t, 3> axes{0, 1, 2};
  double best = -1;
  do {
    double sum = 0;
    for (std::size_t a = 0; a < 3; ++a) sum += std::abs(directions[axes[a]][kToward[a]]);
    if (sum > best + 1e-9) {
      best = sum;
      stack.axis = axes;
    }
  } while (std::next_permutation(axes.begin(), axes.end()));
  for (std::size_t a = 0; a < 3; ++a) stack.flipped[a] = directions[stack.axis[a]][kToward[a]] < 0;
}

}  // namespace

std::optional<Plane> frame_plane(const Dataset& dataset, std::uint32_t frame) {
  const auto position = numbers_of(dataset, tags::kPlanePositionSequence, tags::kImagePositionPatient, frame);
  const auto cosines = numbers_of(dataset, tags::kPlaneOrientationSequence, tags::kImageOrientationPatient, frame);
  if (position.size() != 3 || cosines.size() != 6 || !bounded(position) || !bounded(cosines)) return std::nullopt;
  const Plane plane{{position[0], position[1], position[2]},
                    {cosines[0], cosines[1], cosines[2]},
                    {cosines[3], cosines[4], cosines[5]}};
  const auto unit = [](const Vector& v) { return std::abs(std::sqrt(dot(v, v)) - 1) < 1e-2; };
  if (!unit(plane.along_row) || !unit(plane.along_column) || std::abs(dot(plane.along_row, plane.along_column)) > 1e-2)
    return std::nullopt;
  return plane;
}

std::optional<std::array<double, 2>> pixel_spacing_mm(const Dataset& dataset, std::uint32_t frame) {
  auto spacing = numbers_of(dataset, tags::kPixelMeasuresSequence, tags::kPixelSpacing, frame);
  if (spacing.empty()) spacing = dataset.numbers(tags::kImagerPixelSpacing);
  if (spacing.size() != 2 || !bounded(spacing) || spacing[0] <= 0 || spacing[1] <= 0) return std::nullopt;
  return std::array<double, 2>{spacing[0], spacing[1]};
}

Result<Stack> stack_planes(std::span<const Plane> planes) {
  if (planes.size() < 2) return Error{Code::invalid, "fewer than two slices"};
  const Plane& first = planes.front();
  const Vector normal = cross(first.along_row, first.along_column);
  std::vector<double> along(planes.size());
  for (std::size_t i = 0; i < planes.size(); ++i) {
    if (!near(planes[i].along_row, first.along_row) || !near(planes[i].along_column, first.along_column))
      return Error{Code::invalid, "its slices lie in different directions"};
    along[i] = dot(planes[i].position_mm, normal);
  }
  Stack stack;
  stack.order.resize(planes.size());
  std::iota(stack.order.begin(), stack.order.end(), std::size_t{0});
  std::stable_sort(stack.order.begin(), stack.order.end(),
                   [&](std::size_t a, std::size_t b) { return along[a] < along[b]; });
  std::vector<double> steps;
  stack.least_mm = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < planes.size(); ++i) {
    steps.push_back(along[stack.order[i]] - along[stack.order[i - 1]]);
    stack.least_mm = std::min(stack.least_mm, steps.back());
    stack.most_mm = std::max(stack.most_mm, steps.back());
  }
  if (stack.least_mm < kSamePlaceMm)
    return Error{Code::invalid, "two of its slices lie in one place (phases, echoes or repetitions)"};
  const Plane& low = planes[stack.order.front()];
  const Plane& high = planes[stack.order.back()];
  Vector shift{};
  for (std::size_t i = 0; i < 3; ++i) shift[i] = high.position_mm[i] - low.position_mm[i];
  if (std::abs(dot(shift, first.along_row)) > kMostShiftMm || std::abs(dot(shift, first.along_column)) > kMostShiftMm)
    return Error{Code::invalid, "its slices are shifted against each other (a tilted gantry)"};
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  stack.spacing_mm = *middle;
  for (const double step : steps) {
    if (step <= 1.5 * stack.spacing_mm) continue;
    ++stack.gaps;
    stack.missing += static_cast<std::size_t>(std::lround(std::min(step / stack.spacing_mm, 1e9))) - 1;
  }
  turn(stack, {normal, first.along_column, first.along_row});
  return stack;
}

}  // namespace aceso::dicom
