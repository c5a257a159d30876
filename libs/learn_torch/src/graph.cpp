#include "graph.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/add.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>

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

// Operations whose gradient does not need their result, so that relu may overwrite it.
bool may_be_overwritten(Op op) {
  return op == Op::conv || op == Op::batch_norm || op == Op::add || op == Op::dense;
}

}  // namespace

Graph::Graph(const learn::Network& network, Checked checked, const learn::Weights& weights)
    : checked_{std::move(checked)}, logits_{network.logits}, output_{network.output} {
  for (const Layer& layer : network.layers) {
    Step step;
    step.layer = layer;
    for (const std::string& name : layer.inputs) step.inputs.push_back(index_.at(name));
    if (layer.op == Op::conv || layer.op == Op::dense || layer.op == Op::batch_norm) {
      step.weight = add_parameter(layer.name + ".weight", weights, true);
      if (layer.bias || layer.op == Op::batch_norm) step.bias = add_parameter(layer.name + ".bias", weights, true);
    }
    if (layer.op == Op::batch_norm) {
      step.mean = add_parameter(layer.name + ".running_mean", weights, false);
      step.var = add_parameter(layer.name + ".running_var", weights, false);
    }
    index_.emplace(layer.name, steps_.size());
    steps_.push_back(std::move(step));
  }
  plan();
}

at::Tensor Graph::add_parameter(const std::string& name, const learn::Weights& weights, bool trained) {
  const learn::Array& array = weights.find(name)->second;
  at::Tensor tensor = as_plane(view_of(array)).clone();
  tensor.requires_grad_(trained);
  parameters_.push_back({name, tensor, array.shape, trained});
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
      return as_plane(view_of(batch.find(layer.name)->second));
    case Op::conv:
      return at::conv2d(x, step.weight, step.bias, plane(layer.stride, 1), plane(layer.padding, 0));
    case Op::max_pool:
      return at::max_pool2d(x, plane(layer.kernel, 1), plane(layer.stride, 1), plane(layer.padding, 0));
    case Op::avg_pool:
      return at::avg_pool2d(x, plane(layer.kernel, 1), plane(layer.stride, 1), plane(layer.padding, 0));
    case Op::global_avg_pool:
      return at::adaptive_avg_pool2d(x, {1, 1}).flatten(1);
    case Op::batch_norm:
      return at::batch_norm(x, step.weight, step.bias, step.mean, step.var, pass.training, layer.momentum,
                            layer.epsilon, false);
    case Op::relu:
      if (!step.in_place) return at::relu(x);
      return x.relu_();
    case Op::sigmoid:
      return at::sigmoid(x);
    case Op::softmax:
      return at::softmax(x, 1);
    case Op::add:
      return at::add(x, values[step.inputs[1]]);
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
