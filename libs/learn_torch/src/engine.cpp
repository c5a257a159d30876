// The module's engine and its one C entry.
#include <ATen/Parallel.h>
#include <malloc.h>
#include <sched.h>
#include <torch/version.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "device.hpp"
#include "fence.hpp"
#include "sessions.hpp"

namespace aceso::learn_torch {
namespace {

using learn::InferenceOptions;
using learn::Network;
using learn::Shape;
using learn::TrainingOptions;
using learn::Weights;

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

// The number of threads is one for the process: LibTorch has one pool.
void set_threads(int threads) {
  at::set_num_threads(threads > 0 ? std::min(threads, 1024) : usable_cpus());
}

// glibc gives large blocks back to the kernel when they are freed, and LibTorch frees every activation in every step:
// most of a small network's step is then page faults. From the first training on, the process keeps what it has had.
void keep_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    constexpr int kNever = 2'000'000'000;
    mallopt(M_MMAP_THRESHOLD, kNever);
    mallopt(M_TRIM_THRESHOLD, kNever);
    mallopt(M_TOP_PAD, 64 << 20);
    mallopt(M_ARENA_MAX, 1);  // other arenas cannot hold large blocks
  });
}

class TorchEngine final : public learn::Engine {
 public:
  TorchEngine() : on_gpu_{gpu().why_not.empty()} {}  // asked before LibTorch is used for anything else
  std::string name() const override { return "torch"; }
  std::string version() const override { return TORCH_VERSION; }
  std::string device() const override { return describe(on_gpu_ ? at::Device{at::kCUDA, 0} : at::Device{at::kCPU}); }

  Result<std::unique_ptr<learn::InferenceSession>> load(const Network& network, const Weights& weights,
                                                        const std::map<std::string, Shape>& inputs,
                                                        const InferenceOptions& options) override {
    set_threads(options.threads);
    ACESO_TRY(const at::Device device, choose(options.device));
    return make_inference(network, weights, inputs, options.embedding, device);
  }

  Result<std::unique_ptr<learn::InferenceSession>> load_onnx(std::span<const std::byte>,
                                                             const InferenceOptions&) override {
    return Error{Code::unsupported, "LibTorch does not read ONNX: use the engine openvino"};
  }

  Result<std::unique_ptr<learn::TrainingSession>> train(const Network& network, const Weights& weights,
                                                        const std::map<std::string, Shape>& inputs,
                                                        const TrainingOptions& options) override {
    keep_memory();
    set_threads(options.threads);
    ACESO_TRY(const at::Device device, choose(options.device));
    return make_training(network, weights, inputs, options, device);
  }

  Result<std::unique_ptr<learn::GradientSession>> gradients(const Network& network, const Weights& weights,
                                                            const std::map<std::string, Shape>& inputs) override {
    ACESO_TRY(const at::Device device, choose(learn::Device::automatic));
    return make_gradients(network, weights, inputs, device);
  }

 private:
  Result<at::Device> choose(learn::Device asked) {
    ACESO_TRY(const at::Device device, choose_device(asked));
    on_gpu_ = device.is_cuda();
    return device;
  }

  std::atomic<bool> on_gpu_;  // where the newest session runs
};

}  // namespace
}  // namespace aceso::learn_torch

extern "C" __attribute__((visibility("default"))) aceso::learn::Engine* aceso_engine_create(std::uint32_t abi) {
  if (abi != aceso::learn::kEngineAbi) return nullptr;
  try {
    return std::make_unique<aceso::learn_torch::TorchEngine>().release();
  } catch (...) {
    return nullptr;
  }
}
