#include "aceso/learn/overlap.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <map>

namespace aceso::learn {
namespace {

constexpr double kFar = 1e300;

// A picture is a volume of one slice.
struct Cuboid {
  std::array<std::int64_t, 3> size{1, 1, 1};
  std::array<double, 3> spacing{1, 1, 1};
  bool flat = false;
  Cuboid(const Shape& shape, std::span<const double> given) : flat{shape.size() == 2} {
    assert(shape.size() == 2 || shape.size() == 3);
    for (std::size_t d = 0; d < shape.size(); ++d) {
      size[3 - shape.size() + d] = shape[d];
      if (given.size() == shape.size()) spacing[3 - shape.size() + d] = given[d];
    }
  }
  std::size_t at(std::int64_t z, std::int64_t y, std::int64_t x) const {
    return static_cast<std::size_t>((z * size[1] + y) * size[2] + x);
  }
};

template <class F>
void for_each_point(const std::array<std::int64_t, 3>& low, const std::array<std::int64_t, 3>& high, const F& visit) {
  for (std::int64_t z = low[0]; z < high[0]; ++z) {
    for (std::int64_t y = low[1]; y < high[1]; ++y) {
      for (std::int64_t x = low[2]; x < high[2]; ++x) visit(z, y, x);
    }
  }
}

using Point = std::array<std::int64_t, 3>;

std::vector<Point> border(const Cuboid& grid, std::span<const std::uint8_t> mask, std::uint8_t label) {
  std::vector<Point> out;
  for_each_point({0, 0, 0}, grid.size, [&](std::int64_t z, std::int64_t y, std::int64_t x) {
    if (mask[grid.at(z, y, x)] != label) return;
    const Point p{z, y, x};
    for (std::size_t axis = grid.flat ? 1 : 0; axis < 3; ++axis) {
      for (const std::int64_t step : {-1, 1}) {
        Point q = p;
        q[axis] += step;
        if (q[axis] >= 0 && q[axis] < grid.size[axis] && mask[grid.at(q[0], q[1], q[2])] == label) continue;
        out.push_back(p);
        return;
      }
    }
  });
  return out;
}

// Squared distances along one line to the nearest source, given squared distances of the other axes: the lower envelope
// of parabolas (Felzenszwalb and Huttenlocher, Theory of Computing 8:415, 2012).
class LineTransform {
 public:
  explicit LineTransform(std::int64_t longest)
      : apex_(static_cast<std::size_t>(longest)),
        from_(static_cast<std::size_t>(longest) + 1),
        f_(static_cast<std::size_t>(longest)) {}

  void run(std::span<double> values, std::size_t first, std::size_t stride, std::size_t count, double spacing) {
    for (std::size_t i = 0; i < count; ++i) f_[i] = values[first + i * stride];
    std::ptrdiff_t k = -1;
    const double w = spacing * spacing;
    for (std::size_t q = 0; q < count; ++q) {
      if (f_[q] >= kFar) continue;
      double meet = -std::numeric_limits<double>::infinity();
      while (k >= 0) {
        const auto p = apex_[static_cast<std::size_t>(k)];
        const auto a = static_cast<double>(q), b = static_cast<double>(p);
        meet = ((f_[q] + w * a * a) - (f_[p] + w * b * b)) / (2 * w * (a - b));
        if (meet > from_[static_cast<std::size_t>(k)]) break;
        --k;
      }
      ++k;
      apex_[static_cast<std::size_t>(k)] = q;
      from_[static_cast<std::size_t>(k)] = k == 0 ? -std::numeric_limits<double>::infinity() : meet;
    }
    if (k < 0) return;
    std::ptrdiff_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
      while (at < k && from_[static_cast<std::size_t>(at) + 1] < static_cast<double>(i)) ++at;
      const auto p = apex_[static_cast<std::size_t>(at)];
      const double d = static_cast<double>(i) - static_cast<double>(p);
      values[first + i * stride] = w * d * d + f_[p];
    }
  }

