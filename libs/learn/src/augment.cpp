// What is drawn for a sample, and the changes of intensity. The resampling is in resample.cpp.
#include "aceso/learn/augment.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include "aceso/base/random.hpp"
#include "draws.hpp"

namespace aceso::learn {
namespace {

using Matrix = std::array<double, 9>;

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) c[i * 3 + j] += a[i * 3 + k] * b[k * 3 + j];
    }
  }
  return c;
}

// About `axis` (0 depth, 1 height, 2 width), by `degrees`.
Matrix rotation(std::size_t axis, double degrees) {
  const double angle = degrees * std::numbers::pi / 180;
  const std::size_t a = axis == 0 ? 1 : 0;
  const std::size_t b = axis == 2 ? 1 : 2;
  Matrix m{1, 0, 0, 0, 1, 0, 0, 0, 1};
  m[a * 3 + a] = m[b * 3 + b] = std::cos(angle);
  m[a * 3 + b] = -std::sin(angle);
  m[b * 3 + a] = std::sin(angle);
  return m;
}

void draw_elastic(const Augmentation& how, const std::array<double, 3>& size, bool volume, const Draws& draws,
                  Warp& warp) {
  const int n = how.elastic_points;
  warp.points = {volume ? n : 1, n, n};
  const auto count = static_cast<std::size_t>(warp.points[0] * n * n);
  warp.control.assign(3 * count, 0.0F);
  for (std::size_t axis = volume ? 0 : 1; axis < 3; ++axis) {
    for (std::size_t i = 0; i < count; ++i)
      warp.control[axis * count + i] =
          static_cast<float>(how.elastic * size[axis] * draws.symmetric(Draw::elastic, axis * count + i));
  }
}

// Separable Gaussian, cut at three standard deviations, borders repeated.
void blur_line(const std::vector<float>& kernel, std::vector<float>& line, std::span<float> values, std::size_t first,
               std::size_t stride, std::size_t count) {
  const auto radius = static_cast<std::ptrdiff_t>(kernel.size() / 2);
  for (std::size_t i = 0; i < count; ++i) line[i] = values[first + i * stride];
  for (std::size_t i = 0; i < count; ++i) {
    float sum = 0;
    for (std::ptrdiff_t k = -radius; k <= radius; ++k) {
      const auto at =
          std::clamp(static_cast<std::ptrdiff_t>(i) + k, std::ptrdiff_t{0}, static_cast<std::ptrdiff_t>(count) - 1);
      sum += kernel[static_cast<std::size_t>(k + radius)] * line[static_cast<std::size_t>(at)];
    }
    values[first + i * stride] = sum;
  }
}

void blur(double deviation, const Shape& size, std::span<float> values) {
  if (deviation < 0.05) return;
  const auto radius = static_cast<std::ptrdiff_t>(std::ceil(3 * deviation));
  std::vector<float> kernel;
  double sum = 0;
  for (std::ptrdiff_t k = -radius; k <= radius; ++k)
    sum += std::exp(-static_cast<double>(k * k) / (2 * deviation * deviation));
  for (std::ptrdiff_t k = -radius; k <= radius; ++k)
    kernel.push_back(static_cast<float>(std::exp(-static_cast<double>(k * k) / (2 * deviation * deviation)) / sum));
  std::vector<float> line(static_cast<std::size_t>(*std::max_element(size.begin(), size.end())));
  std::size_t stride = 1;
  for (std::size_t d = size.size(); d-- > 0;) {
    const auto count = static_cast<std::size_t>(size[d]);
    for (std::size_t block = 0; block < values.size(); block += stride * count) {
      for (std::size_t i = 0; i < stride; ++i) blur_line(kernel, line, values, block + i, stride, count);
    }
    stride *= count;
  }
}

float mean_of(std::span<const float> values) {
  double sum = 0;
  for (const float x : values) sum += static_cast<double>(x);
  return static_cast<float>(sum / static_cast<double>(values.size()));
}

void apply_gamma(double exponent, std::span<float> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const float from = *low;
  const float range = *high - from;
  if (!(range > 0)) return;
  const auto power = static_cast<float>(exponent);
  for (float& x : values) x = from + range * std::pow((x - from) / range, power);
}

