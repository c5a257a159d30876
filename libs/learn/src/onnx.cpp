// ONNX IR 8, opset 17 (onnx.proto of onnx 1.12). Field numbers are that schema's; the wire format is protobuf's.
#include <bit>
#include <cstring>

#include "aceso/learn/engine.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kIrVersion = 8;
constexpr std::int64_t kOpset = 17;
constexpr std::int64_t kFloat = 1;  // TensorProto.DataType
constexpr std::int64_t kInt64 = 7;
constexpr std::int64_t kAttributeFloat = 1;  // AttributeProto.AttributeType
constexpr std::int64_t kAttributeInt = 2;
constexpr std::int64_t kAttributeText = 3;
constexpr std::int64_t kAttributeInts = 7;

class Message {
 public:
  Message& varint(int field, std::int64_t value) {
    key(field, 0);
    number(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& fixed32(int field, float value) {
    key(field, 5);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<char>(bits >> shift));
    return *this;
  }
  Message& bytes(int field, std::string_view value) {
    key(field, 2);
    number(value.size());
    bytes_.append(value);
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.bytes_); }
  const std::string& data() const { return bytes_; }

 private:
  void key(int field, unsigned wire) { number((static_cast<std::uint64_t>(field) << 3) | wire); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>((value & 0x7F) | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  std::string bytes_;
};

Message attribute(std::string_view name, float value) {
  return Message{}.bytes(1, name).fixed32(2, value).varint(20, kAttributeFloat);
}
Message attribute(std::string_view name, std::int64_t value) {
  return Message{}.bytes(1, name).varint(3, value).varint(20, kAttributeInt);
}
Message attribute(std::string_view name, const char* value) {
  return Message{}.bytes(1, name).bytes(4, value).varint(20, kAttributeText);
}
Message attribute(std::string_view name, const std::vector<std::int64_t>& values) {
  Message message = Message{}.bytes(1, name);
  for (const std::int64_t value : values) message.varint(8, value);
  return message.varint(20, kAttributeInts);
}

Message tensor(const std::string& name, const Shape& shape, std::int64_t type, std::span<const std::byte> data) {
  static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");
  Message message;
  for (const std::int64_t size : shape) message.varint(1, size);
  message.varint(2, type).bytes(8, name);
  return message.bytes(9, {reinterpret_cast<const char*>(data.data()), data.size()});
}

Message value_info(const std::string& name, const Shape& shape) {
  Message dims;
  for (std::size_t d = 0; d < shape.size(); ++d)
    dims.message(1, d == 0 ? Message{}.bytes(2, "N") : Message{}.varint(1, shape[d]));
  return Message{}.bytes(1, name).message(2, Message{}.message(1, Message{}.varint(1, kFloat).message(2, dims)));
}

class Exporter {
 public:
  Exporter(const Network& network, const Weights& weights, const Shapes& shapes)
      : network_{network}, weights_{weights}, shapes_{shapes} {
    for (const Layer& layer : network.layers) owner_.emplace(layer.name, &layer);
  }

  Status run(Message& model) {
    Message graph;
    for (const Layer& layer : network_.layers) {
      if (layer.op != Op::input) node(layer, graph);
    }
    graph.bytes(2, network_.architecture);
    for (const auto& [name, shape] : shapes_.parameters) {
      const auto found = weights_.find(name);
      if (found == weights_.end()) return Error{Code::invalid, "weight \"" + name + "\" is missing"};
      const Array& array = found->second;
      if (array.dtype != DType::f32 || array.shape != shape) {
        return Error{Code::invalid, "weight \"" + name + "\" must be float32 " + to_string(shape) + ", is " +
                                        std::string{to_string(array.dtype)} + " " + to_string(array.shape)};
      }
      graph.message(5, tensor(name, initializer_shape(name, shape), kFloat, array.data));
    }
    for (const Layer& layer : network_.layers) {
      if (layer.op == Op::input) graph.message(11, value_info(layer.name, shapes_.outputs.at(layer.name)));
    }
    graph.message(12, value_info("output", shapes_.outputs.at(network_.output)));
    model.varint(1, kIrVersion)
        .bytes(2, "aceso")
        .message(7, graph)
        .message(8, Message{}.bytes(1, "").varint(2, kOpset));
    return {};
  }

 private:
  // Inputs keep the ports' names and the result is "output"; a prefix keeps the other tensors apart from both.
  std::string tensor_name(const std::string& layer) const {
    if (layer == network_.output) return "output";
    for (const Layer& other : network_.layers) {
      if (other.op == Op::input && other.name == layer) return layer;
    }
    return "/" + layer;
  }

  void node(const Layer& layer, Message& graph) {
    const std::string out = tensor_name(layer.name);
    if (layer.op == Op::instance_norm || layer.op == Op::group_norm) return normalise(layer, graph);
    Message message;
    for (const auto& input : layer.inputs) message.bytes(1, tensor_name(input));
    for (const auto& name : parameters(layer)) message.bytes(1, name);
    if (layer.op == Op::upsample) {  // inputs: X, roi (none), scales
      std::vector<float> scales{1, 1};
      scales.insert(scales.end(), layer.scale.begin(), layer.scale.end());
      message.bytes(1, "").bytes(1, constant(graph, out + "/scales", scales));
    }
    if (layer.op == Op::global_avg_pool) {  // ONNX keeps the spatial dimensions, as ones
      message.bytes(2, out + "/pooled").bytes(3, layer.name + "/pool").bytes(4, "GlobalAveragePool");
      graph.message(1, message);
      message = Message{}.bytes(1, out + "/pooled");
    }
    message.bytes(2, out).bytes(3, layer.name).bytes(4, op_type(layer.op));
    attributes(layer, message);
    graph.message(1, message);
  }

  // Adds a constant tensor to the graph and gives its name back.
  static std::string constant(Message& graph, std::string name, const std::vector<float>& values) {
    graph.message(5,
                  tensor(name, {static_cast<std::int64_t>(values.size())}, kFloat, std::as_bytes(std::span{values})));
    return name;
  }
  static std::string constant(Message& graph, std::string name, const Shape& values) {
    graph.message(5,
                  tensor(name, {static_cast<std::int64_t>(values.size())}, kInt64, std::as_bytes(std::span{values})));
    return name;
  }
  static void step(Message& graph, std::string_view type, const std::vector<std::string>& from, const std::string& to,
                   const std::vector<Message>& with = {}) {
    Message message;
    for (const std::string& name : from) message.bytes(1, name);
    message.bytes(2, to).bytes(3, to).bytes(4, type);
    for (const Message& attribute : with) message.message(5, attribute);
    graph.message(1, message);
  }

  // Opset 17 has no group normalisation: groups become the channels of an instance normalisation.
  void normalise(const Layer& layer, Message& graph) const {
    const std::string in = tensor_name(layer.inputs[0]), out = tensor_name(layer.name);
    const auto channels = static_cast<std::size_t>(shapes_.outputs.at(layer.name)[1]);
    const Message epsilon = attribute("epsilon", static_cast<float>(layer.epsilon));
    const auto plain = [&](std::size_t count) {
      return std::vector{constant(graph, out + "/ones", std::vector<float>(count, 1.0F)),
                         constant(graph, out + "/zeros", std::vector<float>(count, 0.0F))};
    };
    if (layer.op == Op::instance_norm) {
      const std::vector<std::string> by =
          layer.affine ? std::vector{layer.name + ".weight", layer.name + ".bias"} : plain(channels);
      return step(graph, "InstanceNormalization", {in, by[0], by[1]}, out, {epsilon});
    }
    const auto by = plain(static_cast<std::size_t>(layer.groups));
    step(graph, "Reshape", {in, constant(graph, out + "/groups", Shape{0, layer.groups, -1})}, out + "/grouped");
    step(graph, "InstanceNormalization", {out + "/grouped", by[0], by[1]}, out + "/normal", {epsilon});
    step(graph, "Shape", {in}, out + "/shape");
    step(graph, "Reshape", {out + "/normal", out + "/shape"}, layer.affine ? out + "/plain" : out);
    if (!layer.affine) return;
    step(graph, "Mul", {out + "/plain", layer.name + ".weight"}, out + "/scaled");
    step(graph, "Add", {out + "/scaled", layer.name + ".bias"}, out);
  }

  // Slopes and the factors of a group normalisation are broadcast from the last dimension: [C] becomes [C, 1...].
  Shape initializer_shape(const std::string& name, const Shape& shape) const {
    const Layer& layer = *owner_.at(name.substr(0, name.rfind('.')));
    if ((layer.op != Op::prelu && layer.op != Op::group_norm) || shape[0] == 1) return shape;
    Shape wide(shapes_.outputs.at(layer.name).size() - 1, 1);
    wide[0] = shape[0];
    return wide;
  }

  static std::vector<std::string> parameters(const Layer& layer) {
    std::vector<std::string> names;
    if (layer.op == Op::batch_norm) {
      for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) names.push_back(layer.name + part);
    } else if (layer.op == Op::prelu) {
      names.push_back(layer.name + ".weight");
    } else if (layer.op == Op::conv || layer.op == Op::conv_transpose || layer.op == Op::dense) {
      names.push_back(layer.name + ".weight");
      if (layer.bias) names.push_back(layer.name + ".bias");
    }
    return names;
  }

  static std::string_view op_type(Op op) {
    switch (op) {
      case Op::conv:
        return "Conv";
      case Op::conv_transpose:
        return "ConvTranspose";
      case Op::upsample:
        return "Resize";
      case Op::concat:
        return "Concat";
      case Op::prelu:
        return "PRelu";
      case Op::leaky_relu:
        return "LeakyRelu";
      case Op::max_pool:
        return "MaxPool";
      case Op::avg_pool:
        return "AveragePool";
      case Op::batch_norm:
        return "BatchNormalization";
      case Op::relu:
        return "Relu";
      case Op::sigmoid:
        return "Sigmoid";
      case Op::softmax:
        return "Softmax";
      case Op::add:
        return "Add";
      case Op::global_avg_pool:
      case Op::flatten:
        return "Flatten";
      case Op::dense:
        return "Gemm";
      case Op::instance_norm:
      case Op::group_norm:
      case Op::dropout:
      case Op::input:
        break;
    }
    return "Identity";
  }

  static void attributes(const Layer& layer, Message& message) {
    switch (layer.op) {
      case Op::conv:
      case Op::conv_transpose:
      case Op::max_pool:
      case Op::avg_pool: {
        std::vector<std::int64_t> pads = layer.padding;
        pads.insert(pads.end(), layer.padding.begin(), layer.padding.end());
        message.message(5, attribute("kernel_shape", layer.kernel))
            .message(5, attribute("strides", layer.stride))
            .message(5, attribute("pads", pads));
        if (!layer.dilation.empty()) message.message(5, attribute("dilations", layer.dilation));
        if (!layer.output_padding.empty()) message.message(5, attribute("output_padding", layer.output_padding));
        if (layer.groups != 1) message.message(5, attribute("group", layer.groups));
        if (layer.op == Op::avg_pool) message.message(5, attribute("count_include_pad", std::int64_t{1}));
        break;
      }
      case Op::batch_norm:
        message.message(5, attribute("epsilon", static_cast<float>(layer.epsilon)));
        break;
      case Op::upsample:
        message.message(5, attribute("mode", layer.linear ? "linear" : "nearest"))
            .message(5, attribute("coordinate_transformation_mode", layer.linear ? "half_pixel" : "asymmetric"))
            .message(5, attribute("nearest_mode", "floor"));
        break;
      case Op::leaky_relu:
        message.message(5, attribute("alpha", static_cast<float>(layer.slope)));
        break;
      case Op::softmax:
      case Op::concat:
      case Op::flatten:
      case Op::global_avg_pool:
        message.message(5, attribute("axis", std::int64_t{1}));
        break;
      case Op::dense:
        message.message(5, attribute("transB", std::int64_t{1}));
        break;
      default:
        break;
    }
  }

  const Network& network_;
  const Weights& weights_;
  const Shapes& shapes_;
  std::map<std::string, const Layer*> owner_;
};

}  // namespace

Result<std::vector<std::byte>> to_onnx(const Network& network, const Weights& weights,
                                       const std::map<std::string, Shape>& inputs) {
  ACESO_TRY(const Shapes shapes, infer_shapes(network, inputs));
  Message model;
  ACESO_TRY_OK(Exporter(network, weights, shapes).run(model));
  std::vector<std::byte> bytes(model.data().size());
  std::memcpy(bytes.data(), model.data().data(), bytes.size());
  return bytes;
}

}  // namespace aceso::learn
