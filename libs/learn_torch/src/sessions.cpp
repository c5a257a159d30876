#include "sessions.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "autocast.hpp"
#include "device.hpp"
#include "fence.hpp"
#include "loss.hpp"
#include "optimiser.hpp"
#include "tensor_optimiser.hpp"

namespace aceso::learn_torch {

using learn::Array;
using learn::DType;
using learn::NamedArrays;
using learn::Shape;
using learn::Weights;

namespace {

constexpr std::string_view kStepName = "optimiser.step";
const std::string kAverage = "average.";
constexpr std::int64_t kUpdateGrain = 1 << 16;  // elements a thread updates at least

Shape shape_of(const at::Tensor& tensor) {
  return {tensor.sizes().begin(), tensor.sizes().end()};
}

class Training final : public learn::TrainingSession {
 public:
  Training(const learn::Network& network, Checked checked, const Weights& weights,
           const learn::TrainingOptions& options, at::Device device)
      : graph_{network, std::move(checked), weights, device, options.rate_factors},
        options_{options},
        logits_{network.logits},
        output_{network.output},
        optimiser_{options, device.is_cuda() ? std::vector<std::size_t>{} : sizes()},
        bf16_{runs_bf16(options.precision, device)} {
    if (!device.is_cuda()) return;
    make_tensor_optimiser();
    reset_peak_memory(device);
  }

  Result<double> step(const NamedArrays& inputs, const Array& targets) override {
    ACESO_TRY_OK(check_step(inputs, targets));
    return fenced("training step", [&]() -> Result<double> {
      if (accumulated_ == 0) forget_gradients();
      ACESO_TRY(const double value, add_gradients(inputs, targets, 1.0 - std::exchange(accumulated_, 0.0)));
      if (!std::isfinite(value)) return value;  // the parameters stay as they are
      ACESO_TRY_OK(clip_gradients());
      apply();
      average();
      return value;
    });
  }

  Result<double> accumulate(const NamedArrays& inputs, const Array& targets, double share) override {
    ACESO_TRY_OK(check_step(inputs, targets));
    if (!(share > 0 && accumulated_ + share < 1))
      return Error{Code::invalid, "the shares of one step must be positive and sum to less than 1"};
    return fenced("training step", [&]() -> Result<double> {
      if (accumulated_ == 0) forget_gradients();
      accumulated_ += share;
      return add_gradients(inputs, targets, share);
    });
  }

  Status swap_average() override {
    if (averages_.empty())
      return Error{Code::precondition, "there is no average of the weights: average_decay is 0 or no step was made"};
    return fenced("exchanging weights", [&]() -> Status {
      for (std::size_t i = 0; i < averages_.size(); ++i) {
        const at::Tensor now = graph_.parameters()[i].tensor.detach();
        const at::Tensor kept = now.clone();
        now.copy_(averages_[i]);
        averages_[i].copy_(kept);
      }
      return {};
    });
  }

  Result<Array> forward(const NamedArrays& inputs) override {
    ACESO_TRY([[maybe_unused]] const std::int64_t n, check_batch(graph_.checked().inputs, inputs));
    return fenced("forward pass", [&]() -> Result<Array> {
      const c10::InferenceMode inference;
      const at::Tensor out = graph_.run(inputs, output_, {});
      return to_array(out, shape_of(out));
    });
  }

  Result<double> loss(const NamedArrays& inputs, const Array& targets) override {
    ACESO_TRY_OK(check_step(inputs, targets));
    return fenced("loss", [&]() -> Result<double> {
      const c10::InferenceMode inference;
      return loss_of(options_, graph_.run(inputs, logits_, {}), targets).item().toDouble();
    });
  }

  Result<Weights> weights() const override {
    return fenced("copying weights", [&]() -> Result<Weights> { return graph_.weights(); });
  }

  Status set_weights(const Weights& weights) override {
    ACESO_TRY_OK(check_weights(graph_.checked().parameters, weights));
    return fenced("setting weights", [&]() -> Status {
      graph_.set_weights(weights);
      return {};
    });
  }

  Status set_learning_rate(double rate) override {
    if (!std::isfinite(rate) || rate < 0)
      return Error{Code::invalid, "the learning rate must be finite and not negative"};
    optimiser_.set_learning_rate(rate);
    if (on_tensors_) on_tensors_->set_learning_rate(rate);
    return {};
  }

  Result<Weights> optimiser_state() const override {
    return fenced("copying the optimiser's state", [&]() -> Result<Weights> {
      Weights state;
      Array step = Array::zeros(DType::i64, {1});
      const std::int64_t steps = optimiser_.steps();
      std::memcpy(step.data.data(), &steps, sizeof steps);
      state.emplace(kStepName, std::move(step));
      for_each_moment([&](const std::string& name, std::size_t which, std::size_t index) {
        state.emplace(name, moment(which, index));
      });
      for (std::size_t i = 0; i < averages_.size(); ++i) {
        const Graph::Parameter& parameter = graph_.parameters()[i];
        state.emplace(kAverage + parameter.name, to_array(averages_[i], parameter.shape));
      }
      return state;
    });
  }

