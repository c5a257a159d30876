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

enum class Loss : std::uint8_t { binary_cross_entropy, cross_entropy, mean_squared_error };
enum class Optimiser : std::uint8_t { sgd, adam, adamw };

struct TrainingOptions {
  Loss loss = Loss::binary_cross_entropy;
  Optimiser optimiser = Optimiser::adam;
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;  // Keras's Adam; torch's epsilon is 1e-8
  double momentum = 0.0;
  double weight_decay = 0.0;
  std::vector<double> class_weights;
  int threads = 0;         // 0: all the process may use
  std::uint64_t seed = 0;  // for dropout
  // Learning-rate factors by parameter; absent: 1. With 0 a parameter stays as it is, and batch normalisation whose
  // weight stays uses its running statistics and leaves them alone.
  std::map<std::string, double> rate_factors = {};
};

struct InferenceOptions {
  int threads = 0;
  bool allow_bf16 = false;  // fp32 unless asked for
};

// One model being trained, in memory. Not thread-safe. Errors: exhausted (out of memory), invalid (shapes), internal.
class TrainingSession {
 public:
  virtual ~TrainingSession() = default;
  virtual Result<double> step(const NamedArrays& inputs,
                              const Array& targets) = 0;  // one optimiser step, mean loss before it. targets: [N] or
                                                          // [N, outputs] float for BCE/MSE, [N] int64 for CE
  virtual Result<Array> forward(const NamedArrays& inputs) = 0;  // network.output in inference mode, float
  virtual Result<double> loss(const NamedArrays& inputs, const Array& targets) = 0;  // inference mode, no step
  virtual Result<Weights> weights() const = 0;
  virtual Status set_weights(const Weights& weights) = 0;
  virtual Status set_learning_rate(double rate) = 0;
  virtual Result<Weights> optimiser_state() const = 0;
  virtual Status set_optimiser_state(const Weights& state) = 0;
};

// Thread-safe.
class InferenceSession {
 public:
  virtual ~InferenceSession() = default;
  virtual Result<NamedArrays> run(const NamedArrays& batch) = 0;  // network.output under the name "output"
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;     // "torch"
  virtual std::string version() const = 0;  // "2.15.0"
  virtual std::string device() const = 0;   // "CPU: AVX2, no bf16, 2 threads"
  // `inputs`: shapes by input layer, with the batch dimension first, which may be -1 (any), as for infer_shapes().
  virtual Result<std::unique_ptr<InferenceSession>> load(const Network& network, const Weights& weights,
                                                         const std::map<std::string, Shape>& inputs,
                                                         const InferenceOptions& options) = 0;
  virtual Result<std::unique_ptr<InferenceSession>> load_onnx(
      std::span<const std::byte> onnx, const InferenceOptions& options) = 0;  // unsupported by torch
  virtual Result<std::unique_ptr<TrainingSession>> train(
      const Network& network, const Weights& weights, const std::map<std::string, Shape>& inputs,
      const TrainingOptions& options) = 0;  // unsupported by openvino
};

// Loads libaceso_<name>.so (learn_torch, learn_openvino) from `folder`; the module stays loaded for the life of the
// process. The module's one C entry is  extern "C" aceso::learn::Engine* aceso_engine_create(std::uint32_t abi).
inline constexpr std::uint32_t kEngineAbi = 2;
Result<std::unique_ptr<Engine>> load_engine(std::string_view name, const std::filesystem::path& folder);

// ONNX (IR 8, opset 17): inputs under the ports' names with a free batch dimension "N", one output "output". Layout
// N,C,spatial. Errors: invalid when the network does not fit the inputs or a weight is missing or of another shape; the
// layer is named. Thread-safe.
Result<std::vector<std::byte>> to_onnx(const Network& network, const Weights& weights,
                                       const std::map<std::string, Shape>& inputs);

}  // namespace aceso::learn
