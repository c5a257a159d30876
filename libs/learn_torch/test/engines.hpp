// The two engines, loaded as a node or a worker loads them, and networks to run on them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "aceso/learn/engine.hpp"
#include "golden_rule.hpp"

namespace aceso::learn_torch::test {

inline learn::Engine& engine(std::string_view name) {
  // Never destroyed: at exit the engines' own statics are gone before ours would be.
  static auto& loaded = *new std::map<std::string, std::unique_ptr<learn::Engine>, std::less<>>;
  if (const auto found = loaded.find(name); found != loaded.end()) return *found->second;
  auto made = learn::load_engine("learn_" + std::string{name}, ACESO_ENGINE_FOLDER);
  if (!made) throw std::runtime_error{made.error().message()};
  return *loaded.emplace(name, std::move(*made)).first->second;
}

struct Model {
  learn::Network network;
  std::map<std::string, learn::Shape> inputs;  // any batch
  learn::Weights weights;
  std::string port;

  learn::NamedArrays batch(learn::Array array) const {
    learn::NamedArrays arrays;
    arrays.emplace(port, std::move(array));
    return arrays;
  }
};

inline Model make_model(const std::string& architecture, const learn::Shape& sample, std::int64_t outputs) {
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  auto network = registry.make(architecture, {sample, outputs});
  if (!network) throw std::runtime_error{network.error().message()};
  Model model;
  model.network = std::move(*network);
  model.port = model.network.layers.front().name;
  learn::Shape any_batch(sample.size() + 1, -1);
  std::copy(sample.begin(), sample.end(), any_batch.begin() + 1);
  model.inputs.emplace(model.port, std::move(any_batch));
  auto shapes = learn::infer_shapes(model.network, model.inputs);
  if (!shapes) throw std::runtime_error{shapes.error().message()};
  model.weights = counted_weights(*shapes);
  return model;
}

inline Model with_initial_weights(Model model, std::uint64_t seed) {
  model.weights = learn::initial_weights(model.network, *learn::infer_shapes(model.network, model.inputs), seed);
  return model;
}

inline double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = a.size() == b.size() ? 0 : HUGE_VAL;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return largest;
}

// Images whose right half is brighter when the label is 1, with noise; 1-channel squares unless said otherwise.
struct Task {
  learn::Array inputs, targets;
};
inline Task bright_half(const learn::Shape& shape, std::uint64_t stream) {
  Task task{counted_input(shape, stream), learn::Array::zeros(learn::DType::f32, {shape[0]})};
  const auto width = static_cast<std::size_t>(shape.back());
  const std::size_t sample = task.inputs.f32().size() / static_cast<std::size_t>(shape[0]);
  for (std::size_t i = 0; i < task.inputs.f32().size(); ++i) {
    const bool positive = (i / sample) % 2 == 1;
    const bool right = i % width >= width / 2;
    if (positive == right) task.inputs.f32()[i] += 0.3F;
  }
  for (std::size_t n = 1; n < static_cast<std::size_t>(shape[0]); n += 2) task.targets.f32()[n] = 1;
  return task;
}

}  // namespace aceso::learn_torch::test
