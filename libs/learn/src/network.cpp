#include "aceso/learn/network.hpp"

#include <algorithm>
#include <array>

namespace aceso::learn {
namespace {

constexpr std::array<std::string_view, 20> kOpNames{
    "input",      "conv",          "conv_transpose", "max_pool", "avg_pool",   "global_avg_pool", "upsample",
    "batch_norm", "instance_norm", "group_norm",     "relu",     "leaky_relu", "prelu",           "sigmoid",
    "softmax",    "add",           "concat",         "flatten",  "dense",      "dropout"};

Error misfit(const Layer& layer, const std::string& why) {
  return {Code::invalid, "layer \"" + layer.name + "\" (" + std::string{to_string(layer.op)} + "): " + why};
}

// Works out one layer's output from its inputs and notes its parameters.
class Inference {
 public:
  Inference(const std::map<std::string, Shape>& inputs, Shapes& shapes) : inputs_{inputs}, shapes_{shapes} {}

  Status visit(const Layer& layer) {
    if (layer.name.empty()) return Error{Code::invalid, "a layer without a name"};
    if (shapes_.outputs.contains(layer.name)) return misfit(layer, "the name is used twice");
    const std::size_t arity = layer.op == Op::input ? 0 : layer.op == Op::add || layer.op == Op::concat ? 2 : 1;
    const bool more = layer.op == Op::concat && layer.inputs.size() > arity && layer.inputs.size() <= kMaxJoined;
    if (layer.inputs.size() != arity && !more)
      return misfit(layer, "takes " + std::to_string(arity) + " inputs, has " + std::to_string(layer.inputs.size()));
    for (const auto& name : layer.inputs) {
      if (!shapes_.outputs.contains(name)) return misfit(layer, "its input \"" + name + "\" is no earlier layer");
    }
    ACESO_TRY(Shape out, output(layer));
    shapes_.outputs.emplace(layer.name, std::move(out));
    return {};
  }

 private:
  const Shape& in(const Layer& layer, std::size_t i = 0) const { return shapes_.outputs.at(layer.inputs[i]); }
  void parameter(const Layer& layer, const char* name, Shape shape) {
    shapes_.parameters.emplace(layer.name + "." + name, std::move(shape));
  }

  Result<Shape> output(const Layer& layer) {
    switch (layer.op) {
      case Op::input:
        return input(layer);
      case Op::conv:
      case Op::max_pool:
      case Op::avg_pool:
        return window(layer);
      case Op::conv_transpose:
        return conv_transpose(layer);
      case Op::upsample:
        return upsample(layer);
      case Op::global_avg_pool:
        if (in(layer).size() < 3) return misfit(layer, "needs spatial dimensions, gets " + to_string(in(layer)));
        return Shape{in(layer)[0], in(layer)[1]};
      case Op::batch_norm:
        return batch_norm(layer);
      case Op::instance_norm:
      case Op::group_norm:
        return sample_norm(layer);
      case Op::prelu:
        return prelu(layer);
      case Op::leaky_relu:
        if (!(layer.slope >= 0 && layer.slope <= 1)) return misfit(layer, "slope must be in [0, 1]");
        return in(layer);
      case Op::relu:
      case Op::sigmoid:
        return in(layer);
      case Op::softmax:
        if (in(layer).size() < 2) return misfit(layer, "needs a dimension 1, gets " + to_string(in(layer)));
        return in(layer);
      case Op::dropout:
        if (!(layer.probability >= 0 && layer.probability < 1)) return misfit(layer, "probability must be in [0, 1)");
        return in(layer);
      case Op::add:
        if (in(layer, 0) != in(layer, 1))
          return misfit(layer, "adds " + to_string(in(layer, 0)) + " and " + to_string(in(layer, 1)));
        return in(layer);
      case Op::concat:
        return concat(layer);
      case Op::flatten:
        return flatten(layer);
      case Op::dense:
        return dense(layer);
    }
    return misfit(layer, "unknown operation");
  }

  Result<Shape> input(const Layer& layer) const {
    const auto found = inputs_.find(layer.name);
    if (found == inputs_.end()) return misfit(layer, "no shape is given for it");
    const Shape& shape = found->second;
    if (shape.size() < 2 || shape.size() > 5)
      return misfit(layer, "needs 2 to 5 dimensions with the batch first, gets " + to_string(shape));
    if (shape[0] < -1) return misfit(layer, "bad batch dimension in " + to_string(shape));
    const Shape sample{shape.begin() + 1, shape.end()};
    const auto count = element_count(sample);
    if (!count || *count == 0) return misfit(layer, "bad shape " + to_string(shape));
    return shape;
  }

