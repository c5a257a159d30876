#include "graph.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/add.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/conv_transpose3d.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/prelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/upsample_nearest3d.h>
#include <ATen/ops/upsample_trilinear3d.h>

#include <algorithm>
#include <cassert>

#include "fused.hpp"
#include "repeatable.hpp"

namespace aceso::learn_torch {

using learn::Layer;
using learn::Op;
using learn::Shape;

namespace {

// A window over time is one over a height of 1.
std::vector<std::int64_t> plane(const std::vector<std::int64_t>& sizes, std::int64_t first) {
  return sizes.size() == 1 ? std::vector<std::int64_t>{first, sizes[0]} : sizes;
}

// The same with one entry a dimension of the running tensor where the layer left them to a default.
std::vector<std::int64_t> plane_or(const Layer& layer, const std::vector<std::int64_t>& sizes, std::int64_t fallback) {
  return plane(sizes.empty() ? std::vector<std::int64_t>(layer.kernel.size(), fallback) : sizes, fallback);
}

// [N, C, T] becomes [N, C, 1, T]; planes are laid out channels last. Anything else stays as it is.
at::Tensor as_plane(const at::Tensor& x) {
  if (x.dim() == 3) return x.unsqueeze(2).contiguous(at::MemoryFormat::ChannelsLast);
  return x.dim() == 4 ? x.contiguous(at::MemoryFormat::ChannelsLast) : x;
}

// Planes, channels last, as rows without a copy.
at::Tensor as_rows(const at::Tensor& x) {
  return x.dim() == 4 ? x.permute({0, 2, 3, 1}).reshape({x.size(0), -1}) : x;
}

bool is_lowered() {
  return at::autocast::is_autocast_enabled(at::kCPU);
}

// Our own operations take float32 on the CPU; in place of bfloat16 ones only where they are faster.
bool takes_fused(const at::Tensor& x) {
  return x.is_cpu() && (is_lowered() ? fuses_bf16() : x.scalar_type() == at::kFloat);
}

// A generator of its own for each mask, so that a mask depends on the key alone.
at::Generator generator_of(std::uint64_t key, at::Device device) {
  if (!device.is_cuda()) return at::detail::createCPUGenerator(key);
  at::Generator generator = at::detail::getCUDAHooks().getNewGenerator(device.index());
  generator.set_current_seed(key);
  return generator;
}

at::Tensor drop(const at::Tensor& x, double probability, std::uint64_t seed, std::size_t index) {
  if (probability <= 0) return x;
  const at::Generator generator = generator_of(seed * 0x9E3779B97F4A7C15ULL + index, x.device());
  const double keep = 1.0 - probability;
  return x.mul(at::empty_like(x).bernoulli_(keep, generator).div_(keep));
}

at::Tensor convolve(const Layer& layer, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  // By the names that autocast knows: at::convolution would stay in float32.
  const auto stride = plane(layer.stride, 1), padding = plane(layer.padding, 0),
             dilation = plane_or(layer, layer.dilation, 1);
  if (layer.op == Op::conv) {
    return x.dim() == 5 ? at::conv3d(x, weight, bias, stride, padding, dilation, layer.groups)
                        : at::conv2d(x, weight, bias, stride, padding, dilation, layer.groups);
  }
  const auto behind = plane_or(layer, layer.output_padding, 0);
  return x.dim() == 5 ? at::conv_transpose3d(x, weight, bias, stride, padding, behind, layer.groups, dilation)
                      : at::conv_transpose2d(x, weight, bias, stride, padding, behind, layer.groups, dilation);
}

at::Tensor pool(const Layer& layer, const at::Tensor& x) {
  const auto kernel = plane(layer.kernel, 1), stride = plane(layer.stride, 1), padding = plane(layer.padding, 0);
  if (x.dim() == 5 && x.is_cuda()) return pool_volume(x, layer.op == Op::max_pool, kernel, stride, padding);
  if (layer.op == Op::max_pool)
    return x.dim() == 5 ? at::max_pool3d(x, kernel, stride, padding) : at::max_pool2d(x, kernel, stride, padding);
  return x.dim() == 5 ? at::avg_pool3d(x, kernel, stride, padding) : at::avg_pool2d(x, kernel, stride, padding);
}

at::Tensor upsample(const Layer& layer, const at::Tensor& x) {
  const auto scale = plane(layer.scale, 1);
  std::vector<std::int64_t> size;
  for (std::size_t d = 0; d < scale.size(); ++d) size.push_back(x.size(static_cast<std::int64_t>(d) + 2) * scale[d]);
  if (layer.linear && x.is_cuda() && x.requires_grad()) return upsample_linear(x, size);
  if (x.dim() == 5) return layer.linear ? at::upsample_trilinear3d(x, size, false) : at::upsample_nearest3d(x, size);
  return layer.linear ? at::upsample_bilinear2d(x, size, false) : at::upsample_nearest2d(x, size);
}

// Operations whose gradient does not need their result, so that relu may overwrite it.
bool may_be_overwritten(Op op) {
  return op == Op::conv || op == Op::conv_transpose || op == Op::batch_norm || op == Op::add || op == Op::concat ||
         op == Op::dense;
}

// What conv_relu_pool() computes.
bool is_plain_3x3(const Layer& conv) {
  const auto all = [](const std::vector<std::int64_t>& sizes, std::int64_t value) {
    return std::all_of(sizes.begin(), sizes.end(), [=](std::int64_t s) { return s == value; });
  };
  return conv.op == Op::conv && conv.kernel.size() == 2 && all(conv.kernel, 3) && all(conv.stride, 1) &&
         all(conv.padding, 0) && all(conv.dilation, 1) && conv.groups == 1 && fuses(conv.out);
}

bool is_plain_halving(const Layer& pool) {
  const std::vector<std::int64_t> two{2, 2}, none{0, 0};
  return pool.op == Op::max_pool && pool.kernel == two && pool.stride == two && pool.padding == none;
}

}  // namespace

Graph::Graph(const learn::Network& network, Checked checked, const learn::Weights& weights, at::Device device,
             const std::map<std::string, double>& rate_factors)
    : checked_{std::move(checked)}, device_{device}, logits_{network.logits}, output_{network.output} {
  for (const Layer& layer : network.layers) {
    Step step;
    step.layer = layer;
    for (const std::string& name : layer.inputs) step.inputs.push_back(index_.at(name));
    const auto parameter = [&](const char* part, bool trained) {
      const std::string name = layer.name + part;
      if (!checked_.parameters.contains(name)) return at::Tensor{};
      const auto factor = rate_factors.find(name);
      const double rate = factor == rate_factors.end() ? 1.0 : factor->second;
      return add_parameter(name, weights, trained && rate > 0, rate, planes_into(step));
    };
    step.weight = parameter(".weight", true);
    step.bias = parameter(".bias", true);
    step.mean = parameter(".running_mean", false);
    step.var = parameter(".running_var", false);
    step.frozen = step.mean.defined() && !step.weight.requires_grad();
    index_.emplace(layer.name, steps_.size());
    steps_.push_back(std::move(step));
  }
  plan();
}

// What a dense layer reads through a flattening that it alone reads, [C, H, W]; else empty. Its weights are then kept
// in the order in which the planes lie in memory, so that nothing is copied.
learn::Shape Graph::planes_into(const Step& dense) const {
  if (dense.layer.op != Op::dense) return {};
  const Layer& flatten = steps_[dense.inputs[0]].layer;
  if (flatten.op != Op::flatten) return {};
  const Shape& planes = checked_.outputs.at(flatten.inputs[0]);
  return planes.size() == 4 ? Shape{planes.begin() + 1, planes.end()} : Shape{};
}

at::Tensor Graph::add_parameter(const std::string& name, const learn::Weights& weights, bool trained, double rate,
                                const learn::Shape& planes) {
  const learn::Array& array = weights.find(name)->second;
  at::Tensor given = view_of(array);
  if (!planes.empty() && array.shape.size() == 2) given = given.view({array.shape[0], planes[0], planes[1], planes[2]});
  at::Tensor tensor = as_plane(given).to(device_, at::kFloat, false, true);
  tensor.requires_grad_(trained);
  parameters_.push_back({name, tensor, array.shape, trained, rate});
  return tensor;
}

// Convolution, ReLU and pooling that nothing else reads become one operation, in the pooling's place.
void Graph::fuse(const std::vector<std::size_t>& readers) {
  const auto hidden = [&](std::size_t i) {
    return readers[i] == 1 && steps_[i].layer.name != logits_ && steps_[i].layer.name != output_;
  };
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (!is_plain_halving(steps_[i].layer)) continue;
    const std::size_t relu = steps_[i].inputs[0];
    if (steps_[relu].layer.op != Op::relu || !hidden(relu)) continue;
    const std::size_t conv = steps_[relu].inputs[0];
    if (!is_plain_3x3(steps_[conv].layer) || !hidden(conv)) continue;
    steps_[i].fused = conv;
    steps_[conv].part_of = steps_[relu].part_of = i;
  }
  for (const Step& step : steps_) {
    if (!planes_into(step).empty() && hidden(step.inputs[0])) steps_[step.inputs[0]].passes_planes = true;
  }
}

