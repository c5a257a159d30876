// One pass from source to result: where each point of a row comes from, then its value. Rows are worked on in pieces
// that stay in the first-level cache. The loops are compiled for several instruction sets without fused multiply-adds,
// so that every machine computes the same values.
#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <thread>
#include <vector>

#include "aceso/learn/augment.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define ACESO_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ACESO_CLONES
#endif

namespace aceso::learn {
namespace {

constexpr int kPiece = 256;  // points of a row at once
constexpr std::size_t kTaps = 4;

// Weights of a uniform cubic B-spline at each index of one axis, and its first control point.
struct Spline {
  std::vector<int> first;
  std::array<std::vector<float>, kTaps> weight;
};

Spline spline_of(std::int64_t size, int points) {
  Spline spline;
  const int spans = points - 3;
  for (std::int64_t i = 0; i < size; ++i) {
    const double at = size > 1 ? static_cast<double>(i) / static_cast<double>(size - 1) * spans : 0;
    const int first = std::min(static_cast<int>(at), spans - 1);
    const double t = at - first;
    const double u = 1 - t;
    spline.first.push_back(first);
    spline.weight[0].push_back(static_cast<float>(u * u * u / 6));
    spline.weight[1].push_back(static_cast<float>((3 * t * t * t - 6 * t * t + 4) / 6));
    spline.weight[2].push_back(static_cast<float>((3 * u * u * u - 6 * u * u + 4) / 6));
    spline.weight[3].push_back(static_cast<float>(t * t * t / 6));
  }
  return spline;
}

// Coordinates in the source of up to kPiece points of a row, in pixels.
struct Places {
  alignas(64) std::array<float, kPiece> z, y, x;
};

ACESO_CLONES void straight(float start, float step, int first, int count, float* out) {
  for (int i = 0; i < count; ++i) out[i] = start + step * static_cast<float>(first + i);
}

// Between two control points the same four count for all points.
ACESO_CLONES void bend(const float* line, const int* first, const float* w0, const float* w1, const float* w2,
                       const float* w3, int count, float* out) {
  for (int from = 0, to = 0; from < count; from = to) {
    while (to < count && first[to] == first[from]) ++to;
    const float* c = line + first[from];
    const float a = c[0];
    const float b = c[1];
    const float d = c[2];
    const float e = c[3];
    for (int i = from; i < to; ++i) out[i] += w0[i] * a + w1[i] * b + w2[i] * d + w3[i] * e;
  }
}

// Folds coordinates into [0, last]; for Edge::zero `keep` is multiplied by what of the pixel's tent lies inside.
ACESO_CLONES void fold(Edge edge, float last, int count, float* at, float* keep) {
  if (edge == Edge::reflect && last > 0) {
    const float period = 2 * last;
    for (int i = 0; i < count; ++i) {
      const float positive = std::fabs(at[i]);
      const float rest = positive - period * std::floor(positive / period);
      at[i] = last - std::fabs(rest - last);
    }
  }
  for (int i = 0; i < count; ++i) {
    const float inside = std::min(std::max(at[i], 0.0F), last);
    if (edge == Edge::zero) keep[i] *= std::max(0.0F, 1.0F - std::fabs(at[i] - inside));
    at[i] = inside;
  }
}

ACESO_CLONES void linear3(const float* __restrict in, int depth, int height, int width, int count,
                          const float* __restrict z, const float* __restrict y, const float* __restrict x,
                          float* __restrict out) {
  const auto far_z = static_cast<float>(std::max(depth - 2, 0));
  const auto far_y = static_cast<float>(std::max(height - 2, 0));
  const auto far_x = static_cast<float>(std::max(width - 2, 0));
  const int dx = width > 1 ? 1 : 0;
  const int dy = height > 1 ? width : 0;
  const int dz = depth > 1 ? width * height : 0;
  for (int i = 0; i < count; ++i) {  // coordinates are not negative: conversion rounds down
    const int z0 = static_cast<int>(std::min(z[i], far_z));
    const int y0 = static_cast<int>(std::min(y[i], far_y));
    const int x0 = static_cast<int>(std::min(x[i], far_x));
    const float fz = z[i] - static_cast<float>(z0);
    const float fy = y[i] - static_cast<float>(y0);
    const float fx = x[i] - static_cast<float>(x0);
    const float gx = 1 - fx;  // both ends of an edge come out exactly, also where x0 was held back
    const int at = (z0 * height + y0) * width + x0;
    const float a = gx * in[at] + fx * in[at + dx];
    const float b = gx * in[at + dy] + fx * in[at + dy + dx];
    const float c = gx * in[at + dz] + fx * in[at + dz + dx];
    const float d = gx * in[at + dz + dy] + fx * in[at + dz + dy + dx];
    const float near = (1 - fy) * a + fy * b;
    const float far = (1 - fy) * c + fy * d;
    out[i] = (1 - fz) * near + fz * far;
  }
}

ACESO_CLONES void linear2(const float* __restrict in, int height, int width, int count, const float* __restrict y,
                          const float* __restrict x, float* __restrict out) {
  const auto far_y = static_cast<float>(std::max(height - 2, 0));
  const auto far_x = static_cast<float>(std::max(width - 2, 0));
  const int dx = width > 1 ? 1 : 0;
  const int dy = height > 1 ? width : 0;
  for (int i = 0; i < count; ++i) {
    const int y0 = static_cast<int>(std::min(y[i], far_y));
    const int x0 = static_cast<int>(std::min(x[i], far_x));
    const float fy = y[i] - static_cast<float>(y0);
    const float fx = x[i] - static_cast<float>(x0);
    const float gx = 1 - fx;  // both ends of an edge come out exactly, also where x0 was held back
    const int at = y0 * width + x0;
    const float a = gx * in[at] + fx * in[at + dx];
    const float b = gx * in[at + dy] + fx * in[at + dy + dx];
    out[i] = (1 - fy) * a + fy * b;
  }
}

void nearest(const float* in, int height, int width, int count, const Places& p, const float* keep, float* out) {
  for (int i = 0; i < count; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const int z = static_cast<int>(std::floor(p.z[k] + 0.5F));
    const int y = static_cast<int>(std::floor(p.y[k] + 0.5F));
    const int x = static_cast<int>(std::floor(p.x[k] + 0.5F));
    out[i] = keep[i] > 0.5F ? in[(z * height + y) * width + x] : 0.0F;
  }
}

class Resampler {
 public:
  Resampler(const Warp& warp, Interpolation how, Edge edge, const float* in, float* out)
      : warp_{warp}, how_{how}, edge_{edge}, in_{in}, out_{out} {
    for (std::size_t d = 0; d < warp.size.size(); ++d) size_[3 - warp.size.size() + d] = static_cast<int>(warp.size[d]);
    if (warp.control.empty()) return;
    for (std::size_t axis = volume() ? 0 : 1; axis < 3; ++axis)
      splines_[axis] = spline_of(size_[axis], warp.points[axis]);
  }

