#include "thumbnail.hpp"

#include <algorithm>
#include <cmath>

#include "values.hpp"

namespace aceso::learn {
namespace {

struct Taps {
  std::size_t first = 0;
  std::vector<float> weights;
};

// Output cell i covers [i, i + 1) * from / to.
std::vector<Taps> box_taps(std::size_t from, std::size_t to) {
  std::vector<Taps> all(to);
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  for (std::size_t i = 0; i < to; ++i) {
    const double low = static_cast<double>(i) * ratio;
    const double high = std::min(static_cast<double>(i + 1) * ratio, static_cast<double>(from));
    all[i].first = std::min(static_cast<std::size_t>(low), from - 1);
    for (std::size_t x = all[i].first; x < from && static_cast<double>(x) < high; ++x) {
      const double cover = std::min(high, static_cast<double>(x + 1)) - std::max(low, static_cast<double>(x));
      all[i].weights.push_back(static_cast<float>(std::max(cover, 0.0) / (high - low)));
    }
  }
  return all;
}

// One axis of [outer][from][inner] to [outer][to][inner].
std::vector<float> reduce(std::span<const float> values, std::size_t outer, std::size_t inner,
                          const std::vector<Taps>& taps, std::size_t from) {
  std::vector<float> out(outer * taps.size() * inner);
  for (std::size_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < taps.size(); ++i) {
      float* to = out.data() + (o * taps.size() + i) * inner;
      for (std::size_t t = 0; t < taps[i].weights.size(); ++t) {
        const float* line = values.data() + (o * from + taps[i].first + t) * inner;
        const float weight = taps[i].weights[t];
        for (std::size_t k = 0; k < inner; ++k) to[k] += weight * line[k];
      }
    }
  }
  return out;
}

}  // namespace

Grid coarser(const Grid& grid, std::size_t factor) {
  return {grid.depth == 1 ? 1 : grid.depth / factor, grid.height / factor, grid.width / factor};
}

std::vector<float> area_average(DType dtype, const Shape& shape, std::span<const std::byte> bytes, const Grid& grid) {
  const auto channels = static_cast<std::size_t>(shape.back());
  const auto width = static_cast<std::size_t>(shape[shape.size() - 2]);
  const auto height = static_cast<std::size_t>(shape[shape.size() - 3]);
  const std::size_t depth = shape.size() == 4 ? static_cast<std::size_t>(shape[0]) : 1;
  const auto columns = box_taps(width, grid.width);
  const std::size_t row_bytes = width * channels * size_of(dtype);
  std::vector<float> row(width);
  std::vector<float> narrow(depth * height * grid.width);
  for (std::size_t y = 0; y < depth * height; ++y) {
    std::fill(row.begin(), row.end(), 0.0F);
    std::size_t at = 0;
    std::size_t channel = 0;
    for_each_value(dtype, bytes.subspan(y * row_bytes, row_bytes), [&](double value) {
      row[at] += static_cast<float>(value);
      if (++channel == channels) {
        channel = 0;
        ++at;
      }
    });
    float* to = narrow.data() + y * grid.width;
    for (std::size_t x = 0; x < grid.width; ++x) {
      float sum = 0;
      for (std::size_t t = 0; t < columns[x].weights.size(); ++t)
        sum += columns[x].weights[t] * row[columns[x].first + t];
      to[x] = sum / static_cast<float>(channels);
    }
  }
  const auto flat = reduce(narrow, depth, grid.width, box_taps(height, grid.height), height);
  if (depth == 1 && grid.depth == 1) return flat;
  return reduce(flat, 1, grid.height * grid.width, box_taps(depth, grid.depth), depth);
}

std::vector<float> block_means(std::span<const float> values, const Grid& grid, std::size_t factor) {
  const auto columns = box_taps(grid.width, grid.width / factor);
  const auto rows = box_taps(grid.height, grid.height / factor);
  const auto narrow = reduce(values, grid.depth * grid.height, 1, columns, grid.width);
  const auto flat = reduce(narrow, grid.depth, columns.size(), rows, grid.height);
  if (grid.depth == 1) return flat;
  return reduce(flat, 1, rows.size() * columns.size(), box_taps(grid.depth, grid.depth / factor), grid.depth);
}

}  // namespace aceso::learn