void Graph::plan() {
  std::vector<std::size_t> readers(steps_.size(), 0);
  std::vector<std::size_t> last(steps_.size(), 0);
  for (const Step& step : steps_)
    for (const std::size_t from : step.inputs) ++readers[from];
  fuse(readers);
  for (std::size_t i = 0; i < steps_.size(); ++i)
    for (const std::size_t from : steps_[i].inputs) last[from] = std::max(last[from], std::max(i, steps_[i].part_of));
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    const bool kept = step.layer.name == logits_ || step.layer.name == output_;
    if (readers[i] > 0 && !kept) steps_[last[i]].releases.push_back(i);
    if (step.layer.op != Op::relu) continue;
    const std::size_t from = step.inputs[0];
    const Layer& source = steps_[from].layer;
    step.in_place =
        readers[from] == 1 && may_be_overwritten(source.op) && source.name != logits_ && source.name != output_;
  }
}

at::Tensor Graph::run(const learn::NamedArrays& batch, const std::string& until, const Pass& pass) const {
  std::vector<at::Tensor> values(steps_.size());
  const std::size_t end = index_.at(until);
  for (std::size_t i = 0; i <= end; ++i) {
    const std::size_t whole = steps_[i].part_of;
    if (whole == 0 || whole > end) values[i] = evaluate(steps_[i], i, values, batch, pass, i == end);
    for (const std::size_t done : steps_[i].releases) values[done] = at::Tensor{};
  }
  at::Tensor result = std::move(values[end]);
  return checked_.outputs.at(until).size() == 3 ? result.squeeze(2) : result;
}

