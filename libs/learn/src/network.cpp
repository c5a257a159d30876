#include "aceso/learn/network.hpp"

#include <array>

namespace aceso::learn {
namespace {

constexpr std::array<std::string_view, 13> kOps{"input",      "conv",  "max_pool", "avg_pool", "global_avg_pool",
                                                "batch_norm", "relu",  "sigmoid",  "softmax",  "add",
                                                "flatten",    "dense", "dropout"};

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
    const std::size_t arity = layer.op == Op::input ? 0 : layer.op == Op::add ? 2 : 1;
    if (layer.inputs.size() != arity)
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
      case Op::global_avg_pool:
        if (in(layer).size() < 3) return misfit(layer, "needs spatial dimensions, gets " + to_string(in(layer)));
        return Shape{in(layer)[0], in(layer)[1]};
      case Op::batch_norm:
        return batch_norm(layer);
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

  Result<Shape> window(const Layer& layer) {
    const Shape& from = in(layer);
    if (from.size() < 3) return misfit(layer, "needs spatial dimensions, gets " + to_string(from));
    const std::size_t dims = from.size() - 2;
    if (layer.kernel.size() != dims || layer.stride.size() != dims || layer.padding.size() != dims) {
      return misfit(layer, "needs " + std::to_string(dims) + " entries each of kernel, stride and padding");
    }
    Shape out{from[0], from[1]};
    if (layer.op == Op::conv) {
      if (layer.out <= 0 || layer.out > kMaxWidth)
        return misfit(layer, "bad number of outputs " + std::to_string(layer.out));
      out[1] = layer.out;
    }
    for (std::size_t d = 0; d < dims; ++d) {
      const std::int64_t k = layer.kernel[d];
      const std::int64_t p = layer.padding[d];
      if (k < 1 || k > 1024 || layer.stride[d] < 1 || layer.stride[d] > 1024 || p < 0 || p >= k)
        return misfit(layer, "bad kernel, stride or padding");
      if (layer.op == Op::avg_pool && p != 0) return misfit(layer, "avg_pool takes no padding");
      const std::int64_t room = from[d + 2] + 2 * p - k;
      if (room < 0)
        return misfit(layer, "the window of " + std::to_string(k) + " is larger than its input " + to_string(from));
      out.push_back(room / layer.stride[d] + 1);
    }
    if (layer.op == Op::conv) {
      Shape weight{layer.out, from[1]};
      weight.insert(weight.end(), layer.kernel.begin(), layer.kernel.end());
      if (const auto count = element_count(weight); !count) return misfit(layer, count.error().message());
      parameter(layer, "weight", std::move(weight));
      if (layer.bias) parameter(layer, "bias", {layer.out});
    }
    return out;
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

  static constexpr std::int64_t kMaxWidth = std::int64_t{1} << 24;
  const std::map<std::string, Shape>& inputs_;
  Shapes& shapes_;
};

}  // namespace

std::string_view to_string(Op op) noexcept {
  return kOps[static_cast<std::size_t>(op)];
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
