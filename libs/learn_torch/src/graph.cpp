#include "graph.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/add.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/convolution.h>
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

at::Tensor drop(const at::Tensor& x, double probability, std::uint64_t seed, std::size_t index) {
  if (probability <= 0) return x;
  const at::Generator generator = at::detail::createCPUGenerator(seed * 0x9E3779B97F4A7C15ULL + index);
  const double keep = 1.0 - probability;
  return x.mul(at::empty_like(x).bernoulli_(keep, generator).div_(keep));
}

at::Tensor convolve(const Layer& layer, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool transposed = layer.op == Op::conv_transpose;
  return at::convolution(x, weight, bias, plane(layer.stride, 1), plane(layer.padding, 0),
                         plane_or(layer, layer.dilation, 1), transposed, plane_or(layer, layer.output_padding, 0),
                         layer.groups);
}

at::Tensor pool(const Layer& layer, const at::Tensor& x) {
  const auto kernel = plane(layer.kernel, 1), stride = plane(layer.stride, 1), padding = plane(layer.padding, 0);
  if (layer.op == Op::max_pool)
    return x.dim() == 5 ? at::max_pool3d(x, kernel, stride, padding) : at::max_pool2d(x, kernel, stride, padding);
  return x.dim() == 5 ? at::avg_pool3d(x, kernel, stride, padding) : at::avg_pool2d(x, kernel, stride, padding);
}

at::Tensor upsample(const Layer& layer, const at::Tensor& x) {
  const auto scale = plane(layer.scale, 1);
  std::vector<std::int64_t> size;
  for (std::size_t d = 0; d < scale.size(); ++d) size.push_back(x.size(static_cast<std::int64_t>(d) + 2) * scale[d]);
  if (x.dim() == 5) return layer.linear ? at::upsample_trilinear3d(x, size, false) : at::upsample_nearest3d(x, size);
  return layer.linear ? at::upsample_bilinear2d(x, size, false) : at::upsample_nearest2d(x, size);
}

// Operations whose gradient does not need their result, so that relu may overwrite it.
bool may_be_overwritten(Op op) {
  return op == Op::conv || op == Op::conv_transpose || op == Op::batch_norm || op == Op::add || op == Op::concat ||
         op == Op::dense;
}

}  // namespace

Graph::Graph(const learn::Network& network, Checked checked, const learn::Weights& weights,
             const std::map<std::string, double>& rate_factors)
    : checked_{std::move(checked)}, logits_{network.logits}, output_{network.output} {
  for (const Layer& layer : network.layers) {
    Step step;
    step.layer = layer;
    for (const std::string& name : layer.inputs) step.inputs.push_back(index_.at(name));
    const auto parameter = [&](const char* part, bool trained) {
      const std::string name = layer.name + part;
      if (!checked_.parameters.contains(name)) return at::Tensor{};
      const auto factor = rate_factors.find(name);
      const double rate = factor == rate_factors.end() ? 1.0 : factor->second;
      return add_parameter(name, weights, trained && rate > 0, rate);
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

at::Tensor Graph::add_parameter(const std::string& name, const learn::Weights& weights, bool trained, double rate) {
  const learn::Array& array = weights.find(name)->second;
  at::Tensor tensor = as_plane(view_of(array)).clone();
  tensor.requires_grad_(trained);
  parameters_.push_back({name, tensor, array.shape, trained, rate});
  return tensor;
}

void Graph::plan() {
  std::vector<std::size_t> readers(steps_.size(), 0);
  std::vector<std::size_t> last(steps_.size(), 0);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (const std::size_t from : steps_[i].inputs) {
      ++readers[from];
      last[from] = i;
    }
  }
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
    values[i] = evaluate(steps_[i], i, values, batch, pass);
    for (const std::size_t done : steps_[i].releases) values[done] = at::Tensor{};
  }
  at::Tensor result = std::move(values[end]);
  return checked_.outputs.at(until).size() == 3 ? result.squeeze(2) : result;
}

at::Tensor Graph::evaluate(const Step& step, std::size_t index, const std::vector<at::Tensor>& values,
                           const learn::NamedArrays& batch, const Pass& pass) const {
  const Layer& layer = step.layer;
  const at::Tensor x = step.inputs.empty() ? at::Tensor{} : values[step.inputs[0]];
  switch (layer.op) {
    case Op::input:
      return as_plane(pass.leaves != nullptr ? pass.leaves->at(layer.name) : view_of(batch.find(layer.name)->second));
    case Op::conv:
    case Op::conv_transpose:
      return convolve(layer, x, step.weight, step.bias);
    case Op::max_pool:
    case Op::avg_pool:
      return pool(layer, x);
    case Op::global_avg_pool:
      return x.dim() == 5 ? x.mean({2, 3, 4}) : x.mean({2, 3});
    case Op::upsample:
      return upsample(layer, x);
    case Op::batch_norm:
      return at::batch_norm(x, step.weight, step.bias, step.mean, step.var, pass.training && !step.frozen,
                            layer.momentum, layer.epsilon, false);
    case Op::instance_norm:
      return at::instance_norm(x, step.weight, step.bias, {}, {}, true, layer.momentum, layer.epsilon, false);
    case Op::group_norm:
      return at::group_norm(x, layer.groups, step.weight, step.bias, layer.epsilon, false);
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
      return x.flatten(1);
    case Op::dense:
      return at::linear(x, step.weight, step.bias);
    case Op::dropout:
      return pass.training ? drop(x, layer.probability, pass.dropout, index) : x;
  }
  assert(false);
  return x;
}

void Graph::set_weights(const learn::Weights& weights) {
  for (Parameter& parameter : parameters_) {
    parameter.tensor.detach().copy_(as_plane(view_of(weights.find(parameter.name)->second)));
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
