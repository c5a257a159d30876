// The neutral layer list from which the Torch module, the OpenVINO graph and ONNX are made. Arrays are N,C,spatial...;
// dense layers N,F.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"

namespace aceso::learn {

enum class Op : std::uint8_t {
  input,     // the array of the port of that name
  conv,      // weight [out, in/groups, k...], bias optional; attributes out, kernel, stride, padding, bias
  max_pool,  // kernel, stride, padding
  avg_pool,
  global_avg_pool,  // N,C,spatial -> N,C
  batch_norm,       // weight, bias, running_mean, running_var; epsilon, momentum
  relu,
  sigmoid,
  softmax,  // over dimension 1
  add,      // two inputs of one shape
  flatten,  // N,C,spatial -> N,F
  dense,    // weight [out, in], bias; attributes out, bias
  dropout,  // probability; identity in inference
};
std::string_view to_string(Op op) noexcept;

enum class Init : std::uint8_t {
  keras,
  torchvision
};  // keras: Glorot uniform and zero bias; torchvision: He normal fan-out for conv, PyTorch's default for dense

struct Layer {
  std::string name;  // parameter prefix: "layer1.0.conv1"
  Op op = Op::input;
  std::vector<std::string> inputs;  // names of earlier layers
  std::int64_t out = 0;
  std::vector<std::int64_t> kernel, stride,
      padding;  // one entry a spatial dimension, all three given for conv and pools
  bool bias = true;
  double epsilon = 1e-5, momentum = 0.1, probability = 0.5;
};

struct Network {
  std::string architecture;  // "article_cnn"
  Init init = Init::torchvision;
  std::vector<Layer> layers;  // in order of evaluation
  std::string logits;         // layer whose output the loss takes (before sigmoid or softmax)
  std::string output;         // layer that serving returns (after it)
};

Json to_json(const Network& network);
Result<Network> parse_network(const Json& json);

// Output shape (with the batch dimension) of every layer, and of every parameter. invalid names the layer that does not
// fit. `inputs` maps each input layer's name to its shape with the batch dimension first, which may be -1 (any) and is
// then -1 in every output. Windows are counted downwards: floor((size + 2 * padding - kernel) / stride) + 1. avg_pool
// takes no padding. Parameters are "<layer>.weight", "<layer>.bias", "<layer>.running_mean", "<layer>.running_var".
struct Shapes {
  std::map<std::string, Shape> outputs;
  std::map<std::string, Shape> parameters;
};
Result<Shapes> infer_shapes(const Network& network, const std::map<std::string, Shape>& inputs);

struct ArchitectureOptions {
  Shape input;  // one sample: [channels, height, width] (input layer "image"), [channels, time] ("signal") or
                // [features] ("features")
  std::int64_t outputs = 1;  // 1: sigmoid; more: softmax
};
using ArchitectureFactory = std::function<Result<Network>(const ArchitectureOptions&)>;

// Explicit registry: no statics. A new model is one file and one line in register_builtin_architectures.
class ArchitectureRegistry {
 public:
  void add(std::string name, std::string summary, ArchitectureFactory factory);
  Result<Network> make(std::string_view name,
                       const ArchitectureOptions& options) const;  // not_found lists what there is
  std::vector<std::pair<std::string, std::string>> list() const;

 private:
  std::map<std::string, std::pair<std::string, ArchitectureFactory>, std::less<>> factories_;
};
void register_builtin_architectures(
    ArchitectureRegistry& registry);  // article_cnn, resnet18, signal_cnn, mlp, logistic

// Starting weights by the network's own rule, from the counter-based generator: the same on every engine and machine.
Weights initial_weights(const Network& network, const Shapes& shapes, std::uint64_t seed);

}  // namespace aceso::learn