  int rows() const { return size_[0] * size_[1]; }

  void run(int from, int to) const {
    std::vector<float> lines(3 * static_cast<std::size_t>(std::max(warp_.points[2], 1)));
    Places places;
    alignas(64) std::array<float, kPiece> keep;
    for (int row = from; row < to; ++row) {
      const int z = row / size_[1];
      const int y = row % size_[1];
      if (!warp_.control.empty()) collapse(z, y, lines);
      for (int x = 0; x < size_[2]; x += kPiece) {
        const int count = std::min(kPiece, size_[2] - x);
        place(z, y, x, count, lines, places);
        float* out = out_ + static_cast<std::ptrdiff_t>(row) * size_[2] + x;
        sample(count, places, keep, out);
      }
    }
  }

 private:
  bool volume() const { return warp_.size.size() == 3; }

  // The control points of this row along the width, for each axis of displacement.
  void collapse(int z, int y, std::vector<float>& lines) const {
    const auto wide = static_cast<std::size_t>(warp_.points[2]);
    const auto high = static_cast<std::size_t>(warp_.points[1]);
    const auto count = static_cast<std::size_t>(warp_.points[0]) * high * wide;
    std::fill(lines.begin(), lines.end(), 0.0F);
    const auto row = static_cast<std::size_t>(y);
    const auto slice = static_cast<std::size_t>(z);
    for (std::size_t a = 0; a < (volume() ? kTaps : 1U); ++a) {
      const float wz = volume() ? splines_[0].weight[a][slice] : 1.0F;
      const std::size_t pz = volume() ? static_cast<std::size_t>(splines_[0].first[slice]) + a : 0;
      for (std::size_t b = 0; b < kTaps; ++b) {
        const float weight = wz * splines_[1].weight[b][row];
        const std::size_t start = (pz * high + static_cast<std::size_t>(splines_[1].first[row]) + b) * wide;
        for (std::size_t axis = volume() ? 0 : 1; axis < 3; ++axis) {
          const float* from = warp_.control.data() + axis * count + start;
          for (std::size_t i = 0; i < wide; ++i) lines[axis * wide + i] += weight * from[i];
        }
      }
    }
  }

