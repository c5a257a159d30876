#include "graph.hpp"

#include <openvino/op/add.hpp>
#include <openvino/op/avg_pool.hpp>
#include <openvino/op/batch_norm.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/max_pool.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/reduce_mean.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/sigmoid.hpp>
#include <openvino/op/softmax.hpp>

#include <cassert>
#include <cmath>

namespace aceso::learn_openvino {

using learn::Layer;
using learn::Op;
using learn::Shape;
using learn::to_string;

namespace {

using Value = ov::Output<ov::Node>;

template <class T, class... Arguments>
Value make(Arguments&&... arguments) {
  return std::make_shared<T>(std::forward<Arguments>(arguments)...)->output(0);
}

ov::Shape sizes(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}
ov::CoordinateDiff pads(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}
ov::Strides strides(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}

ov::PartialShape partial(const Shape& shape) {
  ov::PartialShape out;
  for (const std::int64_t d : shape) out.push_back(d < 0 ? ov::Dimension::dynamic() : ov::Dimension{d});
  return out;
}

Status check_weights(const std::map<std::string, Shape>& parameters, const learn::Weights& weights) {
  for (const auto& [name, shape] : parameters) {
    const auto found = weights.find(name);
    if (found == weights.end()) return Error{Code::invalid, "the weights lack \"" + name + "\""};
    const learn::Array& array = found->second;
    if (array.dtype != learn::DType::f32 || array.shape != shape) {
      return Error{Code::invalid, "the weight \"" + name + "\" is " + std::string{to_string(array.dtype)} + " " +
                                      to_string(array.shape) + ", but float32 " + to_string(shape) + " is needed"};
    }
    for (const float x : array.f32()) {
      if (!std::isfinite(x)) return Error{Code::invalid, "the weight \"" + name + "\" has values that are not finite"};
    }
  }
  return {};
}

class Builder {
 public:
  Builder(const learn::Shapes& shapes, const learn::Weights& weights) : shapes_{shapes}, weights_{weights} {}

  void add(const Layer& layer) { values_.insert_or_assign(layer.name, value(layer)); }
  std::shared_ptr<ov::Model> finish(const learn::Network& network) const {
    const auto result = std::make_shared<ov::op::v0::Result>(values_.at(network.output));
    result->set_friendly_name("output");
    result->output(0).set_names({"output"});
    return std::make_shared<ov::Model>(ov::ResultVector{result}, parameters_, network.architecture);
  }

 private:
  Value in(const Layer& layer, std::size_t i = 0) const { return values_.at(layer.inputs[i]); }
  std::size_t rank(const Layer& layer) const { return shapes_.outputs.at(layer.name).size(); }

  Value weight(const Layer& layer, const char* name) const {
    const learn::Array& array = weights_.find(layer.name + "." + name)->second;
    return make<ov::op::v0::Constant>(ov::element::f32, sizes(array.shape), array.data.data());
  }
  // A bias [C] for values [N, C, spatial...]: [1, C, 1...].
  Value with_bias(const Layer& layer, const Value& value) const {
    if (!layer.bias) return value;
    const learn::Array& array = weights_.find(layer.name + ".bias")->second;
    ov::Shape shape(rank(layer), 1);
    shape[1] = array.f32().size();
    return make<ov::op::v1::Add>(value, make<ov::op::v0::Constant>(ov::element::f32, shape, array.data.data()));
  }

  Value input(const Layer& layer) {
    const auto parameter =
        std::make_shared<ov::op::v0::Parameter>(ov::element::f32, partial(shapes_.outputs.at(layer.name)));
    parameter->set_friendly_name(layer.name);
    parameter->output(0).set_names({layer.name});
    parameters_.push_back(parameter);
    return parameter->output(0);
  }

  Value global_avg_pool(const Layer& layer) const {
    const auto spatial = static_cast<std::int64_t>(shapes_.outputs.at(layer.inputs[0]).size()) - 2;
    std::vector<std::int64_t> axes;
    for (std::int64_t d = 0; d < spatial; ++d) axes.push_back(d + 2);
    return make<ov::op::v1::ReduceMean>(in(layer),
                                        make<ov::op::v0::Constant>(ov::element::i64, ov::Shape{axes.size()}, axes));
  }

  Value value(const Layer& layer) {
    using namespace ov::op;  // NOLINT(google-build-using-namespace): v0, v1... are the operation sets
    switch (layer.op) {
      case Op::input:
        return input(layer);
      case Op::conv:
        return with_bias(
            layer, make<v1::Convolution>(in(layer), weight(layer, "weight"), strides(layer.stride), pads(layer.padding),
                                         pads(layer.padding), ov::Strides(layer.kernel.size(), 1)));
      case Op::max_pool:
        return make<v1::MaxPool>(in(layer), strides(layer.stride), sizes(layer.padding), sizes(layer.padding),
                                 sizes(layer.kernel), RoundingType::FLOOR);
      case Op::avg_pool:
        return make<v1::AvgPool>(in(layer), strides(layer.stride), sizes(layer.padding), sizes(layer.padding),
                                 sizes(layer.kernel), true, RoundingType::FLOOR);
      case Op::global_avg_pool:
        return global_avg_pool(layer);
      case Op::batch_norm:
        return make<v5::BatchNormInference>(in(layer), weight(layer, "weight"), weight(layer, "bias"),
                                            weight(layer, "running_mean"), weight(layer, "running_var"), layer.epsilon);
      case Op::relu:
        return make<v0::Relu>(in(layer));
      case Op::sigmoid:
        return make<v0::Sigmoid>(in(layer));
      case Op::softmax:
        return make<v1::Softmax>(in(layer), 1);
      case Op::add:
        return make<v1::Add>(in(layer), in(layer, 1));
      case Op::flatten: {
        const std::vector<std::int64_t> to{0, -1};  // 0: the batch dimension as it is
        return make<v1::Reshape>(in(layer), make<v0::Constant>(ov::element::i64, ov::Shape{2}, to), true);
      }
      case Op::dense:
        return with_bias(layer, make<v0::MatMul>(in(layer), weight(layer, "weight"), false, true));
      case Op::dropout:
        return in(layer);
    }
    assert(false);
    return {};
  }

  const learn::Shapes& shapes_;
  const learn::Weights& weights_;
  std::map<std::string, Value> values_;
  ov::ParameterVector parameters_;
};

}  // namespace

Result<std::shared_ptr<ov::Model>> build_graph(const learn::Network& network, const learn::Weights& weights,
                                               const std::map<std::string, Shape>& inputs) {
  ACESO_TRY(const learn::Shapes shapes, learn::infer_shapes(network, inputs));
  for (const auto& [name, shape] : shapes.outputs) {
    if (shape.size() > 4) return Error{Code::unsupported, "layer \"" + name + "\": volumes are not supported"};
  }
  ACESO_TRY_OK(check_weights(shapes.parameters, weights));
  Builder builder{shapes, weights};
  for (const Layer& layer : network.layers) builder.add(layer);
  return builder.finish(network);
}

}  // namespace aceso::learn_openvino
