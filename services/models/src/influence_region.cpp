#include "influence_region.hpp"

#include <algorithm>
#include <vector>

namespace aceso::models {

std::optional<std::array<double, 4>> influence_region(const learn::Array& map, std::int64_t width,
                                                      std::int64_t height) {
  if (map.shape.size() != 2 || map.dtype != learn::DType::f32) return std::nullopt;
  const auto values = map.f32();
  const std::int64_t rows = map.shape[0], columns = map.shape[1];
  if (values.empty()) return std::nullopt;
  const auto [low, high] = std::ranges::minmax_element(values);
  const float half = *low + (*high - *low) / 2;
  if (!(*high > *low)) return std::nullopt;
  const auto peak = high - values.begin();
  std::vector<char> seen(values.size());
  std::vector<std::int64_t> open{peak};
  seen[static_cast<std::size_t>(peak)] = 1;
  std::int64_t x0 = columns, y0 = rows, x1 = 0, y1 = 0;
  while (!open.empty()) {
    const std::int64_t at = open.back(), x = at % columns, y = at / columns;
    open.pop_back();
    x0 = std::min(x0, x);
    y0 = std::min(y0, y);
    x1 = std::max(x1, x + 1);
    y1 = std::max(y1, y + 1);
    for (const auto& [nx, ny] : {std::pair{x - 1, y}, {x + 1, y}, {x, y - 1}, {x, y + 1}}) {
      if (nx < 0 || ny < 0 || nx >= columns || ny >= rows) continue;
      const auto next = static_cast<std::size_t>(ny * columns + nx);
      if (seen[next] != 0 || values[next] < half) continue;
      seen[next] = 1;
      open.push_back(static_cast<std::int64_t>(next));
    }
  }
  if (3 * (x1 - x0) * (y1 - y0) > rows * columns) return std::nullopt;
  const double sx = static_cast<double>(width) / static_cast<double>(columns);
  const double sy = static_cast<double>(height) / static_cast<double>(rows);
  return std::array<double, 4>{static_cast<double>(x0) * sx, static_cast<double>(y0) * sy, static_cast<double>(x1) * sx,
                               static_cast<double>(y1) * sy};
}

}  // namespace aceso::models
