#include "graph.hpp"

#include <openvino/op/add.hpp>
#include <openvino/op/avg_pool.hpp>
#include <openvino/op/batch_norm.hpp>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/group_normalization.hpp>
#include <openvino/op/interpolate.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/max_pool.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/mvn.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/prelu.hpp>
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

// What the layer says a dimension, or `fallback` for each.
std::vector<std::int64_t> entries(const Layer& layer, const std::vector<std::int64_t>& values, std::int64_t fallback) {
  return values.empty() ? std::vector<std::int64_t>(layer.kernel.size(), fallback) : values;
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
  std::shared_ptr<ov::Model> finish(const learn::Network& network, const std::string& embedding) const {
    ov::ResultVector results{answer(network.output, "output")};
    if (!embedding.empty()) results.push_back(answer(embedding, "embedding"));
    return std::make_shared<ov::Model>(results, parameters_, network.architecture);
  }

 private:
  std::shared_ptr<ov::op::v0::Result> answer(const std::string& layer, const char* name) const {
    auto result = std::make_shared<ov::op::v0::Result>(values_.at(layer));
    result->set_friendly_name(name);
    result->output(0).set_names({name});
    return result;
  }
  Value in(const Layer& layer, std::size_t i = 0) const { return values_.at(layer.inputs[i]); }
  std::size_t rank(const Layer& layer) const { return shapes_.outputs.at(layer.name).size(); }

  Value weight(const Layer& layer, const char* name) const {
    const learn::Array& array = weights_.find(layer.name + "." + name)->second;
    return make<ov::op::v0::Constant>(ov::element::f32, sizes(array.shape), array.data.data());
  }
  // A parameter [C] for values [N, C, spatial...]: [1, C, 1...].
  Value by_channel(const Layer& layer, const char* name) const {
    const learn::Array& array = weights_.find(layer.name + "." + name)->second;
    ov::Shape shape(rank(layer), 1);
    shape[1] = array.f32().size();
    return make<ov::op::v0::Constant>(ov::element::f32, shape, array.data.data());
  }
  Value with_bias(const Layer& layer, const Value& value) const {
    return layer.bias ? make<ov::op::v1::Add>(value, by_channel(layer, "bias")) : value;
  }
  static Value scalar(float value) { return make<ov::op::v0::Constant>(ov::element::f32, ov::Shape{1}, value); }
  static Value spatial_axes(std::size_t dimensions) {
    std::vector<std::int64_t> axes;
    for (std::size_t d = 2; d < dimensions; ++d) axes.push_back(static_cast<std::int64_t>(d));
    return make<ov::op::v0::Constant>(ov::element::i64, ov::Shape{axes.size()}, axes);
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
    return make<ov::op::v1::ReduceMean>(in(layer), spatial_axes(shapes_.outputs.at(layer.inputs[0]).size()));
  }

  // The weights as they are, or with the groups as a dimension of their own: [groups, first/groups, second, k...].
  Value grouped(const Layer& layer) const {
    const learn::Array& array = weights_.find(layer.name + ".weight")->second;
    learn::Shape shape{layer.groups};
    shape.insert(shape.end(), array.shape.begin(), array.shape.end());
    shape[1] /= layer.groups;
    return make<ov::op::v0::Constant>(ov::element::f32, sizes(shape), array.data.data());
  }

  Value convolution(const Layer& layer) const {
    const auto dilation = strides(entries(layer, layer.dilation, 1));
    const auto step = strides(layer.stride);
    const auto edge = pads(layer.padding);
    if (layer.op == Op::conv) {
      if (layer.groups == 1)
        return with_bias(layer,
                         make<ov::op::v1::Convolution>(in(layer), weight(layer, "weight"), step, edge, edge, dilation));
      return with_bias(layer,
                       make<ov::op::v1::GroupConvolution>(in(layer), grouped(layer), step, edge, edge, dilation));
    }
    const auto more = pads(entries(layer, layer.output_padding, 0));
    if (layer.groups == 1)
      return with_bias(layer,
                       make<ov::op::v1::ConvolutionBackpropData>(in(layer), weight(layer, "weight"), step, edge, edge,
                                                                 dilation, ov::op::PadType::EXPLICIT, more));
    return with_bias(layer, make<ov::op::v1::GroupConvolutionBackpropData>(in(layer), grouped(layer), step, edge, edge,
                                                                           dilation, ov::op::PadType::EXPLICIT, more));
  }

  Value upsample(const Layer& layer) const {
    using Interpolate = ov::op::v11::Interpolate;
    Interpolate::InterpolateAttrs how;
    how.shape_calculation_mode = Interpolate::ShapeCalcMode::SCALES;
    how.mode = layer.linear ? Interpolate::InterpolateMode::LINEAR_ONNX : Interpolate::InterpolateMode::NEAREST;
    how.coordinate_transformation_mode = layer.linear ? Interpolate::CoordinateTransformMode::HALF_PIXEL
                                                      : Interpolate::CoordinateTransformMode::ASYMMETRIC;
    how.nearest_mode = Interpolate::NearestMode::FLOOR;
    const std::vector<float> scales{layer.scale.begin(), layer.scale.end()};
    return make<Interpolate>(in(layer), make<ov::op::v0::Constant>(ov::element::f32, ov::Shape{scales.size()}, scales),
                             spatial_axes(rank(layer)), how);
  }

  Value instance_norm(const Layer& layer) const {
    const Value normal = make<ov::op::v6::MVN>(in(layer), spatial_axes(rank(layer)), true,
                                               static_cast<float>(layer.epsilon), ov::op::MVNEpsMode::INSIDE_SQRT);
    if (!layer.affine) return normal;
    return make<ov::op::v1::Add>(make<ov::op::v1::Multiply>(normal, by_channel(layer, "weight")),
                                 by_channel(layer, "bias"));
  }

  Value group_norm(const Layer& layer) const {
    const auto channels = static_cast<std::size_t>(shapes_.outputs.at(layer.name)[1]);
    const auto part = [&](const char* name, float plain) {
      return layer.affine ? weight(layer, name)
                          : make<ov::op::v0::Constant>(ov::element::f32, ov::Shape{channels}, plain);
    };
    return make<ov::op::v12::GroupNormalization>(in(layer), part("weight", 1), part("bias", 0), layer.groups,
                                                 layer.epsilon);
  }

  Value concat(const Layer& layer) const {
    ov::OutputVector parts;
    for (std::size_t i = 0; i < layer.inputs.size(); ++i) parts.push_back(in(layer, i));
    return make<ov::op::v0::Concat>(parts, 1);
  }

  Value value(const Layer& layer) {
    using namespace ov::op;  // NOLINT(google-build-using-namespace): v0, v1... are the operation sets
    switch (layer.op) {
      case Op::input:
        return input(layer);
      case Op::conv:
      case Op::conv_transpose:
        return convolution(layer);
      case Op::upsample:
        return upsample(layer);
      case Op::instance_norm:
        return instance_norm(layer);
      case Op::group_norm:
        return group_norm(layer);
      case Op::leaky_relu:
        return make<v0::PRelu>(in(layer), scalar(static_cast<float>(layer.slope)));
      case Op::prelu:
        return make<v0::PRelu>(in(layer), weight(layer, "weight"));
      case Op::concat:
        return concat(layer);
      case Op::max_pool:
        return make<v1::MaxPool>(in(layer), strides(layer.stride), sizes(layer.padding), sizes(layer.padding),
                                 sizes(layer.kernel), RoundingType::FLOOR);
      case Op::avg_pool:
        return make<v1::AvgPool>(in(layer), strides(layer.stride), sizes(layer.padding), sizes(layer.padding),
                                 sizes(layer.kernel), false, RoundingType::FLOOR);
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
                                               const std::map<std::string, Shape>& inputs,
                                               const std::string& embedding) {
  ACESO_TRY(const learn::Shapes shapes, learn::infer_shapes(network, inputs));
  ACESO_TRY_OK(check_weights(shapes.parameters, weights));
  Builder builder{shapes, weights};
  for (const Layer& layer : network.layers) builder.add(layer);
  if (!embedding.empty() && !shapes.outputs.contains(embedding))
    return Error{Code::invalid, "the network has no layer \"" + embedding + "\""};
  return builder.finish(network, embedding);
}

}  // namespace aceso::learn_openvino
