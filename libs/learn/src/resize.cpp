#include "resize.hpp"

#include <algorithm>
#include <cmath>

namespace aceso::learn {
namespace {

struct Taps {
  std::size_t first = 0;
  std::vector<double> weights;
};

std::vector<Taps> taps_for(std::int64_t from, std::int64_t to) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(ratio, 1.0);
  std::vector<Taps> all(static_cast<std::size_t>(to));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio;
    const auto low = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - support + 0.5)));
    const auto high = std::min(from, static_cast<std::int64_t>(std::floor(centre + support + 0.5)));
    double sum = 0;
    all[i].first = static_cast<std::size_t>(low);
    for (std::int64_t x = low; x < high; ++x) {
      const double weight = std::max(0.0, 1.0 - std::abs((static_cast<double>(x) + 0.5 - centre) / support));
      all[i].weights.push_back(weight);
      sum += weight;
    }
    for (double& weight : all[i].weights) weight /= sum;
  }
  return all;
}

}  // namespace

std::vector<float> resize_bilinear(std::span<const float> pixels, std::int64_t height, std::int64_t width,
                                   std::int64_t to_height, std::int64_t to_width) {
  const auto columns = taps_for(width, to_width);
  const auto rows = taps_for(height, to_height);
  const auto wide = static_cast<std::size_t>(width);
  std::vector<float> narrow(static_cast<std::size_t>(height) * columns.size());
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    for (std::size_t x = 0; x < columns.size(); ++x) {
      double sum = 0;
      std::size_t at = y * wide + columns[x].first;
      for (const double weight : columns[x].weights) sum += weight * static_cast<double>(pixels[at++]);
      narrow[y * columns.size() + x] = static_cast<float>(sum);
    }
  }
  std::vector<float> out(rows.size() * columns.size());
  std::vector<double> line(columns.size());
  for (std::size_t y = 0; y < rows.size(); ++y) {
    std::fill(line.begin(), line.end(), 0.0);
    for (std::size_t t = 0; t < rows[y].weights.size(); ++t) {
      const float* from = narrow.data() + (rows[y].first + t) * columns.size();
      for (std::size_t x = 0; x < line.size(); ++x) line[x] += rows[y].weights[t] * static_cast<double>(from[x]);
    }
    for (std::size_t x = 0; x < line.size(); ++x) out[y * line.size() + x] = static_cast<float>(line[x]);
  }
  return out;
}

std::vector<float> resize_linear(std::span<const float> values, const Shape& from, const Shape& to) {
  if (from == to) return {values.begin(), values.end()};
  const std::size_t d = from.size() - 2;  // 1 in a volume
  const std::int64_t slices = d == 1 ? from[0] : 1;
  const auto area = static_cast<std::size_t>(from[d] * from[d + 1]);
  std::vector<float> flat;
  for (std::int64_t z = 0; z < slices; ++z) {
    const auto slice = resize_bilinear(values.subspan(static_cast<std::size_t>(z) * area, area), from[d], from[d + 1],
                                       to[d], to[d + 1]);
    flat.insert(flat.end(), slice.begin(), slice.end());
  }
  if (d == 0 || from[0] == to[0]) return flat;
  const std::int64_t row = to[1] * to[2];
  return resize_bilinear(flat, from[0], row, to[0], row);
}

std::vector<float> resize_nearest(std::span<const std::uint8_t> values, const Shape& from, const Shape& to) {
  const auto source = [&](std::size_t axis, std::int64_t i) {
    return std::min(from[axis] - 1, (2 * i + 1) * from[axis] / (2 * to[axis]));
  };
  const std::size_t d = from.size() - 2;
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>((d == 1 ? to[0] : 1) * to[d] * to[d + 1]));
  for (std::int64_t z = 0; z < (d == 1 ? to[0] : 1); ++z) {
    const std::int64_t slice = d == 1 ? source(0, z) * from[1] : 0;
    for (std::int64_t y = 0; y < to[d]; ++y) {
      const std::int64_t row = (slice + source(d, y)) * from[d + 1];
      for (std::int64_t x = 0; x < to[d + 1]; ++x)
        out.push_back(static_cast<float>(values[static_cast<std::size_t>(row + source(d + 1, x))]));
    }
  }
  return out;
}

}  // namespace aceso::learn
