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
  input,           // the array of the port of that name
  conv,            // weight [out, in/groups, k...], bias optional
  conv_transpose,  // weight [in, out/groups, k...], bias optional; grows what conv shrinks
  max_pool,
  avg_pool,         // padding counts as zeros
  global_avg_pool,  // N,C,spatial -> N,C
  upsample,         // by whole factors: scale; nearest or linear
  batch_norm,       // weight, bias, running_mean, running_var; epsilon, momentum
  instance_norm,    // over each sample's channel; weight and bias [C] when affine; epsilon
  group_norm,       // over each sample's group of channels; weight and bias [C] when affine; groups, epsilon
  relu,
  leaky_relu,  // slope below 0
  prelu,       // weight [out]: one slope for all channels or one a channel
  sigmoid,
  softmax,  // over dimension 1
  add,      // two inputs of one shape
  concat,   // two or more inputs along dimension 1
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
  std::int64_t out = 0;             // conv, conv_transpose, dense: channels or features; prelu: slopes
  std::vector<std::int64_t> kernel, stride,
      padding;  // one entry a spatial dimension, all three given for conv, conv_transpose and pools
  std::vector<std::int64_t> dilation;        // conv, conv_transpose; empty: 1
  std::vector<std::int64_t> output_padding;  // conv_transpose: rows added behind; empty: 0
  std::vector<std::int64_t> scale;           // upsample: factor a spatial dimension
  std::int64_t groups = 1;                   // conv, conv_transpose, group_norm
  bool bias = true;
  bool affine = true;   // instance_norm, group_norm
  bool linear = false;  // upsample: linear with half-pixel centres, else nearest
  double epsilon = 1e-5, momentum = 0.1, probability = 0.5;
  double slope = 0.01;  // leaky_relu
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
// then -1 in every output. Windows are counted downwards: floor((size + 2 * padding - dilation * (kernel - 1) - 1) /
// stride) + 1; conv_transpose gives (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1.
// Parameters are "<layer>.weight", "<layer>.bias", "<layer>.running_mean", "<layer>.running_var".
struct Shapes {
  std::map<std::string, Shape> outputs;
  std::map<std::string, Shape> parameters;
};
Result<Shapes> infer_shapes(const Network& network, const std::map<std::string, Shape>& inputs);

// What the outputs mean, and so what follows the logits.
enum class Task : std::uint8_t {
  classes,      // one output: sigmoid; more: softmax, exactly one class holds
  multi_label,  // sigmoid each: any number of findings hold
  regression,   // the logits themselves
  outlines,     // [N, outputs, spatial...]: as classes, for each pixel or voxel
  boxes,        // [N, outputs + 2 * axes, cells...]: of each cell a sigmoid a label, then sizes and places (boxes.hpp)
};
std::string_view to_string(Task task) noexcept;

enum class Stem : std::uint8_t {
  by_size,   // small below 64 pixels, else standard
  standard,  // as published for 224 pixels: 7x7 of stride 2 and pooling
  small,     // 3x3 of stride 1, no pooling
};

struct ArchitectureOptions {
  Shape input;  // one sample: [channels, height, width] or [channels, depth, height, width] (input layer "image"),
                // [channels, time] ("signal") or [features] ("features")
  std::int64_t outputs = 1;
  Task task = Task::classes;  // an outline network knows outlines and multi_label only, centernet boxes only, the
                              // others neither outlines nor boxes
  Stem stem = Stem::by_size;  // resnet*, densenet121, centernet
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
void register_builtin_architectures(ArchitectureRegistry& registry);  // article_cnn, resnet18, resnet34, resnet50,
                                                                      // densenet121, unet, signal_cnn, mlp, logistic,
                                                                      // centernet

// MONAI's UNet (Kerfoot et al., STACOM 2018) with its parameter names: "model.0.conv.unit0.conv.weight". Norms:
// instance (without parameters) or batch. Errors: invalid, among them sizes that strides do not divide.
struct UnetOptions {
  Shape input;  // [channels, height, width] or [channels, depth, height, width]
  std::int64_t outputs = 1;
  std::vector<std::int64_t> channels{16, 32, 64, 128, 256};  // top first
  std::vector<std::int64_t> strides{2, 2, 2, 2};             // one fewer than channels
  std::int64_t residual_units = 2;                           // convolutions in a residual unit; 0: plain convolutions
  bool batch_norm = false;
  double dropout = 0;
  bool multi_label = false;  // sigmoid for each channel, else as Task::classes
};
Result<Network> make_unet(const UnetOptions& options);

// Starting weights by the network's own rule, from the counter-based generator: the same on every engine and machine.
Weights initial_weights(const Network& network, const Shapes& shapes, std::uint64_t seed);

}  // namespace aceso::learn