  // Kernel, stride, padding, dilation, groups and the number of outputs of a window, whatever its direction.
  Status check_window(const Layer& layer) const {
    const Shape& from = in(layer);
    if (from.size() < 3) return misfit(layer, "needs spatial dimensions, gets " + to_string(from));
    const std::size_t dims = from.size() - 2;
    if (layer.kernel.size() != dims || layer.stride.size() != dims || layer.padding.size() != dims)
      return misfit(layer, "needs " + std::to_string(dims) + " entries each of kernel, stride and padding");
    const bool pool = layer.op == Op::max_pool || layer.op == Op::avg_pool;
    for (const auto* entries : {&layer.dilation, &layer.output_padding}) {
      if (!entries->empty() && (entries->size() != dims || pool))
        return misfit(layer, "takes no such dilation or output padding");
    }
    if (layer.op == Op::conv && !layer.output_padding.empty()) return misfit(layer, "takes no output padding");
    for (std::size_t d = 0; d < dims; ++d) {
      const std::int64_t k = layer.kernel[d], p = layer.padding[d], apart = at(layer.dilation, d, 1);
      const bool bad_padding = p < 0 || (pool ? p > k / 2 : p > kMaxWindow);
      if (k < 1 || k > kMaxWindow || layer.stride[d] < 1 || layer.stride[d] > kMaxWindow || bad_padding || apart < 1 ||
          apart > kMaxWindow)
        return misfit(layer, "bad kernel, stride, padding or dilation");
    }
    if (pool) return {};
    if (layer.out <= 0 || layer.out > kMaxWidth)
      return misfit(layer, "bad number of outputs " + std::to_string(layer.out));
    if (layer.groups < 1 || from[1] % layer.groups != 0 || layer.out % layer.groups != 0) {
      return misfit(layer, std::to_string(layer.groups) + " groups do not divide " + std::to_string(from[1]) +
                               " inputs and " + std::to_string(layer.out) + " outputs");
    }
    return {};
  }

  Status convolution_parameters(const Layer& layer, Shape weight) {
    weight.insert(weight.end(), layer.kernel.begin(), layer.kernel.end());
    if (const auto count = element_count(weight); !count) return misfit(layer, count.error().message());
    parameter(layer, "weight", std::move(weight));
    if (layer.bias) parameter(layer, "bias", {layer.out});
    return {};
  }

  Result<Shape> window(const Layer& layer) {
    ACESO_TRY_OK(check_window(layer));
    const Shape& from = in(layer);
    Shape out{from[0], layer.op == Op::conv ? layer.out : from[1]};
    for (std::size_t d = 0; d < layer.kernel.size(); ++d) {
      const std::int64_t reach = at(layer.dilation, d, 1) * (layer.kernel[d] - 1) + 1;
      const std::int64_t room = from[d + 2] + 2 * layer.padding[d] - reach;
      if (room < 0)
        return misfit(layer, "the window of " + std::to_string(reach) + " is larger than its input " + to_string(from));
      out.push_back(room / layer.stride[d] + 1);
    }
    if (layer.op == Op::conv) ACESO_TRY_OK(convolution_parameters(layer, {layer.out, from[1] / layer.groups}));
    return out;
  }

  Result<Shape> conv_transpose(const Layer& layer) {
    ACESO_TRY_OK(check_window(layer));
    const Shape& from = in(layer);
    Shape out{from[0], layer.out};
    for (std::size_t d = 0; d < layer.kernel.size(); ++d) {
      const std::int64_t more = at(layer.output_padding, d, 0), apart = at(layer.dilation, d, 1);
      if (more < 0 || more >= std::max(layer.stride[d], apart))
        return misfit(layer, "output padding must be below stride or dilation");
      const std::int64_t size =
          (from[d + 2] - 1) * layer.stride[d] - 2 * layer.padding[d] + apart * (layer.kernel[d] - 1) + more + 1;
      if (size < 1) return misfit(layer, "the padding leaves nothing of its input " + to_string(from));
      out.push_back(size);
    }
    ACESO_TRY_OK(check_size(layer, out));
    ACESO_TRY_OK(convolution_parameters(layer, {from[1], layer.out / layer.groups}));
    return out;
  }

  Result<Shape> upsample(const Layer& layer) const {
    Shape out = in(layer);
    if (out.size() < 3 || layer.scale.size() != out.size() - 2)
      return misfit(layer, "needs a scale for each spatial dimension of " + to_string(out));
    for (std::size_t d = 0; d < layer.scale.size(); ++d) {
      if (layer.scale[d] < 1 || layer.scale[d] > 64) return misfit(layer, "scales are whole numbers from 1 to 64");
      out[d + 2] *= layer.scale[d];
    }
    ACESO_TRY_OK(check_size(layer, out));
    return out;
  }

