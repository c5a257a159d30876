// Logistic regression by plain gradient descent, whatever network it is given: lets the training loop be tested without
// an engine module.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "aceso/learn/engine.hpp"

namespace aceso::learn {

class FakeModel final : public TrainingSession, public InferenceSession {
 public:
  FakeModel(std::size_t features, std::size_t outputs, double rate)
      : features_{features}, outputs_{outputs}, rate_{rate}, w_(features * outputs), b_(outputs) {}

  std::function<double(int step, double loss)> tamper;  // what step() says instead of its loss

  Result<double> step(const NamedArrays& inputs, const Array& targets) override {
    const Array& x = inputs.begin()->second;
    const auto n = static_cast<std::size_t>(x.shape[0]);
    std::vector<double> p(outputs_);
    std::vector<double> gw(w_.size()), gb(outputs_);
    double loss = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float* row = x.f32().data() + i * features_;
      predict(row, p.data());
      const std::int64_t truth = label(targets, i);
      loss -= std::log(
          std::max(1e-12, outputs_ == 1 ? (truth == 1 ? p[0] : 1 - p[0]) : p[static_cast<std::size_t>(truth)]));
      for (std::size_t k = 0; k < outputs_; ++k) {
        const double aim = outputs_ == 1 ? static_cast<double>(truth) : (truth == static_cast<std::int64_t>(k) ? 1 : 0);
        const double error = (p[k] - aim) / static_cast<double>(n);
        gb[k] += error;
        for (std::size_t f = 0; f < features_; ++f) gw[k * features_ + f] += error * static_cast<double>(row[f]);
      }
    }
    for (std::size_t j = 0; j < w_.size(); ++j) w_[j] -= rate_ * gw[j];
    for (std::size_t k = 0; k < outputs_; ++k) b_[k] -= rate_ * gb[k];
    loss /= static_cast<double>(n);
    return tamper ? tamper(++steps_, loss) : loss;
  }
  Result<Array> forward(const NamedArrays& inputs) override {
    const Array& x = inputs.begin()->second;
    Array out = Array::zeros(DType::f32, {x.shape[0], static_cast<std::int64_t>(outputs_)});
    std::vector<double> p(outputs_);
    for (std::size_t i = 0; i < static_cast<std::size_t>(x.shape[0]); ++i) {
      predict(x.f32().data() + i * features_, p.data());
      for (std::size_t k = 0; k < outputs_; ++k) out.f32()[i * outputs_ + k] = static_cast<float>(p[k]);
    }
    return out;
  }
  Result<NamedArrays> run(const NamedArrays& batch) override {
    ACESO_TRY(Array out, forward(batch));
    return NamedArrays{{"output", std::move(out)}};
  }
  Result<double> loss(const NamedArrays&, const Array&) override { return 0.0; }
  Result<Weights> weights() const override {
    return Weights{
        {"dense.weight", Array::from({static_cast<std::int64_t>(outputs_), static_cast<std::int64_t>(features_)},
                                     {w_.begin(), w_.end()})},
        {"dense.bias", Array::from({static_cast<std::int64_t>(outputs_)}, {b_.begin(), b_.end()})}};
  }
  Status set_weights(const Weights& weights) override {
    const auto w = weights.at("dense.weight").f32();
    w_.assign(w.begin(), w.end());
    const auto b = weights.at("dense.bias").f32();
    b_.assign(b.begin(), b.end());
    return {};
  }
  Status set_learning_rate(double rate) override {
    rate_ = rate;
    return {};
  }
  Result<Weights> optimiser_state() const override { return Weights{}; }
  Status set_optimiser_state(const Weights&) override { return {}; }

 private:
  static std::int64_t label(const Array& targets, std::size_t i) {
    if (targets.dtype == DType::f32) return targets.f32()[i] > 0.5F ? 1 : 0;
    return targets.as<std::int64_t>()[i];
  }
  void predict(const float* row, double* p) const {
    double sum = 0;
    for (std::size_t k = 0; k < outputs_; ++k) {
      double z = b_[k];
      for (std::size_t f = 0; f < features_; ++f) z += w_[k * features_ + f] * static_cast<double>(row[f]);
      p[k] = outputs_ == 1 ? 1 / (1 + std::exp(-z)) : std::exp(z);
      sum += p[k];
    }
    if (outputs_ > 1) {
      for (std::size_t k = 0; k < outputs_; ++k) p[k] /= sum;
    }
  }
  std::size_t features_, outputs_;
  double rate_;
  std::vector<double> w_, b_;
  int steps_ = 0;
};

class FakeEngine final : public Engine {
 public:
  std::function<double(int step, double loss)> tamper;
  double rate = 1.0;

  std::string name() const override { return "fake"; }
  std::string version() const override { return "1"; }
  std::string device() const override { return "test"; }
  Result<std::unique_ptr<InferenceSession>> load(const Network& network, const Weights& weights,
                                                 const std::map<std::string, Shape>& inputs,
                                                 const InferenceOptions&) override {
    auto model = make(network, inputs);
    ACESO_TRY_OK(model->set_weights(weights));
    return std::unique_ptr<InferenceSession>{std::move(model)};
  }
  Result<std::unique_ptr<InferenceSession>> load_onnx(std::span<const std::byte>, const InferenceOptions&) override {
    return Error{Code::unsupported, "fake"};
  }
  Result<std::unique_ptr<TrainingSession>> train(const Network& network, const Weights&,
                                                 const std::map<std::string, Shape>& inputs,
                                                 const TrainingOptions&) override {
    auto model = make(network, inputs);
    model->tamper = tamper;
    return std::unique_ptr<TrainingSession>{std::move(model)};
  }

 private:
  std::unique_ptr<FakeModel> make(const Network& network, const std::map<std::string, Shape>& inputs) const {
    const auto shapes = infer_shapes(network, inputs);
    std::size_t features = 1;
    const Shape& shape = inputs.begin()->second;
    for (std::size_t d = 1; d < shape.size(); ++d) features *= static_cast<std::size_t>(shape[d]);
    return std::make_unique<FakeModel>(features, static_cast<std::size_t>(shapes->outputs.at(network.output)[1]), rate);
  }
};

}  // namespace aceso::learn
