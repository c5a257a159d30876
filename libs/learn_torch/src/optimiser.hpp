// Adam, AdamW and SGD over plain float arrays: one pass over memory an update, no allocation after construction.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aceso/learn/engine.hpp"

namespace aceso::learn_torch {

// Adam (Kingma & Ba, ICLR 2015) as Keras computes it, with the paper's "epsilon hat":
//   w -= rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)
// adam adds weight_decay * w to the gradient; adamw (Loshchilov & Hutter, ICLR 2019) subtracts rate * weight_decay * w.
// sgd: b = momentum * b + g; w -= rate * b, with Nesterov's look ahead w -= rate * (g + momentum * b). Weight decay
// falls on every parameter, as in PyTorch.
class OptimiserState {
 public:
  OptimiserState(const learn::TrainingOptions& options, const std::vector<std::size_t>& sizes);

  void begin_step() noexcept { ++steps_; }
  // Updates elements [begin, end) of parameter `index` with `factor` times the learning rate. Ranges that do not
  // overlap may run at once.
  void update(std::size_t index, std::span<float> weights, std::span<const float> gradient, std::size_t begin,
              std::size_t end, double factor = 1) noexcept;

  std::int64_t steps() const noexcept { return steps_; }
  void set_steps(std::int64_t steps) noexcept { steps_ = steps; }
  void set_learning_rate(double rate) noexcept { options_.learning_rate = rate; }
  // Names of the moments kept for each parameter: {"m", "v"} for Adam, {"momentum"} or {} for SGD.
  const std::vector<std::string>& moments() const noexcept { return moments_; }
  std::span<float> moment(std::size_t which, std::size_t index) { return values_[which][index]; }
  std::span<const float> moment(std::size_t which, std::size_t index) const { return values_[which][index]; }

 private:
  learn::TrainingOptions options_;
  std::int64_t steps_ = 0;
  std::vector<std::string> moments_;
  std::vector<std::vector<std::vector<float>>> values_;  // [moment][parameter]
};

}  // namespace aceso::learn_torch
