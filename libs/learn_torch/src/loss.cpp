#include "loss.hpp"

#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
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

// Of logits [N, labels + 2 * axes, cells...] the labels.
std::int64_t map_count(const Shape& logits) {
  return logits[1] - 2 * (static_cast<std::int64_t>(logits.size()) - 2);
}

// Maps from 0 to 1, sizes of 0 or more, places from 0 to 1.
bool fit_centernet(const Shape& logits, std::span<const float> values) {
  const auto axes = logits.size() - 2, labels = static_cast<std::size_t>(map_count(logits)),
             outputs = labels + 2 * axes;
  const std::size_t area = values.size() / static_cast<std::size_t>(logits[0]) / outputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t output = i / area % outputs;
    const bool size = output >= labels && output < labels + axes;
    if (!(values[i] >= 0) || (!size && values[i] > 1)) return false;
  }
  return true;
}

// Outputs that are decided each on its own: their targets may be -1, not known.
bool several_labels(Loss loss, const Shape& logits) {
  return loss == Loss::binary_cross_entropy && logits.size() == 2 && logits[1] > 1;
}

}  // namespace

bool takes_classes(Loss loss, const Shape& logits) {
  return loss == Loss::cross_entropy || (loss == Loss::focal && logits.size() == 2 && logits[1] > 1);
}

Status check_loss(const learn::TrainingOptions& options, const Shape& logits) {
  const std::vector<double>& weights = options.class_weights;
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 1))
    return Error{Code::invalid, "label_smoothing must be in [0, 1)"};
  if (!(options.focal_gamma >= 0 && options.focal_gamma <= 100))
    return Error{Code::invalid, "focal_gamma must be from 0 to 100"};
  if (options.label_smoothing > 0 && options.loss != Loss::binary_cross_entropy && options.loss != Loss::cross_entropy)
    return Error{Code::invalid, "label_smoothing goes with the cross-entropies only"};
  if (!std::all_of(weights.begin(), weights.end(), [](double w) { return std::isfinite(w) && w > 0; }))
    return Error{Code::invalid, "class weights must be positive"};
  switch (options.loss) {
    case Loss::binary_cross_entropy:
      if (!weights.empty() && weights.size() != 2 &&
          (logits.size() != 2 || weights.size() != 2 * static_cast<std::size_t>(logits[1])))
        return Error{Code::invalid, "binary cross-entropy takes two class weights, or two an output"};
      return {};
    case Loss::cross_entropy:
      if (logits.size() < 2 || logits[1] < 2)
        return Error{Code::invalid,
                     "cross-entropy needs logits [N, classes, ...], the network gives " + to_string(logits)};
      if (!weights.empty() && weights.size() != static_cast<std::size_t>(logits[1]))
        return Error{Code::invalid, "cross-entropy takes one weight a class"};
      return {};
    case Loss::focal: {
      if (logits.size() != 2) return Error{Code::invalid, "the focal loss needs logits [N, classes]"};
      const auto classes = static_cast<std::size_t>(logits[1] == 1 ? 2 : logits[1]);
      if (!weights.empty() && weights.size() != classes)
        return Error{Code::invalid, "the focal loss takes one weight a class"};
      return {};
    }
    case Loss::mean_squared_error:
      if (!weights.empty()) return Error{Code::invalid, "the squared error takes no class weights"};
      return {};
    case Loss::dice:
    case Loss::dice_cross_entropy:
      if (logits.size() < 3)
        return Error{Code::invalid,
                     "the Dice loss needs logits for each pixel, the network gives " + to_string(logits)};
      if (options.exclusive && logits[1] < 2) return Error{Code::invalid, "one output alone cannot exclude others"};
      if (!weights.empty()) return Error{Code::invalid, "the Dice loss takes no class weights"};
      return {};
    case Loss::centernet:
      if (logits.size() < 4 || map_count(logits) < 1)
        return Error{
            Code::invalid,
            "the loss centernet needs logits [N, labels + 2 * axes, cells...], the network gives " + to_string(logits)};
      if (!weights.empty()) return Error{Code::invalid, "the loss centernet takes no class weights"};
      return {};
  }
  return Error{Code::invalid, "unknown loss"};
}

