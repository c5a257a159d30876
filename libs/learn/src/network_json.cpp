#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "aceso/learn/network.hpp"
#include "json_reader.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxLayers = 4096;
constexpr std::array kOpValues{Op::input,      Op::conv,  Op::max_pool, Op::avg_pool, Op::global_avg_pool,
                               Op::batch_norm, Op::relu,  Op::sigmoid,  Op::softmax,  Op::add,
                               Op::flatten,    Op::dense, Op::dropout};

bool is_window(Op op) {
  return op == Op::conv || op == Op::max_pool || op == Op::avg_pool;
}

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

Result<Op> parse_op(const std::string& name) {
  for (const Op op : kOpValues) {
    if (to_string(op) == name) return op;
  }
  return Error{Code::invalid, "unknown operation"};
}

Result<Layer> parse_layer(const Json& json, const std::string& where) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  Layer layer;
  layer.name = reader.text("name");
  auto op = parse_op(reader.text("op"));
  if (!op) return std::move(op).error().add_context(where + ".op");
  layer.op = *op;
  layer.inputs = reader.texts("inputs", JsonReader::optional);
  if (layer.op == Op::conv || layer.op == Op::dense) {
    layer.out = reader.integer("out");
    layer.bias = reader.boolean("bias", true);
  }
  if (is_window(layer.op)) {
    layer.kernel = reader.integers("kernel");
    layer.stride = reader.integers("stride");
    layer.padding = reader.integers("padding");
  }
  if (layer.op == Op::batch_norm) {
    layer.epsilon = reader.number("epsilon", layer.epsilon);
    layer.momentum = reader.number("momentum", layer.momentum);
  }
  if (layer.op == Op::dropout) layer.probability = reader.number("probability", layer.probability);
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
    if (layer.op == Op::conv || layer.op == Op::dense) {
      item["out"] = layer.out;
      item["bias"] = layer.bias;
    }
    if (is_window(layer.op)) {
      item["kernel"] = layer.kernel;
      item["stride"] = layer.stride;
      item["padding"] = layer.padding;
    }
    if (layer.op == Op::batch_norm) {
      item["epsilon"] = layer.epsilon;
      item["momentum"] = layer.momentum;
    }
    if (layer.op == Op::dropout) item["probability"] = layer.probability;
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
