// The module's engine and its one C entry.
#include <openvino/core/version.hpp>
#include <openvino/runtime/core.hpp>

#include <algorithm>

#include "aceso/learn/onnx_check.hpp"
#include "graph.hpp"
#include "session.hpp"

namespace aceso::learn_openvino {
namespace {

using learn::InferenceOptions;
using learn::Network;
using learn::Shape;
using learn::Weights;

// What a model computes for one sample may be large, but not without end: sizes are known before anything is computed,
// constants among them. Dimensions left open count as 1.
Status check_sizes(const ov::Model& model) {
  constexpr double kMaxValues = 1 << 30;
  for (const auto& node : model.get_ordered_ops()) {
    for (const auto& output : node->outputs()) {
      const ov::PartialShape& shape = output.get_partial_shape();
      if (shape.rank().is_dynamic()) continue;
      double count = 1;
      for (const ov::Dimension& size : shape) {
        if (size.is_static()) count *= static_cast<double>(size.get_length());
      }
      if (count > kMaxValues)
        return Error{Code::too_large, "the ONNX model computes an array of more than 2^30 numbers (" +
                                          std::string{node->get_type_name()} + ")"};
    }
  }
  return {};
}

class OpenVinoEngine final : public learn::Engine {
 public:
  std::string name() const override { return "openvino"; }
  std::string version() const override {
    const std::string_view build{ov::get_openvino_version().buildNumber};  // "2026.4.0-22959-..."
    return std::string{build.substr(0, build.find('-'))};
  }
  std::string device() const override {
    try {
      const auto able = core_->get_property("CPU", ov::device::capabilities);
      const bool bf16 = std::find(able.begin(), able.end(), ov::device::capability::BF16) != able.end();
      return "CPU: " + core_->get_property("CPU", ov::device::full_name) + (bf16 ? ", bf16" : ", no bf16");
    } catch (const std::exception&) {
      return "CPU: unknown";
    }
  }

  Result<std::unique_ptr<learn::InferenceSession>> load(const Network& network, const Weights& weights,
                                                        const std::map<std::string, Shape>& inputs,
                                                        const InferenceOptions& options) override {
    return fenced(Code::internal, "loading the model", [&]() -> Result<std::unique_ptr<learn::InferenceSession>> {
      ACESO_TRY(const std::shared_ptr<ov::Model> model, build_graph(network, weights, inputs, options.embedding));
      return make_session(core_, model, options);
    });
  }

  Result<std::unique_ptr<learn::InferenceSession>> load_onnx(std::span<const std::byte> onnx,
                                                             const InferenceOptions& options) override {
    ACESO_TRY([[maybe_unused]] const learn::OnnxSummary summary, learn::check_onnx(onnx));
    return fenced(Code::invalid, "reading ONNX", [&]() -> Result<std::unique_ptr<learn::InferenceSession>> {
      const std::string bytes{reinterpret_cast<const char*>(onnx.data()), onnx.size()};
      const std::shared_ptr<ov::Model> model = core_->read_model(bytes, ov::Tensor{});
      ACESO_TRY_OK(check_sizes(*model));
      return make_session(core_, model, options);
    });
  }

  Result<std::unique_ptr<learn::TrainingSession>> train(const Network&, const Weights&,
                                                        const std::map<std::string, Shape>&,
                                                        const learn::TrainingOptions&) override {
    return Error{Code::unsupported, "OpenVINO does not train: use the engine torch"};
  }

 private:
  std::shared_ptr<ov::Core> core_ = std::make_shared<ov::Core>();  // shared with the sessions
};

}  // namespace
}  // namespace aceso::learn_openvino

extern "C" __attribute__((visibility("default"))) aceso::learn::Engine* aceso_engine_create(std::uint32_t abi) {
  if (abi != aceso::learn::kEngineAbi) return nullptr;
  try {
    return std::make_unique<aceso::learn_openvino::OpenVinoEngine>().release();
  } catch (...) {
    return nullptr;
  }
}
