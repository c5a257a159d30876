#include "tensor_optimiser.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aceso::learn_torch {

using learn::Optimiser;

namespace {

template <class F>
std::vector<at::Scalar> scalars(const std::vector<double>& rates, F&& of) {
  std::vector<at::Scalar> out;
  for (const double rate : rates) out.emplace_back(of(rate));
  return out;
}

}  // namespace

at::Tensor flat_view(const at::Tensor& tensor) {
  return tensor.as_strided({tensor.numel()}, {1});
}

TensorOptimiser::TensorOptimiser(const learn::TrainingOptions& options, const std::vector<at::Tensor>& parameters,
                                 std::vector<double> rates)
    : options_{options}, rates_{std::move(rates)} {
  for (const at::Tensor& parameter : parameters)
    weights_.push_back(parameter.defined() ? flat_view(parameter.detach()) : at::Tensor{});
  moments_.resize(options.optimiser != Optimiser::sgd ? 2 : options.momentum > 0 ? 1 : 0);
  for (auto& moment : moments_) {
    for (const at::Tensor& weight : weights_)
      moment.push_back(weight.defined() ? at::zeros_like(weight) : at::Tensor{});
  }
}

void TensorOptimiser::update(const std::vector<at::Tensor>& gradients, std::int64_t step) {
  const c10::NoGradGuard none;
  Lists lists;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (!weights_[i].defined() || !gradients[i].defined()) continue;
    lists.weights.push_back(weights_[i]);
    lists.gradients.push_back(flat_view(gradients[i]));
    if (!moments_.empty()) lists.first.push_back(moments_[0][i]);
    if (moments_.size() > 1) lists.second.push_back(moments_[1][i]);
    lists.rates.push_back(options_.learning_rate * rates_[i]);
  }
  if (lists.weights.empty()) return;
  if (options_.optimiser == Optimiser::sgd) {
    sgd(lists);
  } else {
    adam(lists, step);
  }
}

void TensorOptimiser::adam(Lists& lists, std::int64_t step) const {
  const bool decoupled = options_.optimiser == Optimiser::adamw;
  const double decay = options_.weight_decay;
  if (!decoupled && decay > 0) lists.gradients = at::_foreach_add(lists.gradients, lists.weights, decay);
  const std::vector<at::Tensor> scratch = at::_foreach_mul(lists.gradients, lists.gradients);
  at::_foreach_lerp_(lists.first, lists.gradients, 1.0 - options_.beta1);
  at::_foreach_lerp_(lists.second, scratch, 1.0 - options_.beta2);
  at::_foreach_copy_(scratch, lists.second);
  at::_foreach_sqrt_(scratch);
  at::_foreach_add_(scratch, options_.epsilon);
  if (decoupled && decay > 0)
    at::_foreach_mul_(lists.weights, scalars(lists.rates, [&](double rate) { return 1.0 - rate * decay; }));
  const auto t = static_cast<double>(step);
  const double correction = std::sqrt(1.0 - std::pow(options_.beta2, t)) / (1.0 - std::pow(options_.beta1, t));
  at::_foreach_addcdiv_(lists.weights, lists.first, scratch,
                        scalars(lists.rates, [&](double rate) { return -rate * correction; }));
}

void TensorOptimiser::sgd(Lists& lists) const {
  const std::vector<at::Tensor> scratch = at::_foreach_add(lists.gradients, lists.weights, options_.weight_decay);
  if (!moments_.empty()) {
    at::_foreach_mul_(lists.first, options_.momentum);
    at::_foreach_add_(lists.first, scratch);
    if (options_.nesterov) {
      at::_foreach_add_(scratch, lists.first, options_.momentum);
    } else {
      at::_foreach_copy_(scratch, lists.first);
    }
  }
  at::_foreach_mul_(scratch, scalars(lists.rates, [](double rate) { return rate; }));
  at::_foreach_sub_(lists.weights, scratch);
}

}  // namespace aceso::learn_torch
