// Random changes of training samples, in two and three dimensions. Every draw is keyed by (seed, epoch, sample), so
// results depend on neither threads nor order.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

enum class Edge : std::uint8_t { nearest, zero, reflect };  // what lies outside of the sample

// Each range is drawn from uniformly; 0 leaves that change out. Intensities are those of the network's input, as
// preprocessed.
struct Augmentation {
  // Geometry, all in one resampling.
  double flip_left_right = 0, flip_up_down = 0, flip_front_back = 0;  // probabilities
  double rotate = 0;       // degrees to either side; volumes about each of their three axes. 0..180
  double scale = 0;        // the content grows or shrinks by a factor from 1 / (1 + scale) to 1 + scale. 0..3
  double shift = 0;        // along each axis, share of its size to either side. 0..1
  double crop = 0;         // up to this share of each side is cut away and the rest stretched to the full size. 0..0.9
  double elastic = 0;      // displacement of each control point along each axis, share of its size. 0..0.3
  int elastic_points = 7;  // control points of the cubic B-spline along each axis. 4..32
  Edge edge = Edge::nearest;
  // Intensity, in this order.
  double blur = 0;        // standard deviation of a Gaussian, pixels. 0..10
  double contrast = 0;    // differences from the sample's mean times 1 - contrast to 1 + contrast. 0..1
  double brightness = 0;  // added, to either side. 0..10
  double gamma = 0;       // exponent from 1 / (1 + gamma) to 1 + gamma, on the sample's own range. 0..3
  double noise = 0;       // standard deviation of Gaussian noise is drawn from 0 to this. 0..10
  double cutout = 0;  // side of a square set to the sample's mean, share of each side (DeVries & Taylor, 2017). 0..1
  // Between samples of one batch (Zhang et al., ICLR 2018): lambda from Beta(mixup, mixup). 0..10
  double mixup = 0;

  bool changes_geometry() const noexcept;
  bool changes_intensity() const noexcept;
};

struct DrawKey {
  std::uint64_t seed = 0;
  int epoch = 0;
  std::size_t sample = 0;
};

// Where each point of the result comes from: source = matrix (p - centre) + centre + offset + displacement(p), in
// pixels of (depth,) height, width; centre = (size - 1) / 2; the displacement a uniform cubic B-spline whose control
// points span the sample.
struct Warp {
  Shape size;                                               // [height, width] or [depth, height, width]
  std::array<double, 9> matrix{1, 0, 0, 0, 1, 0, 0, 0, 1};  // rows and columns in the order depth, height, width
  std::array<double, 3> offset{};
  std::array<int, 3> points{};  // control points along depth, height, width; all 0: none. depth is 1 in two dimensions
  std::vector<float> control;   // [3][depth][height][width], pixels; of depth, height and width
  bool identity() const noexcept;
};
// `size`: [height, width] or [depth, height, width], each 1 to 16384. Thread-safe.
Warp draw_warp(const Augmentation& how, const Shape& size, const DrawKey& key);

enum class Interpolation : std::uint8_t { linear, nearest };  // nearest: for masks, no new value appears
// One channel, in.size() == out.size() == the product of warp.size, apart from each other. The work is cut into
// `threads` slabs; the result does not depend on how many. Thread-safe.
void resample(const Warp& warp, Interpolation how, Edge edge, std::span<const float> in, std::span<float> out,
              int threads = 1);

struct Bounds {  // pixels, low <= high, in the order (depth,) height, width; depth 0 to 0 in two dimensions
  std::array<double, 3> low{}, high{};
};
// The smallest upright box in the result around what was in `box`, cut at the borders; its sides are sampled at nine
// points each. low > high when nothing is left. Thread-safe.
Bounds move_box(const Warp& warp, const Bounds& box);

// Blur, contrast, brightness, gamma, noise and cut-out of one sample, [channels][spatial...], in place. Thread-safe.
void change_intensity(const Augmentation& how, const Shape& size, const DrawKey& key, std::span<float> values);

// lambda of the batch that begins with this sample, in [0.5, 1]: the batch's own share.
double draw_mixup(const Augmentation& how, const DrawKey& key);

}  // namespace aceso::learn