  void place(int z, int y, int x, int count, const std::vector<float>& lines, Places& places) const {
    const std::array<double, 3> centre{(size_[0] - 1) / 2.0, (size_[1] - 1) / 2.0, (size_[2] - 1) / 2.0};
    const std::array<float*, 3> to{places.z.data(), places.y.data(), places.x.data()};
    for (std::size_t axis = volume() ? 0 : 1; axis < 3; ++axis) {
      const double* m = warp_.matrix.data() + axis * 3;
      const double start =
          m[0] * (z - centre[0]) + m[1] * (y - centre[1]) - m[2] * centre[2] + centre[axis] + warp_.offset[axis];
      straight(static_cast<float>(start), static_cast<float>(m[2]), x, count, to[axis]);
      if (warp_.control.empty()) continue;
      const Spline& spline = splines_[2];
      bend(lines.data() + axis * static_cast<std::size_t>(warp_.points[2]), spline.first.data() + x,
           spline.weight[0].data() + x, spline.weight[1].data() + x, spline.weight[2].data() + x,
           spline.weight[3].data() + x, count, to[axis]);
    }
    if (!volume()) std::fill_n(places.z.data(), count, 0.0F);
  }

  void sample(int count, Places& places, std::array<float, kPiece>& keep, float* out) const {
    std::fill_n(keep.data(), count, 1.0F);
    if (volume()) fold(edge_, static_cast<float>(size_[0] - 1), count, places.z.data(), keep.data());
    fold(edge_, static_cast<float>(size_[1] - 1), count, places.y.data(), keep.data());
    fold(edge_, static_cast<float>(size_[2] - 1), count, places.x.data(), keep.data());
    if (how_ == Interpolation::nearest) return nearest(in_, size_[1], size_[2], count, places, keep.data(), out);
    if (volume()) {
      linear3(in_, size_[0], size_[1], size_[2], count, places.z.data(), places.y.data(), places.x.data(), out);
    } else {
      linear2(in_, size_[1], size_[2], count, places.y.data(), places.x.data(), out);
    }
    if (edge_ != Edge::zero) return;
    for (int i = 0; i < count; ++i) out[i] *= keep[static_cast<std::size_t>(i)];
  }

  const Warp& warp_;
  Interpolation how_;
  Edge edge_;
  const float* in_;
  float* out_;
  std::array<int, 3> size_{1, 1, 1};
  std::array<Spline, 3> splines_;
};

// Where a point of the result comes from.
std::array<double, 3> source_of(const Warp& warp, const std::array<double, 3>& size, const std::array<double, 3>& p) {
  std::array<double, 3> out{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    out[axis] = (size[axis] - 1) / 2 + warp.offset[axis];
    for (std::size_t k = 0; k < 3; ++k) out[axis] += warp.matrix[axis * 3 + k] * (p[k] - (size[k] - 1) / 2);
  }
  return out;
}

std::array<double, 3> displacement_at(const Warp& warp, const std::array<double, 3>& size,
                                      const std::array<double, 3>& p) {
  std::array<double, 3> out{};
  if (warp.control.empty()) return out;
  std::array<std::array<double, kTaps>, 3> weight{};
  std::array<int, 3> first{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int spans = warp.points[axis] - 3;
    weight[axis] = {1, 0, 0, 0};
    if (warp.points[axis] == 1) continue;
    const double at = size[axis] > 1 ? std::clamp(p[axis] / (size[axis] - 1), 0.0, 1.0) * spans : 0;
    first[axis] = std::min(static_cast<int>(at), spans - 1);
    const double t = at - first[axis];
    const double u = 1 - t;
    weight[axis] = {u * u * u / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * u * u * u - 6 * u * u + 4) / 6,
                    t * t * t / 6};
  }
  const std::size_t count = warp.control.size() / 3;
  for (std::size_t a = 0; a < (warp.points[0] == 1 ? 1U : kTaps); ++a) {
    for (std::size_t b = 0; b < kTaps; ++b) {
      for (std::size_t c = 0; c < kTaps; ++c) {
        const auto at = static_cast<std::size_t>(
            ((first[0] + static_cast<int>(a)) * warp.points[1] + first[1] + static_cast<int>(b)) * warp.points[2] +
            first[2] + static_cast<int>(c));
        for (std::size_t axis = 0; axis < 3; ++axis)
          out[axis] +=
              weight[0][a] * weight[1][b] * weight[2][c] * static_cast<double>(warp.control[axis * count + at]);
      }
    }
  }
  return out;
}

std::array<double, 9> inverse(const std::array<double, 9>& m) {
  const auto minor = [&](std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
    return m[a] * m[d] - m[b] * m[c];
  };
  std::array<double, 9> out{minor(4, 5, 7, 8), minor(2, 1, 8, 7), minor(1, 2, 4, 5),
                            minor(5, 3, 8, 6), minor(0, 2, 6, 8), minor(2, 0, 5, 3),
                            minor(3, 4, 6, 7), minor(1, 0, 7, 6), minor(0, 1, 3, 4)};
  const double determinant = m[0] * out[0] + m[1] * out[3] + m[2] * out[6];
  for (double& x : out) x /= determinant;
  return out;
}

}  // namespace