  Status set_optimiser_state(const Weights& state) override {
    const auto step = state.find(kStepName);
    if (step == state.end() || step->second.dtype != DType::i64 || step->second.shape != Shape{1} ||
        step->second.as<std::int64_t>()[0] < 0)
      return Error{Code::invalid, "the optimiser's state lacks a valid \"" + std::string{kStepName} + "\""};
    std::string wrong;
    for_each_moment([&](const std::string& name, std::size_t, std::size_t index) {
      const auto found = state.find(name);
      const std::int64_t size = graph_.parameters()[index].tensor.numel();
      if (found == state.end() || found->second.dtype != DType::f32 || found->second.shape != Shape{size}) wrong = name;
    });
    if (!wrong.empty()) return Error{Code::invalid, "the optimiser's state lacks a valid \"" + wrong + "\""};
    ACESO_TRY_OK(set_averages(state, step->second.as<std::int64_t>()[0]));
    optimiser_.set_steps(step->second.as<std::int64_t>()[0]);
    return fenced("setting the optimiser's state", [&]() -> Status {
      for_each_moment([&](const std::string& name, std::size_t which, std::size_t index) {
        set_moment(which, index, state.find(name)->second);
      });
      return {};
    });
  }

  std::uint64_t peak_device_memory_bytes() const override { return peak_memory_bytes(graph_.device()); }

 private:
  std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> sizes;
    for (const Graph::Parameter& parameter : graph_.parameters()) {
      sizes.push_back(parameter.trained ? static_cast<std::size_t>(parameter.tensor.numel()) : 0);
    }
    return sizes;
  }

  void make_tensor_optimiser() {
    std::vector<at::Tensor> trained;
    std::vector<double> rates;
    for (const Graph::Parameter& parameter : graph_.parameters()) {
      trained.push_back(parameter.trained ? parameter.tensor : at::Tensor{});
      rates.push_back(parameter.rate);
    }
    on_tensors_.emplace(options_, trained, std::move(rates));
  }

  // Flat, in the order of the parameter in memory, which is the same on every device.
  Array moment(std::size_t which, std::size_t index) const {
    const std::int64_t size = graph_.parameters()[index].tensor.numel();
    if (on_tensors_) return to_array(on_tensors_->moment(which, index), {size});
    const auto values = optimiser_.moment(which, index);
    Array array = Array::zeros(DType::f32, {size});
    std::memcpy(array.data.data(), values.data(), array.data.size());
    return array;
  }

  void set_moment(std::size_t which, std::size_t index, const Array& array) {
    if (on_tensors_) {
      at::Tensor moment = on_tensors_->moment(which, index);
      moment.copy_(view_of(array));
      return;
    }
    const auto values = optimiser_.moment(which, index);
    std::memcpy(values.data(), array.data.data(), values.size_bytes());
  }

  template <class F>
  void for_each_moment(F&& f) const {
    for (std::size_t which = 0; which < optimiser_.moments().size(); ++which) {
      for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
        const Graph::Parameter& parameter = graph_.parameters()[i];
        if (parameter.trained) f("optimiser." + optimiser_.moments()[which] + "." + parameter.name, which, i);
      }
    }
  }

  void forget_gradients() {
    parts_ = 0;
    for (const Graph::Parameter& parameter : graph_.parameters()) parameter.tensor.mutable_grad() = at::Tensor{};
  }

  // The batch's mean loss; share times its gradient is added to what the parameters hold. Dropout differs by step and
  // by the parts of one step.
  Result<double> add_gradients(const NamedArrays& inputs, const Array& targets, double share) {
    const Pass pass{true, options_.seed ^ ((static_cast<std::uint64_t>(optimiser_.steps() + 1) + (parts_++ << 40U)) *
                                           0xD1B54A32D192ED03ULL)};
    at::Tensor loss;
    {
      const Autocast autocast{bf16_, graph_.device().type()};
      loss = loss_of(options_, graph_.run(inputs, logits_, pass), targets);
    }
    const auto backward = [&] { (share < 1 ? loss.mul(share) : loss).backward(); };
    if (graph_.device().is_cuda()) {
      backward();  // asking for the value first would leave the GPU idle in between
      const double value = loss.item().toDouble();
      if (!std::isfinite(value)) forget_gradients();
      return value;
    }
    const double value = loss.item().toDouble();
    if (!std::isfinite(value)) return value;
    backward();
    return value;
  }