at::Tensor Graph::evaluate(const Step& step, std::size_t index, const std::vector<at::Tensor>& values,
                           const learn::NamedArrays& batch, const Pass& pass, bool last) const {
  const Layer& layer = step.layer;
  const at::Tensor x = step.inputs.empty() ? at::Tensor{} : values[step.inputs[0]];
  switch (layer.op) {
    case Op::input:
      return as_plane(
          (pass.leaves != nullptr ? pass.leaves->at(layer.name) : view_of(batch.find(layer.name)->second)).to(device_));
    case Op::conv:
    case Op::conv_transpose:
      return convolve(layer, x, step.weight, step.bias);
    case Op::max_pool:
    case Op::avg_pool: {
      if (step.fused == 0) return pool(layer, x);
      const Step& conv = steps_[step.fused];
      const at::Tensor& from = values[conv.inputs[0]];
      if (takes_fused(from)) return conv_relu_pool(from.to(at::kFloat), conv.weight, conv.bias, is_lowered());
      return pool(layer, convolve(conv.layer, from, conv.weight, conv.bias).relu_());
    }
    case Op::global_avg_pool:
      return x.dim() == 5 ? x.mean({2, 3, 4}) : x.mean({2, 3});
    case Op::upsample:
      return upsample(layer, x);
    case Op::batch_norm:
      return at::batch_norm(x, step.weight, step.bias, step.mean, step.var, pass.training && !step.frozen,
                            layer.momentum, layer.epsilon, x.is_cuda());
    case Op::instance_norm:
      return at::instance_norm(x, step.weight, step.bias, {}, {}, true, layer.momentum, layer.epsilon, x.is_cuda());
    case Op::group_norm:
      return at::group_norm(x, layer.groups, step.weight, step.bias, layer.epsilon, x.is_cuda());
    case Op::leaky_relu:
      return at::leaky_relu(x, layer.slope);
    case Op::prelu:
      return at::prelu(x, step.weight);
    case Op::relu:
      if (!step.in_place) return at::relu(x);
      return x.relu_();
    case Op::sigmoid:
      return at::sigmoid(x);
    case Op::softmax:
      return at::softmax(x, 1);
    case Op::add:
      return at::add(x, values[step.inputs[1]]);
    case Op::concat: {
      std::vector<at::Tensor> parts;
      for (const std::size_t from : step.inputs) parts.push_back(values[from]);
      return at::cat(parts, 1);
    }
    case Op::flatten:
      return step.passes_planes && !last ? x : x.flatten(1);
    case Op::dense: {
      const at::Tensor flat = as_rows(x), weight = x.dim() == 4 ? as_rows(step.weight) : step.weight.flatten(1);
      if (takes_fused(flat) && is_wide(flat.size(1), layer.out))
        return wide_dense(flat.to(at::kFloat), weight, step.bias);
      return at::linear(flat, weight, step.bias);
    }
    case Op::dropout:
      return pass.training ? drop(x, layer.probability, pass.dropout, index) : x;
  }
  assert(false);
  return x;
}

void Graph::set_weights(const learn::Weights& weights) {
  for (Parameter& parameter : parameters_) {
    parameter.tensor.detach().copy_(view_of(weights.find(parameter.name)->second).view(parameter.tensor.sizes()));
  }
}

learn::Weights Graph::weights() const {
  learn::Weights weights;
  for (const Parameter& parameter : parameters_) {
    weights.emplace(parameter.name, to_array(parameter.tensor, parameter.shape));
  }
  return weights;
}

}  // namespace aceso::learn_torch