void resample(const Warp& warp, Interpolation how, Edge edge, std::span<const float> in, std::span<float> out,
              int threads) {
  assert(in.size() == out.size() && (warp.size.size() == 2 || warp.size.size() == 3));
  if (warp.identity()) {
    std::copy(in.begin(), in.end(), out.begin());
    return;
  }
  const Resampler resampler{warp, how, edge, in.data(), out.data()};
  const int slabs = std::clamp(threads, 1, std::max(1, resampler.rows()));
  std::vector<std::jthread> others;
  for (int slab = 1; slab < slabs; ++slab) {
    const auto begin = static_cast<int>(std::int64_t{resampler.rows()} * slab / slabs);
    const auto end = static_cast<int>(std::int64_t{resampler.rows()} * (slab + 1) / slabs);
    others.emplace_back([&resampler, begin, end] { resampler.run(begin, end); });
  }
  resampler.run(0, resampler.rows() / slabs);
}

Bounds move_box(const Warp& warp, const Bounds& box) {
  constexpr int kSteps = 9;
  constexpr int kIterations = 30;  // of p = inverse(source - displacement(p)): a contraction while nothing folds
  std::array<double, 3> size{1, 1, 1};
  for (std::size_t d = 0; d < warp.size.size(); ++d) size[3 - warp.size.size() + d] = static_cast<double>(warp.size[d]);
  const std::array<double, 9> back = inverse(warp.matrix);
  Bounds moved{{1e30, 1e30, 1e30}, {-1e30, -1e30, -1e30}};
  for (int i = 0; i < kSteps * kSteps * kSteps; ++i) {
    const std::array<int, 3> step{i / (kSteps * kSteps), i / kSteps % kSteps, i % kSteps};
    std::array<double, 3> source{};
    for (std::size_t axis = 0; axis < 3; ++axis)
      source[axis] = box.low[axis] + (box.high[axis] - box.low[axis]) * step[axis] / (kSteps - 1);
    std::array<double, 3> p = source;
    for (int round = 0; round < (warp.control.empty() ? 1 : kIterations); ++round) {
      const std::array<double, 3> bent = displacement_at(warp, size, p);
      const std::array<double, 3> origin = source_of(warp, size, {});
      std::array<double, 3> rest{};
      for (std::size_t axis = 0; axis < 3; ++axis) rest[axis] = source[axis] - bent[axis] - origin[axis];
      for (std::size_t axis = 0; axis < 3; ++axis)
        p[axis] = back[axis * 3] * rest[0] + back[axis * 3 + 1] * rest[1] + back[axis * 3 + 2] * rest[2];
    }
    for (std::size_t axis = 0; axis < 3; ++axis) {
      moved.low[axis] = std::min(moved.low[axis], p[axis]);
      moved.high[axis] = std::max(moved.high[axis], p[axis]);
    }
  }
  for (std::size_t axis = 0; axis < 3; ++axis) {
    moved.low[axis] = std::max(moved.low[axis], 0.0);
    moved.high[axis] = std::min(moved.high[axis], size[axis] - 1);
  }
  return moved;
}

}  // namespace aceso::learn