  // Of all trained parameters that have one.
  double gradient_norm() const {
    if (graph_.device().is_cuda()) {
      const std::vector<at::Tensor> gradients = held_gradients();
      if (gradients.empty()) return 0;
      return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients))).item().toDouble();
    }
    double squares = 0;
    for (const Graph::Parameter& parameter : graph_.parameters()) {
      if (!parameter.trained || !parameter.tensor.grad().defined()) continue;
      const double norm = at::linalg_vector_norm(parameter.tensor.grad()).item().toDouble();
      squares += norm * norm;
    }
    return std::sqrt(squares);
  }

  std::vector<at::Tensor> held_gradients() const {
    std::vector<at::Tensor> gradients;
    for (const Graph::Parameter& parameter : graph_.parameters()) {
      if (parameter.trained && parameter.tensor.grad().defined()) gradients.push_back(parameter.tensor.grad());
    }
    return gradients;
  }

  Status clip_gradients() {
    if (options_.clip_norm <= 0) return {};
    const double norm = gradient_norm();
    if (!std::isfinite(norm)) return Error{Code::invalid, "the gradients are not finite: lower the learning rate"};
    if (norm <= options_.clip_norm) return {};
    if (graph_.device().is_cuda()) {
      at::_foreach_mul_(held_gradients(), options_.clip_norm / norm);
      return {};
    }
    for (const Graph::Parameter& parameter : graph_.parameters()) {
      if (parameter.trained && parameter.tensor.grad().defined())
        parameter.tensor.mutable_grad().mul_(options_.clip_norm / norm);
    }
    return {};
  }

  // After the first step the average is the weights, as torch.optim.swa_utils.AveragedModel has it.
  void average() {
    if (options_.average_decay <= 0) return;
    const c10::NoGradGuard none;
    if (averages_.empty()) {
      for (const Graph::Parameter& parameter : graph_.parameters())
        averages_.push_back(parameter.tensor.detach().clone());
      return;
    }
    if (graph_.device().is_cuda()) {
      std::vector<at::Tensor> now;
      for (const Graph::Parameter& parameter : graph_.parameters()) now.push_back(parameter.tensor.detach());
      at::_foreach_lerp_(averages_, now, 1 - options_.average_decay);
      return;
    }
    for (std::size_t i = 0; i < averages_.size(); ++i)
      averages_[i].lerp_(graph_.parameters()[i].tensor.detach(), 1 - options_.average_decay);
  }

  Status set_averages(const Weights& state, std::int64_t steps) {
    if (options_.average_decay <= 0 || steps == 0) return {};
    std::vector<at::Tensor> averages;
    for (const Graph::Parameter& parameter : graph_.parameters()) {
      const auto found = state.find(kAverage + parameter.name);
      if (found == state.end() || found->second.dtype != DType::f32 || found->second.shape != parameter.shape)
        return Error{Code::invalid, "the optimiser's state lacks a valid \"" + kAverage + parameter.name + "\""};
      averages.push_back(parameter.tensor.detach().clone());
    }
    return fenced("setting averages", [&]() -> Status {
      for (std::size_t i = 0; i < averages.size(); ++i)
        averages[i].copy_(
            view_of(state.find(kAverage + graph_.parameters()[i].name)->second).view(averages[i].sizes()));
      averages_ = std::move(averages);
      return {};
    });
  }

  Status check_step(const NamedArrays& inputs, const Array& targets) const {
    ACESO_TRY(const std::int64_t n, check_batch(graph_.checked().inputs, inputs));
    return check_targets(options_.loss, graph_.checked().outputs.at(logits_), n, targets);
  }

  void apply() {
    if (on_tensors_) {
      apply_on_tensors();
      return;
    }
    optimiser_.begin_step();
    for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
      const Graph::Parameter& parameter = graph_.parameters()[i];
      if (!parameter.trained || !parameter.tensor.grad().defined()) continue;
      // The gradient in the parameter's own layout, so that both can be walked as plain arrays.
      const at::Tensor gradient = parameter.tensor.grad().contiguous(parameter.tensor.suggest_memory_format());
      const auto count = static_cast<std::size_t>(parameter.tensor.numel());
      const std::span<float> w{parameter.tensor.mutable_data_ptr<float>(), count};
      const std::span<const float> g{gradient.const_data_ptr<float>(), count};
      at::parallel_for(0, parameter.tensor.numel(), kUpdateGrain, [&](std::int64_t begin, std::int64_t end) {
        optimiser_.update(i, w, g, static_cast<std::size_t>(begin), static_cast<std::size_t>(end), parameter.rate);
      });
    }
  }

  void apply_on_tensors() {
    std::vector<at::Tensor> gradients;
    for (const Graph::Parameter& parameter : graph_.parameters()) {
      const at::Tensor& gradient = parameter.tensor.grad();
      const bool held = parameter.trained && gradient.defined();
      gradients.push_back(held ? gradient.contiguous(parameter.tensor.suggest_memory_format()) : at::Tensor{});
    }
    on_tensors_->update(gradients, optimiser_.steps() + 1);
    optimiser_.begin_step();
  }

  Graph graph_;
  learn::TrainingOptions options_;
  std::string logits_, output_;
  OptimiserState optimiser_;                   // on a GPU the number of steps and the names only
  std::optional<TensorOptimiser> on_tensors_;  // on a GPU
  std::vector<at::Tensor> averages_;           // beside graph_.parameters(), running statistics among them
  double accumulated_ = 0;                     // shares of the next step that accumulate() has added
  std::uint64_t parts_ = 0;                    // batches that the gradients hold
  bool bf16_ = false;
};