void cut_out(const Augmentation& how, const Shape& size, const Draws& draws, float fill, std::span<float> values) {
  std::array<std::int64_t, 3> low{};
  std::array<std::int64_t, 3> high{1, 1, 1};
  std::array<std::int64_t, 3> whole{1, 1, 1};
  for (std::size_t d = 0; d < size.size(); ++d) {
    const std::size_t axis = 3 - size.size() + d;
    whole[axis] = size[d];
    const double centre = draws.uniform(Draw::cutout, axis) * static_cast<double>(size[d]);
    const double half = how.cutout * static_cast<double>(size[d]) / 2;
    low[axis] = std::max<std::int64_t>(0, std::llround(centre - half));
    high[axis] = std::min(size[d], static_cast<std::int64_t>(std::llround(centre + half)));
  }
  const auto volume = static_cast<std::size_t>(whole[0] * whole[1] * whole[2]);
  for (std::size_t at = 0; at < values.size(); at += volume) {
    for (std::int64_t z = low[0]; z < high[0]; ++z) {
      for (std::int64_t y = low[1]; y < high[1]; ++y) {
        for (std::int64_t x = low[2]; x < high[2]; ++x)
          values[at + static_cast<std::size_t>((z * whole[1] + y) * whole[2] + x)] = fill;
      }
    }
  }
}

}  // namespace

bool Augmentation::changes_geometry() const noexcept {
  return flip_left_right > 0 || flip_up_down > 0 || flip_front_back > 0 || rotate > 0 || scale > 0 || shift > 0 ||
         crop > 0 || elastic > 0;
}

bool Augmentation::changes_intensity() const noexcept {
  return blur > 0 || contrast > 0 || brightness > 0 || gamma > 0 || noise > 0 || cutout > 0;
}

bool Warp::identity() const noexcept {
  return matrix == std::array<double, 9>{1, 0, 0, 0, 1, 0, 0, 0, 1} && offset == std::array<double, 3>{} &&
         control.empty();
}

Warp draw_warp(const Augmentation& how, const Shape& size, const DrawKey& key) {
  assert(size.size() == 2 || size.size() == 3);
  const bool volume = size.size() == 3;
  const Draws draws{key};
  Warp warp;
  warp.size = size;
  std::array<double, 3> extent{1, 1, 1};
  for (std::size_t d = 0; d < size.size(); ++d) extent[3 - size.size() + d] = static_cast<double>(size[d]);
  if (how.rotate > 0) {
    for (std::size_t axis = 0; axis < (volume ? 3U : 1U); ++axis)
      warp.matrix = product(warp.matrix, rotation(axis, how.rotate * draws.symmetric(Draw::rotate, axis)));
  }
  double factor = 1;  // of the distances in the source
  if (how.scale > 0) factor = std::pow(1 + how.scale, -draws.symmetric(Draw::scale, 0));
  const double kept = 1 - how.crop * draws.uniform(Draw::crop, 0);
  const std::array<double, 3> flips{volume ? how.flip_front_back : 0, how.flip_up_down, how.flip_left_right};
  for (std::size_t axis = volume ? 0 : 1; axis < 3; ++axis) {
    double sign = 1;
    if (flips[axis] > 0 && draws.uniform(Draw::flip, axis) < flips[axis]) sign = -1;
    for (std::size_t row = 0; row < 3; ++row) warp.matrix[row * 3 + axis] *= sign * factor * kept;
    if (how.shift > 0) warp.offset[axis] += how.shift * extent[axis] * draws.symmetric(Draw::shift, axis);
    if (how.crop > 0) warp.offset[axis] += (1 - kept) / 2 * (extent[axis] - 1) * draws.symmetric(Draw::crop, axis + 1);
  }
  if (how.elastic > 0) draw_elastic(how, extent, volume, draws, warp);
  return warp;
}

void change_intensity(const Augmentation& how, const Shape& size, const DrawKey& key, std::span<float> values) {
  const Draws draws{key};
  if (how.blur > 0) blur(how.blur * draws.uniform(Draw::blur, 0), size, values);
  if (how.contrast > 0 || how.brightness > 0) {
    const float mean = mean_of(values);
    const auto factor = static_cast<float>(1 + how.contrast * draws.symmetric(Draw::contrast, 0));
    const auto more = static_cast<float>(how.brightness * draws.symmetric(Draw::brightness, 0));
    for (float& x : values) x = mean + (x - mean) * factor + more;
  }
  if (how.gamma > 0) apply_gamma(std::pow(1 + how.gamma, draws.symmetric(Draw::gamma, 0)), values);
  if (how.noise > 0) draws.add_noise(how.noise * draws.uniform(Draw::noise, 0), values);
  if (how.cutout > 0) cut_out(how, size, draws, mean_of(values), values);
}

double draw_mixup(const Augmentation& how, const DrawKey& key) {
  if (how.mixup <= 0) return 1;
  const double lambda = Draws{key}.beta(how.mixup);
  return std::max(lambda, 1 - lambda);
}

}  // namespace aceso::learn
