#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/learn/network.hpp"
#include "json_reader.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxLayers = 4096;
constexpr std::size_t kOps = static_cast<std::size_t>(Op::dropout) + 1;

bool is_convolution(Op op) {
  return op == Op::conv || op == Op::conv_transpose;
}
bool is_window(Op op) {
  return is_convolution(op) || op == Op::max_pool || op == Op::avg_pool;
}
bool is_sample_norm(Op op) {
  return op == Op::instance_norm || op == Op::group_norm;
}

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

Result<Op> parse_op(const std::string& name) {
  for (std::size_t i = 0; i < kOps; ++i) {
    if (to_string(static_cast<Op>(i)) == name) return static_cast<Op>(i);
  }
  return Error{Code::invalid, "unknown operation"};
}

void read_attributes(JsonReader& reader, Layer& layer) {
  const Op op = layer.op;
  if (is_convolution(op) || op == Op::dense || op == Op::prelu) layer.out = reader.integer("out");
  if (is_convolution(op) || op == Op::dense) layer.bias = reader.boolean("bias", true);
  if (is_window(op)) {
    layer.kernel = reader.integers("kernel");
    layer.stride = reader.integers("stride");
    layer.padding = reader.integers("padding");
  }
  if (is_convolution(op)) layer.dilation = reader.integers("dilation", JsonReader::optional);
  if (is_convolution(op) || op == Op::group_norm) layer.groups = reader.integer("groups", 1);
  if (op == Op::conv_transpose) layer.output_padding = reader.integers("output_padding", JsonReader::optional);
  if (op == Op::upsample) {
    layer.scale = reader.integers("scale");
    layer.linear = reader.boolean("linear", false);
  }
  if (op == Op::batch_norm || is_sample_norm(op)) layer.epsilon = reader.number("epsilon", layer.epsilon);
  if (op == Op::batch_norm) layer.momentum = reader.number("momentum", layer.momentum);
  if (is_sample_norm(op)) layer.affine = reader.boolean("affine", true);
  if (op == Op::leaky_relu) layer.slope = reader.number("slope", layer.slope);
  if (op == Op::dropout) layer.probability = reader.number("probability", layer.probability);
}

void write_attributes(const Layer& layer, Json& item) {
  const Op op = layer.op;
  if (is_convolution(op) || op == Op::dense || op == Op::prelu) item["out"] = layer.out;
  if (is_convolution(op) || op == Op::dense) item["bias"] = layer.bias;
  if (is_window(op)) {
    item["kernel"] = layer.kernel;
    item["stride"] = layer.stride;
    item["padding"] = layer.padding;
  }
  if (is_convolution(op) && !layer.dilation.empty()) item["dilation"] = layer.dilation;
  if (op == Op::group_norm || (is_convolution(op) && layer.groups != 1)) item["groups"] = layer.groups;
  if (op == Op::conv_transpose && !layer.output_padding.empty()) item["output_padding"] = layer.output_padding;
  if (op == Op::upsample) {
    item["scale"] = layer.scale;
    item["linear"] = layer.linear;
  }
  if (op == Op::batch_norm || is_sample_norm(op)) item["epsilon"] = layer.epsilon;
  if (op == Op::batch_norm) item["momentum"] = layer.momentum;
  if (is_sample_norm(op)) item["affine"] = layer.affine;
  if (op == Op::leaky_relu) item["slope"] = layer.slope;
  if (op == Op::dropout) item["probability"] = layer.probability;
}

Result<Layer> parse_layer(const Json& json, const std::string& where) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  Layer layer;
  layer.name = reader.text("name");
  auto op = parse_op(reader.text("op"));
  if (!op) return std::move(op).error().add_context(where + ".op");
  layer.op = *op;
  layer.inputs = reader.texts("inputs", JsonReader::optional);
  read_attributes(reader, layer);
  ACESO_TRY_OK(reader.finish());
  if (!good_name(layer.name))
    return Error{Code::invalid, where + ".name: letters, digits, '_', '.' and '-' only, 1 to 200 of them"};
  return layer;
}

}  // namespace

Json to_json(const Network& network) {
  Json layers = Json::array();
  for (const Layer& layer : network.layers) {
    Json item{{"name", layer.name}, {"op", to_string(layer.op)}};
    if (!layer.inputs.empty()) item["inputs"] = layer.inputs;
    write_attributes(layer, item);
    layers.push_back(std::move(item));
  }
  return Json{{"architecture", network.architecture},
              {"init", network.init == Init::keras ? "keras" : "torchvision"},
              {"logits", network.logits},
              {"output", network.output},
              {"layers", std::move(layers)}};
}

Result<Network> parse_network(const Json& json) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "network"));
  Network network;
  network.architecture = reader.text("architecture");
  const std::string init = reader.text("init");
  network.logits = reader.text("logits");
  network.output = reader.text("output");
  const Json& layers = reader.array("layers");
  ACESO_TRY_OK(reader.finish());
  if (init != "keras" && init != "torchvision")
    return Error{Code::invalid, "network.init: must be keras or torchvision"};
  network.init = init == "keras" ? Init::keras : Init::torchvision;
  if (layers.size() > kMaxLayers) return Error{Code::too_large, "network.layers: more than 4096"};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    ACESO_TRY(Layer layer, parse_layer(layers[i], "network.layers[" + std::to_string(i) + "]"));
    network.layers.push_back(std::move(layer));
  }
  const auto has = [&](const std::string& name) {
    return std::any_of(network.layers.begin(), network.layers.end(),
                       [&](const Layer& layer) { return layer.name == name; });
  };
  if (!has(network.logits)) return Error{Code::invalid, "network.logits: names no layer"};
  if (!has(network.output)) return Error{Code::invalid, "network.output: names no layer"};
  return network;
}

}  // namespace aceso::learn