Status check_targets(Loss loss, const Shape& logits, std::int64_t n, const Array& targets) {
  Shape full = logits;
  full[0] = n;
  const bool one_each = targets.shape == Shape{n};
  if (takes_classes(loss, logits) && targets.dtype != DType::f32) {
    if (targets.dtype != DType::i64 || !one_each)
      return Error{Code::invalid, "the loss needs int64 targets [" + std::to_string(n) + "], gets " +
                                      std::string{to_string(targets.dtype)} + " " + to_string(targets.shape)};
    const auto classes = targets.as<std::int64_t>();
    if (!std::all_of(classes.begin(), classes.end(), [&](std::int64_t c) { return c >= 0 && c < logits[1]; }))
      return Error{Code::invalid, "a target is no class from 0 to " + std::to_string(logits[1] - 1)};
    return {};
  }
  const bool single = learn::element_count(full).ok() && *learn::element_count(full) == n;
  if (targets.dtype != DType::f32 || !(targets.shape == full || (one_each && single && !takes_classes(loss, logits))))
    return Error{Code::invalid,
                 "the loss needs " +
                     (takes_classes(loss, logits) ? "int64 targets [" + std::to_string(n) + "] or " : "") +
                     "float32 targets " + to_string(full) + ", gets " + std::string{to_string(targets.dtype)} + " " +
                     to_string(targets.shape)};
  const auto values = targets.f32();
  if (!std::all_of(values.begin(), values.end(), [](float t) { return std::isfinite(t); }))
    return Error{Code::invalid, "a target is not finite"};
  if (loss == Loss::centernet) {
    if (!fit_centernet(full, values))
      return Error{Code::invalid, "a target of a map or a place is not between 0 and 1, or a size is below 0"};
    return {};
  }
  const bool gaps = several_labels(loss, logits);
  if (loss != Loss::mean_squared_error &&
      !std::all_of(values.begin(), values.end(), [gaps](float t) { return (t >= 0 && t <= 1) || (gaps && t == -1); }))
    return Error{Code::invalid, "a target is not between 0 and 1"};
  return {};
}

namespace {

// The weight of each sample, its target being a class or shares of classes; empty without class weights.
at::Tensor class_weight_of(const std::vector<double>& weights, const at::Tensor& shares) {
  return weights.empty() ? at::Tensor{} : shares.mul(weights_tensor(weights).to(shares.device())).sum(1);
}

at::Tensor weighted_mean(const at::Tensor& losses, const at::Tensor& weight) {
  return weight.defined() ? losses.mul(weight).sum().div(weight.sum()) : losses.mean();
}

at::Tensor binary_weight(const std::vector<double>& weights, const at::Tensor& target) {
  if (weights.empty()) return {};
  if (weights.size() > 2) {  // two an output
    const at::Tensor each = weights_tensor(weights).to(target.device()).view({-1, 2});
    return at::where(target.gt(0.5), each.select(1, 1).expand_as(target), each.select(1, 0).expand_as(target));
  }
  return at::where(target.gt(0.5), at::full_like(target, weights[1]), at::full_like(target, weights[0]));
}

at::Tensor focal(const learn::TrainingOptions& options, const at::Tensor& logits, const at::Tensor& target) {
  const std::vector<double>& weights = options.class_weights;
  if (logits.size(1) == 1) {
    const at::Tensor t = target.view(logits.sizes());
    const at::Tensor p = at::sigmoid(logits);
    const at::Tensor truth = p.mul(t).add(at::rsub(p, 1).mul(at::rsub(t, 1)));
    const at::Tensor losses = at::binary_cross_entropy_with_logits(logits, t, {}, {}, at::Reduction::None);
    return weighted_mean(losses.mul(at::rsub(truth, 1).pow(options.focal_gamma)), binary_weight(weights, t));
  }
  const at::Tensor shares = target.is_floating_point() ? target : at::one_hot(target, logits.size(1)).to(at::kFloat);
  const at::Tensor logs = at::log_softmax(logits, 1);
  const at::Tensor losses = at::rsub(logs.exp(), 1).pow(options.focal_gamma).mul(logs).mul(shares).sum(1).neg();
  return weighted_mean(losses, class_weight_of(weights, shares));
}

// monai.losses.DiceLoss; exclusive: with softmax=True and include_background=False.
at::Tensor dice(const at::Tensor& logits, const at::Tensor& target, bool exclusive) {
  constexpr double kSmooth = 1e-5;  // an empty mask that is found empty loses nothing
  const std::int64_t first = exclusive ? 1 : 0;
  const at::Tensor p = (exclusive ? at::softmax(logits, 1) : at::sigmoid(logits)).flatten(2).slice(1, first);
  const at::Tensor t = target.flatten(2).slice(1, first);
  const at::Tensor both = p.mul(t).sum(2).mul(2).add(kSmooth);
  return at::rsub(both.div(p.sum(2).add(t.sum(2)).add(kSmooth)), 1).mean();
}

// The losses of xingyizhou/CenterNet (models/losses.py: _neg_loss, RegL1Loss), without its clamp of the sigmoid.
at::Tensor centernet(const at::Tensor& logits, const at::Tensor& target) {
  constexpr double kSizes = 0.1;
  const std::int64_t axes = logits.dim() - 2, labels = logits.size(1) - 2 * axes;
  const at::Tensor x = logits.narrow(1, 0, labels), t = target.narrow(1, 0, labels);
  const at::Tensor p = at::sigmoid(x), centre = t.ge(1).to(at::kFloat);
  const at::Tensor found = at::log_sigmoid(x).mul(at::rsub(p, 1).pow(2)).mul(centre);
  const at::Tensor rest = at::log_sigmoid(x.neg()).mul(p.pow(2)).mul(at::rsub(t, 1).pow(4));
  const at::Tensor maps = found.add(rest).sum().neg().div(centre.sum().clamp_min(1));
  const at::Tensor here = centre.amax({1}, true);
  const at::Tensor count = here.sum().mul(static_cast<double>(axes)).clamp_min(1);
  const auto error = [&](std::int64_t from) {
    return logits.narrow(1, from, axes).sub(target.narrow(1, from, axes)).abs().mul(here).sum().div(count);
  };
  return maps.add(error(labels).mul(kSizes)).add(error(labels + axes));
}

}  // namespace

