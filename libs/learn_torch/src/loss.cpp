#include "loss.hpp"

#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>

#include "tensors.hpp"

namespace aceso::learn_torch {

using learn::Array;
using learn::DType;
using learn::Loss;
using learn::Shape;
using learn::to_string;

namespace {

at::Tensor weights_tensor(const std::vector<double>& weights) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(weights.size())}, at::kFloat);
  std::transform(weights.begin(), weights.end(), tensor.mutable_data_ptr<float>(),
                 [](double w) { return static_cast<float>(w); });
  return tensor;
}

}  // namespace

Status check_loss(const learn::TrainingOptions& options, const Shape& logits) {
  const std::vector<double>& weights = options.class_weights;
  if (!std::all_of(weights.begin(), weights.end(), [](double w) { return std::isfinite(w) && w > 0; }))
    return Error{Code::invalid, "class weights must be positive"};
  switch (options.loss) {
    case Loss::binary_cross_entropy:
      if (!weights.empty() && weights.size() != 2)
        return Error{Code::invalid, "binary cross-entropy takes two class weights"};
      return {};
    case Loss::cross_entropy:
      if (logits.size() != 2 || logits[1] < 2)
        return Error{Code::invalid, "cross-entropy needs logits [N, classes], the network gives " + to_string(logits)};
      if (!weights.empty() && weights.size() != static_cast<std::size_t>(logits[1]))
        return Error{Code::invalid, "cross-entropy takes one weight a class"};
      return {};
    case Loss::mean_squared_error:
      if (!weights.empty()) return Error{Code::invalid, "the squared error takes no class weights"};
      return {};
  }
  return Error{Code::invalid, "unknown loss"};
}

Status check_targets(Loss loss, const Shape& logits, std::int64_t n, const Array& targets) {
  Shape full = logits;
  full[0] = n;
  const bool one_each = targets.shape == Shape{n};
  if (loss == Loss::cross_entropy) {
    if (targets.dtype != DType::i64 || !one_each)
      return Error{Code::invalid, "cross-entropy needs int64 targets [N], gets " +
                                      std::string{to_string(targets.dtype)} + " " + to_string(targets.shape)};
    const auto classes = targets.as<std::int64_t>();
    if (!std::all_of(classes.begin(), classes.end(), [&](std::int64_t c) { return c >= 0 && c < logits[1]; }))
      return Error{Code::invalid, "a target is no class from 0 to " + std::to_string(logits[1] - 1)};
    return {};
  }
  const bool single = learn::element_count(full).ok() && *learn::element_count(full) == n;
  if (targets.dtype != DType::f32 || !(targets.shape == full || (one_each && single)))
    return Error{Code::invalid, "the loss needs float32 targets " + to_string(full) + ", gets " +
                                    std::string{to_string(targets.dtype)} + " " + to_string(targets.shape)};
  const auto values = targets.f32();
  if (!std::all_of(values.begin(), values.end(), [](float t) { return std::isfinite(t); }))
    return Error{Code::invalid, "a target is not finite"};
  if (loss == Loss::binary_cross_entropy &&
      !std::all_of(values.begin(), values.end(), [](float t) { return t >= 0 && t <= 1; }))
    return Error{Code::invalid, "a target of binary cross-entropy is not between 0 and 1"};
  return {};
}

at::Tensor loss_of(const learn::TrainingOptions& options, const at::Tensor& logits, const Array& targets) {
  const std::vector<double>& weights = options.class_weights;
  if (options.loss == Loss::cross_entropy) {
    const at::Tensor classes =
        at::from_blob(const_cast<std::byte*>(targets.data.data()), targets.shape, at::kLong);  // NOLINT
    return at::cross_entropy_loss(logits, classes, weights.empty() ? at::Tensor{} : weights_tensor(weights));
  }
  const at::Tensor target = view_of(targets).view(logits.sizes());
  if (options.loss == Loss::mean_squared_error) return at::mse_loss(logits, target);
  if (weights.empty()) return at::binary_cross_entropy_with_logits(logits, target);
  const at::Tensor weight =
      at::where(target.gt(0.5), at::full_like(target, weights[1]), at::full_like(target, weights[0]));
  return at::binary_cross_entropy_with_logits(logits, target, weight, {}, at::Reduction::Sum).div(weight.sum());
}

}  // namespace aceso::learn_torch