// Thread-safe: the graph is only read.
class Inference final : public learn::InferenceSession {
 public:
  Inference(const learn::Network& network, Checked checked, const Weights& weights, std::string embedding,
            at::Device device)
      : graph_{network, std::move(checked), weights, device},
        output_{network.output},
        embedding_{std::move(embedding)} {}

  Result<NamedArrays> run(const NamedArrays& batch) override {
    ACESO_TRY([[maybe_unused]] const std::int64_t n, check_batch(graph_.checked().inputs, batch));
    return fenced("prediction", [&]() -> Result<NamedArrays> {
      const c10::InferenceMode inference;
      const at::Tensor out = graph_.run(batch, output_, {});
      NamedArrays outputs;
      outputs.emplace("output", to_array(out, shape_of(out)));
      if (!embedding_.empty()) {
        const at::Tensor embedding = graph_.run(batch, embedding_, {});
        outputs.emplace("embedding", to_array(embedding, shape_of(embedding)));
      }
      return outputs;
    });
  }

 private:
  Graph graph_;
  std::string output_, embedding_;
};

bool in_unit(double x) {
  return x >= 0 && x < 1;
}

Status check_options(const learn::TrainingOptions& o, at::Device device) {
  if (!std::isfinite(o.learning_rate) || o.learning_rate < 0)
    return Error{Code::invalid, "the learning rate must be finite and not negative"};
  if (!in_unit(o.beta1) || !in_unit(o.beta2) || !in_unit(o.momentum))
    return Error{Code::invalid, "beta1, beta2 and momentum must be in [0, 1)"};
  if (!(o.epsilon > 0) || !std::isfinite(o.epsilon)) return Error{Code::invalid, "epsilon must be positive"};
  if (o.nesterov && (o.optimiser != learn::Optimiser::sgd || o.momentum <= 0))
    return Error{Code::invalid, "nesterov goes with sgd and a momentum above 0"};
  if (!(o.clip_norm >= 0) || !std::isfinite(o.clip_norm)) return Error{Code::invalid, "clip_norm must not be negative"};
  if (!(o.average_decay >= 0 && o.average_decay < 1)) return Error{Code::invalid, "average_decay must be in [0, 1)"};
  if (o.precision == learn::Precision::bf16 && !has_bf16(device))
    return Error{Code::unsupported, std::string{"precision: this "} + (device.is_cuda() ? "GPU" : "machine") +
                                        " has no bfloat16 arithmetic: use fp32 or auto"};
  if (!(o.weight_decay >= 0) || !std::isfinite(o.weight_decay))
    return Error{Code::invalid, "weight_decay must not be negative"};
  return {};
}

}  // namespace

Result<std::unique_ptr<learn::TrainingSession>> make_training(const learn::Network& network, const Weights& weights,
                                                              const std::map<std::string, Shape>& inputs,
                                                              const learn::TrainingOptions& options,
                                                              at::Device device) {
  ACESO_TRY_OK(check_options(options, device));
  ACESO_TRY(Checked checked, check(network, weights, inputs));
  ACESO_TRY_OK(check_loss(options, checked.outputs.at(network.logits)));
  return fenced("preparing training", [&]() -> Result<std::unique_ptr<learn::TrainingSession>> {
    return std::unique_ptr<learn::TrainingSession>{
        std::make_unique<Training>(network, std::move(checked), weights, options, device)};
  });
}

Result<std::unique_ptr<learn::InferenceSession>> make_inference(const learn::Network& network, const Weights& weights,
                                                                const std::map<std::string, Shape>& inputs,
                                                                const std::string& embedding, at::Device device) {
  ACESO_TRY(Checked checked, check(network, weights, inputs));
  if (!embedding.empty() && !checked.outputs.contains(embedding))
    return Error{Code::invalid, "the network has no layer \"" + embedding + "\""};
  return fenced("preparing prediction", [&]() -> Result<std::unique_ptr<learn::InferenceSession>> {
    return std::unique_ptr<learn::InferenceSession>{
        std::make_unique<Inference>(network, std::move(checked), weights, embedding, device)};
  });
}

}  // namespace aceso::learn_torch