  // Growing layers must not reach sizes that nothing can hold.
  static Status check_size(const Layer& layer, const Shape& out) {
    if (const auto count = element_count({out.begin() + 1, out.end()}); !count)
      return misfit(layer, count.error().message());
    return {};
  }

  Result<Shape> concat(const Layer& layer) const {
    Shape out = in(layer);
    if (out.size() < 2) return misfit(layer, "needs a dimension 1, gets " + to_string(out));
    for (std::size_t i = 1; i < layer.inputs.size(); ++i) {
      Shape other = in(layer, i);
      const std::int64_t channels = other.size() == out.size() ? other[1] : 0;
      if (other.size() == out.size()) other[1] = out[1];
      if (other != out) return misfit(layer, "joins " + to_string(out) + " and " + to_string(in(layer, i)));
      out[1] += channels;
      if (out[1] > kMaxWidth) return misfit(layer, "too many channels");
    }
    return out;
  }

  Result<Shape> sample_norm(const Layer& layer) {
    const Shape& from = in(layer);
    if (from.size() < 3) return misfit(layer, "needs spatial dimensions, gets " + to_string(from));
    if (!(layer.epsilon > 0)) return misfit(layer, "bad epsilon");
    if (layer.op == Op::group_norm && (layer.groups < 1 || from[1] % layer.groups != 0))
      return misfit(layer, std::to_string(layer.groups) + " groups do not divide " + to_string(from));
    if (layer.affine) {
      parameter(layer, "weight", {from[1]});
      parameter(layer, "bias", {from[1]});
    }
    return from;
  }

  Result<Shape> prelu(const Layer& layer) {
    const Shape& from = in(layer);
    if (from.size() < 2 || (layer.out != 1 && layer.out != from[1]))
      return misfit(layer, "needs one slope or one a channel of " + to_string(from));
    parameter(layer, "weight", {layer.out});
    return from;
  }

  Result<Shape> batch_norm(const Layer& layer) {
    if (in(layer).size() < 2) return misfit(layer, "needs a channel dimension, gets " + to_string(in(layer)));
    if (!(layer.epsilon > 0) || !(layer.momentum >= 0 && layer.momentum <= 1))
      return misfit(layer, "bad epsilon or momentum");
    for (const char* name : {"weight", "bias", "running_mean", "running_var"}) parameter(layer, name, {in(layer)[1]});
    return in(layer);
  }

  Result<Shape> flatten(const Layer& layer) const {
    const Shape sample{in(layer).begin() + 1, in(layer).end()};
    const auto count = element_count(sample);
    if (!count) return misfit(layer, count.error().message());
    return Shape{in(layer)[0], *count};
  }

  Result<Shape> dense(const Layer& layer) {
    const Shape& from = in(layer);
    if (from.size() != 2) return misfit(layer, "needs [N, features], gets " + to_string(from) + ": flatten first");
    if (layer.out <= 0 || layer.out > kMaxWidth)
      return misfit(layer, "bad number of outputs " + std::to_string(layer.out));
    const Shape weight{layer.out, from[1]};
    if (const auto count = element_count(weight); !count) return misfit(layer, count.error().message());
    parameter(layer, "weight", weight);
    if (layer.bias) parameter(layer, "bias", {layer.out});
    return Shape{from[0], layer.out};
  }

  static std::int64_t at(const std::vector<std::int64_t>& entries, std::size_t d, std::int64_t fallback) {
    return entries.empty() ? fallback : entries[d];
  }

  static constexpr std::int64_t kMaxWidth = std::int64_t{1} << 24;
  static constexpr std::int64_t kMaxWindow = 1024;
  static constexpr std::size_t kMaxJoined = 512;
  const std::map<std::string, Shape>& inputs_;
  Shapes& shapes_;
};

}  // namespace

std::string_view to_string(Op op) noexcept {
  return kOpNames[static_cast<std::size_t>(op)];
}

std::string_view to_string(Task task) noexcept {
  constexpr std::array<std::string_view, 5> kTasks{"classes", "multi_label", "regression", "outlines", "boxes"};
  return kTasks[static_cast<std::size_t>(task)];
}

Result<Shapes> infer_shapes(const Network& network, const std::map<std::string, Shape>& inputs) {
  Shapes shapes;
  Inference inference{inputs, shapes};
  for (const Layer& layer : network.layers) ACESO_TRY_OK(inference.visit(layer));
  for (const std::string& name : {network.logits, network.output}) {
    if (!shapes.outputs.contains(name))
      return Error{Code::invalid, "the network names \"" + name + "\" as logits or output, but has no such layer"};
  }
  return shapes;
}

}  // namespace aceso::learn
