#include "optimiser.hpp"

#include <cmath>

namespace aceso::learn_torch {

using learn::Optimiser;

OptimiserState::OptimiserState(const learn::TrainingOptions& options, const std::vector<std::size_t>& sizes)
    : options_{options} {
  if (options.optimiser != Optimiser::sgd) {
    moments_ = {"m", "v"};
  } else if (options.momentum > 0) {
    moments_ = {"momentum"};
  }
  values_.resize(moments_.size());
  for (auto& moment : values_) {
    for (const std::size_t size : sizes) moment.emplace_back(size, 0.0F);
  }
}

void OptimiserState::update(std::size_t index, std::span<float> weights, std::span<const float> gradient,
                            std::size_t begin, std::size_t end, double factor) noexcept {
  float* w = weights.data();
  const float* g = gradient.data();
  const double rate = options_.learning_rate * factor;
  const bool decoupled = options_.optimiser == Optimiser::adamw;
  const auto decay = static_cast<float>(decoupled ? 0.0 : options_.weight_decay);
  if (options_.optimiser == Optimiser::sgd) {
    const auto step = static_cast<float>(rate);
    const auto keep = static_cast<float>(options_.momentum);
    if (moments_.empty()) {
      for (std::size_t i = begin; i < end; ++i) w[i] -= step * (g[i] + decay * w[i]);
      return;
    }
    float* b = values_[0][index].data();
    const bool ahead = options_.nesterov;
    for (std::size_t i = begin; i < end; ++i) {
      const float gi = g[i] + decay * w[i];
      b[i] = keep * b[i] + gi;
      w[i] -= step * (ahead ? gi + keep * b[i] : b[i]);
    }
    return;
  }
  const auto t = static_cast<double>(steps_);
  const auto step =
      static_cast<float>(rate * std::sqrt(1.0 - std::pow(options_.beta2, t)) / (1.0 - std::pow(options_.beta1, t)));
  const auto from_m = static_cast<float>(1.0 - options_.beta1);
  const auto from_v = static_cast<float>(1.0 - options_.beta2);
  const auto epsilon = static_cast<float>(options_.epsilon);
  const auto shrink = static_cast<float>(decoupled ? 1.0 - rate * options_.weight_decay : 1.0);
  float* m = values_[0][index].data();
  float* v = values_[1][index].data();
  for (std::size_t i = begin; i < end; ++i) {
    const float gi = g[i] + decay * w[i];
    m[i] += (gi - m[i]) * from_m;
    v[i] += (gi * gi - v[i]) * from_v;
    w[i] = w[i] * shrink - step * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

}  // namespace aceso::learn_torch
