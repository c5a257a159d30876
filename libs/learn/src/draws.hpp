// Random numbers of one sample in one epoch: each kind of change has its own stream.
#pragma once

#include <cmath>
#include <numbers>
#include <span>

#include "aceso/base/random.hpp"
#include "aceso/learn/augment.hpp"

namespace aceso::learn {

enum class Draw : std::uint32_t {
  flip = 0x41554730,  // "AUG0"
  rotate,
  scale,
  shift,
  crop,
  elastic,
  blur,
  contrast,
  brightness,
  gamma,
  noise,
  cutout,
  mixup,
  pixels,
  window
};

class Draws {
 public:
  explicit Draws(const DrawKey& key)
      : philox_{key.seed}, epoch_{static_cast<std::uint32_t>(key.epoch)}, sample_{key.sample} {}

  double uniform(Draw kind, std::size_t index) const { return philox_.uniform01(stream(kind), counter(index)); }
  double symmetric(Draw kind, std::size_t index) const { return 2 * uniform(kind, index) - 1; }

  // Adds N(0, deviation^2): Box-Muller, four values a block.
  void add_noise(double deviation, std::span<float> values) const {
    constexpr float kUnit = 1.0F / 16777216.0F;
    const auto scale = static_cast<float>(deviation);
    for (std::size_t i = 0; i < values.size(); i += 4) {
      const auto words = philox_.block(stream(Draw::pixels), counter(i / 4));
      for (std::size_t pair = 0; pair < 2; ++pair) {
        const float u = (static_cast<float>(words[2 * pair] >> 8U) + 1.0F) * kUnit;  // (0, 1]
        const float angle = 2.0F * std::numbers::pi_v<float> * static_cast<float>(words[2 * pair + 1] >> 8U) * kUnit;
        const float radius = scale * std::sqrt(-2.0F * std::log(u));
        if (i + 2 * pair < values.size()) values[i + 2 * pair] += radius * std::cos(angle);
        if (i + 2 * pair + 1 < values.size()) values[i + 2 * pair + 1] += radius * std::sin(angle);
      }
    }
  }

  // Beta(a, a) as x / (x + y) of two Gamma(a) by Marsaglia & Tsang, ACM TOMS 26:363, 2000.
  double beta(double a) const {
    const double x = gamma_variate(a, 0);
    const double y = gamma_variate(a, 1);
    return x + y > 0 ? x / (x + y) : 1;
  }

 private:
  std::uint64_t stream(Draw kind) const { return std::uint64_t{static_cast<std::uint32_t>(kind)} << 32U | epoch_; }
  std::uint64_t counter(std::size_t index) const { return sample_ << 32U | static_cast<std::uint32_t>(index); }

  double gamma_variate(double a, std::size_t which) const {
    const double shape = a < 1 ? a + 1 : a;
    const double d = shape - 1.0 / 3.0;
    const double c = 1 / std::sqrt(9 * d);
    for (std::size_t i = which; i < 2000; i += 2) {
      const double x = philox_.normal(stream(Draw::mixup), counter(2 * i));
      const double v = std::pow(1 + c * x, 3);
      if (v <= 0) continue;
      const double u = 1 - uniform(Draw::mixup, 2 * i + 1);
      if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) {
        const double boost = a < 1 ? std::pow(1 - uniform(Draw::mixup, 10'000 + which), 1 / a) : 1;
        return d * v * boost;
      }
    }
    return d;
  }

  Philox philox_;
  std::uint32_t epoch_;
  std::uint64_t sample_;
};

}  // namespace aceso::learn