at::Tensor loss_of(const learn::TrainingOptions& options, const at::Tensor& raw_logits, const Array& targets) {
  const std::vector<double>& weights = options.class_weights;
  const at::Tensor logits = raw_logits.to(at::kFloat);
  const at::Tensor given = targets.dtype == DType::i64 ? at::from_blob(const_cast<std::byte*>(targets.data.data()),
                                                                       targets.shape, at::kLong)  // NOLINT
                                                       : view_of(targets);
  const at::Tensor target = given.to(logits.device());
  if (options.loss == Loss::focal) return focal(options, logits, target);
  if (options.loss == Loss::dice) return dice(logits, target, options.exclusive);
  if (options.loss == Loss::dice_cross_entropy) {
    const at::Tensor cross = options.exclusive
                                 ? at::cross_entropy_loss(logits, target, {}, at::Reduction::Mean, -100, 0.0)
                                 : at::binary_cross_entropy_with_logits(logits, target, {}, {}, at::Reduction::Mean);
    return dice(logits, target, options.exclusive).add(cross);
  }
  if (options.loss == Loss::cross_entropy) {
    const at::Tensor weight = weights.empty() ? at::Tensor{} : weights_tensor(weights).to(logits.device());
    return at::cross_entropy_loss(logits, target, weight, at::Reduction::Mean, -100, options.label_smoothing);
  }
  if (options.loss == Loss::centernet) return centernet(logits, target);
  const at::Tensor full = target.view(logits.sizes());
  if (options.loss == Loss::mean_squared_error) return at::mse_loss(logits, full);
  const double smooth = options.label_smoothing;
  const at::Tensor aim = smooth > 0 ? full.mul(1 - smooth).add(smooth / 2) : full;
  at::Tensor weight = binary_weight(weights, full);
  if (targets.dtype == DType::f32 && full.dim() == 2 && full.size(1) > 1) {
    const auto values = targets.f32();
    if (std::any_of(values.begin(), values.end(), [](float t) { return t < 0; })) {
      const at::Tensor known = full.ge(0).to(at::kFloat);
      weight = weight.defined() ? weight.mul(known) : known;
      if (weight.sum().item().toDouble() == 0) return logits.mul(0).sum();  // nothing of the batch is known
    }
  }
  return weighted_mean(at::binary_cross_entropy_with_logits(logits, aim, {}, {}, at::Reduction::None), weight);
}

}  // namespace aceso::learn_torch
