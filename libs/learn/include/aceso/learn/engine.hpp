// What an engine (LibTorch, OpenVINO) does for Aceso, and how its shared module is loaded on first use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/learn/network.hpp"

namespace aceso::learn {

// focal (Lin et al., ICCV 2017): -(1 - p)^gamma log p of the true class, binary with one logit, else softmax. dice: 1 -
// 2 sum(p t) / (sum p + sum t) over each sample's and channel's mask (Milletari et al., 3DV 2016), sigmoid of the
// logits; of outputs that exclude each other softmax, and the first, the background, is left out of the sum.
// dice_cross_entropy: the sum of both (Isensee et al., Nature Methods 18:203, 2021). centernet (Zhou et al.,
// arXiv:1904.07850, 2019): logits and targets [N, labels + 2 * axes, cells...]; on the labels' maps, whose targets are
// 1 in the cell of a centre and fall off around it, -(1 - p)^2 log p at centres and -(1 - t)^4 p^2 log(1 - p)
// elsewhere, summed and divided by the number of centres; at centres the mean absolute error of sizes (times 0.1) and
// places.
enum class Loss : std::uint8_t {
  binary_cross_entropy,
  cross_entropy,
  mean_squared_error,
  focal,
  dice,
  dice_cross_entropy,
  centernet
};
enum class Optimiser : std::uint8_t { sgd, adam, adamw };
enum class Precision : std::uint8_t {
  fp32,
  bf16,  // convolutions and dense layers in bfloat16, weights and optimiser in float32; unsupported where the device
         // has no bfloat16 arithmetic
  automatic  // bf16 where the device has it
};
enum class Device : std::uint8_t { automatic, cpu, cuda };  // automatic: a GPU where there is one, else the CPU

struct TrainingOptions {
  Loss loss = Loss::binary_cross_entropy;
  Optimiser optimiser = Optimiser::adam;
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;  // Keras's Adam; torch's epsilon is 1e-8
  double momentum = 0.0;
  bool nesterov = false;  // sgd: w -= rate * (g + momentum * b), as PyTorch has it
  double weight_decay = 0.0;
  std::vector<double> class_weights;  // one a class; several labels: two each, not holding first; target -1: not known
  double label_smoothing = 0.0;       // s in [0, 1): targets become (1 - s) t + s / classes
  double focal_gamma = 2.0;
  bool exclusive = false;  // of the losses with dice: each point has one of the outputs (softmax), the first background
  double clip_norm = 0.0;  // gradients are scaled down to this L2 norm over all parameters; 0: never
  double average_decay = 0;  // exponential moving average of all weights; 0: none is kept
  Precision precision = Precision::fp32;
  Device device = Device::automatic;
  int threads = 0;         // 0: all the process may use
  std::uint64_t seed = 0;  // for dropout
  // Learning-rate factors by parameter; absent: 1. With 0 a parameter stays as it is, and batch normalisation whose
  // weight stays uses its running statistics and leaves them alone.
  std::map<std::string, double> rate_factors = {};
};

struct InferenceOptions {
  int threads = 0;
  bool allow_bf16 = false;     // fp32 unless asked for
  std::string embedding = {};  // a layer whose value run() answers as well, under the name "embedding"; empty: none
  Device device = Device::automatic;  // of the engine torch
};

// One model being trained, in memory. Not thread-safe. Errors: exhausted (out of memory), invalid (shapes), internal.
class TrainingSession {
 public:
  virtual ~TrainingSession() = default;
  virtual Result<double> step(
      const NamedArrays& inputs,
      const Array& targets) = 0;  // one optimiser step, mean loss before it. targets: [N] or
                                  // the logits' shape, float, for BCE, MSE, dice and binary
                                  // focal; [N] int64 or [N, classes, ...] float for CE and focal
  // Adds `share` of this batch's mean gradient to the next step(), whose own batch takes the share that is left; each
  // class's weight counts within its own batch. Shares of one step sum to less than 1.
  virtual Result<double> accumulate(const NamedArrays&, const Array&, double /*share*/) {
    return Error{Code::unsupported, "this engine does not accumulate gradients"};
  }
  // Exchanges the weights with their moving average, for validation; a second call exchanges them back. precondition
  // without an average.
  virtual Status swap_average() { return Error{Code::precondition, "this engine keeps no average of the weights"}; }
  virtual Result<Array> forward(const NamedArrays& inputs) = 0;  // network.output in inference mode, float
  virtual Result<double> loss(const NamedArrays& inputs, const Array& targets) = 0;  // inference mode, no step
  virtual Result<Weights> weights() const = 0;
  virtual Status set_weights(const Weights& weights) = 0;
  virtual Status set_learning_rate(double rate) = 0;
  virtual Result<Weights> optimiser_state() const = 0;
  // The state, like the weights, is the same on every device: a run may go on on another one.
  virtual Status set_optimiser_state(const Weights& state) = 0;
  virtual std::uint64_t peak_device_memory_bytes() const { return 0; }  // taken on the GPU at once; 0: on the CPU
};

// Thread-safe.
class InferenceSession {
 public:
  virtual ~InferenceSession() = default;
  virtual Result<NamedArrays> run(const NamedArrays& batch) = 0;  // network.output under the name "output"
};

// Derivatives of logits by the inputs, in inference mode. Not thread-safe.
struct Gradients {
  std::vector<double> logits;  // of the output asked for, one a sample
  NamedArrays by_input;        // d logit / d input, the inputs' shapes
};
class GradientSession {
 public:
  virtual ~GradientSession() = default;
  // `output`: index into network.logits [N, outputs]. Samples do not influence each other.
  virtual Result<Gradients> run(const NamedArrays& batch, std::int64_t output) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;     // "torch"
  virtual std::string version() const = 0;  // "2.15.0"
  // Where the newest session runs, before the first what `automatic` would choose: "CPU: AVX2, no bf16, 2 threads",
  // "CUDA: NVIDIA H100 80GB HBM3, bf16".
  virtual std::string device() const = 0;
  // `inputs`: shapes by input layer, with the batch dimension first, which may be -1 (any), as for infer_shapes().
  virtual Result<std::unique_ptr<InferenceSession>> load(const Network& network, const Weights& weights,
                                                         const std::map<std::string, Shape>& inputs,
                                                         const InferenceOptions& options) = 0;
  virtual Result<std::unique_ptr<InferenceSession>> load_onnx(
      std::span<const std::byte> onnx, const InferenceOptions& options) = 0;  // unsupported by torch
  virtual Result<std::unique_ptr<TrainingSession>> train(
      const Network& network, const Weights& weights, const std::map<std::string, Shape>& inputs,
      const TrainingOptions& options) = 0;  // unsupported by openvino, and cuda where there is no usable GPU
  // unsupported unless an engine says otherwise
  virtual Result<std::unique_ptr<GradientSession>> gradients(const Network& network, const Weights& weights,
                                                             const std::map<std::string, Shape>& inputs);
};

// Loads libaceso_<name>.so (learn_torch, learn_openvino) from `folder`; the module stays loaded for the life of the
// process. The module's one C entry is  extern "C" aceso::learn::Engine* aceso_engine_create(std::uint32_t abi).
inline constexpr std::uint32_t kEngineAbi = 4;
Result<std::unique_ptr<Engine>> load_engine(std::string_view name, const std::filesystem::path& folder);

// ONNX (IR 8, opset 17): inputs under the ports' names with a free batch dimension "N", one output "output". Layout
// N,C,spatial. Errors: invalid when the network does not fit the inputs or a weight is missing or of another shape; the
// layer is named. Thread-safe.
Result<std::vector<std::byte>> to_onnx(const Network& network, const Weights& weights,
                                       const std::map<std::string, Shape>& inputs);

}  // namespace aceso::learn
