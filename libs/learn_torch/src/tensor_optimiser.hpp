// The updates of OptimiserState over tensors of any device, all parameters in few calls.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "aceso/learn/engine.hpp"

namespace aceso::learn_torch {

// The formulas are those of OptimiserState (optimiser.hpp), and so are the moments: flat, in the order in which the
// parameter lies in memory. Not thread-safe.
class TensorOptimiser {
 public:
  // `parameters`: dense tensors of one device, which stay where they are; undefined: never updated. `rates`: factors of
  // the learning rate, one a parameter.
  TensorOptimiser(const learn::TrainingOptions& options, const std::vector<at::Tensor>& parameters,
                  std::vector<double> rates);

  void set_learning_rate(double rate) noexcept { options_.learning_rate = rate; }
  // Step number `step`, from 1 on. `gradients` one a parameter; undefined: that parameter and its moments stay.
  // Memory is taken before anything changes.
  void update(const std::vector<at::Tensor>& gradients, std::int64_t step);
  // Undefined for a parameter that is never updated. `which`: index into OptimiserState::moments().
  const at::Tensor& moment(std::size_t which, std::size_t index) const { return moments_[which][index]; }

 private:
  struct Lists {
    std::vector<at::Tensor> weights, gradients, first, second;
    std::vector<double> rates;
  };
  void adam(Lists& lists, std::int64_t step) const;
  void sgd(Lists& lists) const;

  learn::TrainingOptions options_;
  std::vector<at::Tensor> weights_;
  std::vector<double> rates_;
  std::vector<std::vector<at::Tensor>> moments_;  // [moment][parameter]
};

// One dimension over the memory of a dense tensor; shares it.
at::Tensor flat_view(const at::Tensor& tensor);

}  // namespace aceso::learn_torch
