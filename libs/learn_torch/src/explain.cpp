// Gradients of logits by the inputs.
#include <ATen/ops/sum.h>

#include "fence.hpp"
#include "sessions.hpp"

namespace aceso::learn_torch {

using learn::NamedArrays;

namespace {

class Gradient final : public learn::GradientSession {
 public:
  Gradient(const learn::Network& network, Checked checked, const learn::Weights& weights, at::Device device)
      : graph_{network, std::move(checked), weights, device}, logits_{network.logits} {
    const learn::Shape& shape = graph_.checked().outputs.at(logits_);
    width_ = shape.size() == 2 ? shape[1] : 0;
  }

  Result<learn::Gradients> run(const NamedArrays& batch, std::int64_t output) override {
    ACESO_TRY([[maybe_unused]] const std::int64_t n, check_batch(graph_.checked().inputs, batch));
    if (output < 0 || output >= width_) return Error{Code::invalid, "the network has no such output"};
    return fenced("gradients", [&]() -> Result<learn::Gradients> {
      std::map<std::string, at::Tensor> leaves;
      std::vector<at::Tensor> list;
      for (const auto& [name, array] : batch) {
        leaves.emplace(name, view_of(array).to(graph_.device(), at::kFloat, false, true).requires_grad_(true));
        list.push_back(leaves.at(name));
      }
      const Pass pass{.training = false, .dropout = 0, .leaves = &leaves};
      const at::Tensor logit = graph_.run(batch, logits_, pass).select(1, output);
      // The sum's gradient holds each sample's own; only the inputs' is computed.
      logit.sum().backward({}, std::nullopt, false, list);
      learn::Gradients out;
      const learn::Array values = to_array(logit, {logit.size(0)});
      out.logits.assign(values.f32().begin(), values.f32().end());
      for (const auto& [name, leaf] : leaves)
        out.by_input.emplace(name, to_array(leaf.grad(), batch.find(name)->second.shape));
      return out;
    });
  }

 private:
  Graph graph_;
  std::string logits_;
  std::int64_t width_ = 0;
};

}  // namespace

Result<std::unique_ptr<learn::GradientSession>> make_gradients(const learn::Network& network,
                                                               const learn::Weights& weights,
                                                               const std::map<std::string, learn::Shape>& inputs,
                                                               at::Device device) {
  ACESO_TRY(Checked checked, check(network, weights, inputs));
  return fenced("preparing gradients", [&]() -> Result<std::unique_ptr<learn::GradientSession>> {
    return std::unique_ptr<learn::GradientSession>{
        std::make_unique<Gradient>(network, std::move(checked), weights, device)};
  });
}

}  // namespace aceso::learn_torch