 private:
  std::vector<std::size_t> apex_;
  std::vector<double> from_, f_;
};

// Squared distance of each point of the box [low, high) to the nearest of `sources`.
std::vector<double> distances(const Cuboid& grid, const Point& low, const Point& high,
                              const std::vector<Point>& sources) {
  const std::array<std::size_t, 3> size{static_cast<std::size_t>(high[0] - low[0]),
                                        static_cast<std::size_t>(high[1] - low[1]),
                                        static_cast<std::size_t>(high[2] - low[2])};
  std::vector<double> out(size[0] * size[1] * size[2], kFar);
  for (const Point& p : sources)
    out[(static_cast<std::size_t>(p[0] - low[0]) * size[1] + static_cast<std::size_t>(p[1] - low[1])) * size[2] +
        static_cast<std::size_t>(p[2] - low[2])] = 0;
  LineTransform line{static_cast<std::int64_t>(*std::max_element(size.begin(), size.end()))};
  for (std::size_t z = 0; z < size[0]; ++z) {
    for (std::size_t y = 0; y < size[1]; ++y) line.run(out, (z * size[1] + y) * size[2], 1, size[2], grid.spacing[2]);
  }
  for (std::size_t z = 0; z < size[0]; ++z) {
    for (std::size_t x = 0; x < size[2]; ++x)
      line.run(out, z * size[1] * size[2] + x, size[2], size[1], grid.spacing[1]);
  }
  if (size[0] > 1) {
    for (std::size_t i = 0; i < size[1] * size[2]; ++i) line.run(out, i, size[1] * size[2], size[0], grid.spacing[0]);
  }
  return out;
}

double percentile_of(std::vector<double> values, double percentile) {
  std::sort(values.begin(), values.end());
  const double rank = percentile / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (rank - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace

double Overlap::dice() const noexcept {
  return truth + drawn == 0 ? 1 : 2 * static_cast<double>(both) / static_cast<double>(truth + drawn);
}

double Overlap::iou() const noexcept {
  const std::uint64_t either = truth + drawn - both;
  return either == 0 ? 1 : static_cast<double>(both) / static_cast<double>(either);
}

Overlap overlap(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> drawn, std::uint8_t label) {
  assert(truth.size() == drawn.size());
  Overlap out;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const bool t = truth[i] == label, d = drawn[i] == label;
    out.truth += t ? 1U : 0U;
    out.drawn += d ? 1U : 0U;
    out.both += t && d ? 1U : 0U;
  }
  return out;
}

std::optional<double> hausdorff(const Shape& shape, std::span<const std::uint8_t> truth,
                                std::span<const std::uint8_t> drawn, std::uint8_t label,
                                std::span<const double> spacing, double percentile) {
  const Cuboid grid{shape, spacing};
  const std::vector<Point> a = border(grid, truth, label), b = border(grid, drawn, label);
  if (a.empty() || b.empty()) return std::nullopt;
  Point low = a.front(), high = a.front();  // of the box that holds both
  for (const auto* points : {&a, &b}) {
    for (const Point& p : *points) {
      for (std::size_t axis = 0; axis < 3; ++axis) {
        low[axis] = std::min(low[axis], p[axis]);
        high[axis] = std::max(high[axis], p[axis] + 1);
      }
    }
  }
  const auto directed = [&](const std::vector<Point>& from, const std::vector<Point>& to) {
    const std::vector<double> squared = distances(grid, low, high, to);
    std::vector<double> found;
    found.reserve(from.size());
    for (const Point& p : from)
      found.push_back(std::sqrt(squared[static_cast<std::size_t>(
          ((p[0] - low[0]) * (high[1] - low[1]) + p[1] - low[1]) * (high[2] - low[2]) + p[2] - low[2])]));
    return percentile_of(std::move(found), percentile);
  };
  return std::max(directed(a, b), directed(b, a));
}

Components components(const Shape& shape, std::span<const std::uint8_t> mask, std::uint8_t label) {
  const Cuboid grid{shape, {}};
  Components out;
  out.ids.assign(mask.size(), 0);
  std::vector<Point> open;
  for_each_point({0, 0, 0}, grid.size, [&](std::int64_t z, std::int64_t y, std::int64_t x) {
    if (mask[grid.at(z, y, x)] != label || out.ids[grid.at(z, y, x)] != 0) return;
    const auto id = static_cast<std::uint32_t>(++out.count);
    out.ids[grid.at(z, y, x)] = id;
    open.push_back({z, y, x});
    while (!open.empty()) {
      const Point p = open.back();
      open.pop_back();
      Point from, to;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        from[axis] = std::max<std::int64_t>(0, p[axis] - 1);
        to[axis] = std::min(grid.size[axis], p[axis] + 2);
      }
      for_each_point(from, to, [&](std::int64_t i, std::int64_t j, std::int64_t k) {
        const std::size_t q = grid.at(i, j, k);
        if (mask[q] != label || out.ids[q] != 0) return;
        out.ids[q] = id;
        open.push_back({i, j, k});
      });
    }
  });
  return out;
}

Detection detect(const Shape& shape, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> drawn,
                 std::uint8_t label) {
  const Components real = components(shape, truth, label), said = components(shape, drawn, label);
  std::vector<bool> found(real.count + 1, false), right(said.count + 1, false);
  for (std::size_t i = 0; i < real.ids.size(); ++i) {
    if (real.ids[i] == 0 || said.ids[i] == 0) continue;
    found[real.ids[i]] = true;
    right[said.ids[i]] = true;
  }
  Detection out;
  out.parts = real.count;
  out.found = static_cast<std::size_t>(std::count(found.begin(), found.end(), true));
  out.false_parts = said.count - static_cast<std::size_t>(std::count(right.begin(), right.end(), true));
  return out;
}

std::vector<Line> contours(const Shape& shape, std::span<const std::uint8_t> mask, std::uint8_t label) {
  assert(shape.size() == 2);
  const std::int64_t height = shape[0], width = shape[1];
  const auto inside = [&](std::int64_t y, std::int64_t x) {
    return y >= 0 && x >= 0 && y < height && x < width && mask[static_cast<std::size_t>(y * width + x)] == label;
  };
  // Each edge between a pixel inside and one outside, directed with the inside on its right (y points down); where two
  // pixels touch at a corner only, the line turns right and so keeps them apart.
  using Corner = std::pair<std::int64_t, std::int64_t>;  // x, y
  std::multimap<Corner, Corner> next;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      if (!inside(y, x)) continue;
      if (!inside(y - 1, x)) next.emplace(Corner{x, y}, Corner{x + 1, y});
      if (!inside(y, x + 1)) next.emplace(Corner{x + 1, y}, Corner{x + 1, y + 1});
      if (!inside(y + 1, x)) next.emplace(Corner{x + 1, y + 1}, Corner{x, y + 1});
      if (!inside(y, x - 1)) next.emplace(Corner{x, y + 1}, Corner{x, y});
    }
  }
  std::vector<Line> lines;
  while (!next.empty()) {
    const Corner start = next.begin()->first;
    Corner at = start;
    std::int64_t dx = 0, dy = 0;
    Line line;
    do {
      auto [edge, end] = next.equal_range(at);
      for (auto other = edge; other != end; ++other) {  // two at most
        const std::int64_t ox = other->second.first - at.first, oy = other->second.second - at.second;
        if (ox == -dy && oy == dx) edge = other;  // a right turn
      }
      const Corner to = edge->second;
      const std::int64_t ex = to.first - at.first, ey = to.second - at.second;
      if (ex != dx || ey != dy)
        line.emplace_back(static_cast<std::int32_t>(at.first), static_cast<std::int32_t>(at.second));
      dx = ex;
      dy = ey;
      next.erase(edge);
      at = to;
    } while (at != start);
    // The first corner may lie in the middle of a side.
    if (line.size() > 2) {
      const auto [ax, ay] = line.back();
      const auto [bx, by] = line.front();
      const auto [cx, cy] = line[1];
      if ((ax == bx && bx == cx) || (ay == by && by == cy)) line.erase(line.begin());
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace aceso::learn
