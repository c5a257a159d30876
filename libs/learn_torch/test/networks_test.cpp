// Operations against PyTorch, architectures against torchvision and MONAI (golden/networks.json), on both engines and
// through ONNX; and that what trains them reaches every parameter.
#include <fstream>
#include <nlohmann/json.hpp>

#include "aceso/learn/weight_import.hpp"
#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::Shape;

const nlohmann::json& golden_networks() {
  static const auto& document = *new nlohmann::json(nlohmann::json::parse(std::ifstream{ACESO_GOLDEN_NETWORKS}));
  return document;
}

Model with_counted_weights(learn::Network network, Shape input) {
  Model model;
  model.network = std::move(network);
  model.port = model.network.layers.front().name;
  input[0] = -1;
  model.inputs.emplace(model.port, std::move(input));
  const auto shapes = learn::infer_shapes(model.network, model.inputs);
  if (!shapes) throw std::runtime_error{shapes.error().message()};
  model.weights = counted_weights(*shapes);
  return model;
}

template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message()};
  return std::move(*result);
}

// "torch", "openvino", or "onnx": exported, then read by OpenVINO.
Array run(const std::string& how, const Model& model, const Array& input) {
  if (how == "onnx") {
    const auto bytes = value_of(learn::to_onnx(model.network, model.weights, model.inputs));
    return value_of(value_of(engine("openvino").load_onnx(bytes, {1, false}))->run(model.batch(input))).at("output");
  }
  const auto session = value_of(engine(how).load(model.network, model.weights, model.inputs, {1, false}));
  return value_of(session->run(model.batch(input))).at("output");
}

void expect_kept(const nlohmann::json& expected, const Array& got, double tolerance) {
  EXPECT_EQ(got.shape, expected["shape"].get<Shape>());
  const auto step = expected["step"].get<std::size_t>();
  const auto values = expected["values"].get<std::vector<float>>();
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_LT(i * step, got.f32().size());
    largest = std::max(largest, std::fabs(static_cast<double>(got.f32()[i * step]) - static_cast<double>(values[i])));
  }
  EXPECT_LT(largest, tolerance);
}

learn::Network network_of(const nlohmann::json& entry) {
  const Shape shape = entry["input"].get<Shape>();
  const Shape sample{shape.begin() + 1, shape.end()};
  if (entry.contains("unet")) {
    const auto& how = entry["unet"];
    return value_of(learn::make_unet({.input = sample,
                                      .outputs = entry["outputs"],
                                      .channels = how["channels"],
                                      .strides = how["strides"],
                                      .residual_units = how["residual_units"],
                                      .batch_norm = how["batch_norm"],
                                      .multi_label = entry["task"] == "multi_label"}));
  }
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  learn::ArchitectureOptions options{.input = sample, .outputs = entry["outputs"]};
  for (const auto task :
       {learn::Task::classes, learn::Task::multi_label, learn::Task::regression, learn::Task::outlines}) {
    if (entry["task"] == to_string(task)) options.task = task;
  }
  if (entry["stem"] == "standard") options.stem = learn::Stem::standard;
  return value_of(registry.make(entry["architecture"].get<std::string>(), options));
}

class Networks : public testing::TestWithParam<const char*> {};

TEST_P(Networks, every_operation_gives_what_pytorch_gives_in_one_two_and_three_dimensions) {
  for (const auto& entry : golden_networks()["operations"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const Shape shape = entry["input"].get<Shape>();
    const Model model = with_counted_weights(value_of(learn::parse_network(entry["network"])), shape);
    expect_kept(entry["output"], run(GetParam(), model, counted_input(shape)), 2e-5);
  }
}

TEST_P(Networks, every_architecture_gives_what_torchvision_or_monai_gives) {
  for (const auto& entry : golden_networks()["architectures"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const Shape shape = entry["input"].get<Shape>();
    Model model = with_counted_weights(network_of(entry), shape);
    std::int64_t trained = 0;
    for (const auto& [name, array] : model.weights) {
      if (name.find(".running_") == std::string::npos) trained += *learn::element_count(array.shape);
    }
    EXPECT_EQ(trained, entry["parameters"].get<std::int64_t>());
    const Array input = counted_input(shape);
    expect_kept(entry["output"], run(GetParam(), model, input), 2e-5);
    if (std::string_view{GetParam()} != "torch") continue;
    model.network.output = model.network.logits;
    expect_kept(entry["logits"], run(GetParam(), model, input), 3e-4);
  }
}
INSTANTIATE_TEST_SUITE_P(Engines, Networks, testing::Values("torch", "openvino", "onnx"),
                         [](const auto& param) { return std::string{param.param}; });

TEST(Torch, a_step_moves_every_parameter_of_a_volume_network) {
  const Model model = with_initial_weights(
      with_counted_weights(value_of(learn::make_unet({.input = {1, 8, 8, 8}, .channels = {4, 8}, .strides = {2}})),
                           {2, 1, 8, 8, 8}),
      3);
  learn::TrainingOptions options;
  options.threads = 1;
  options.loss = learn::Loss::mean_squared_error;
  const auto session = value_of(engine("torch").train(model.network, model.weights, model.inputs, options));
  const auto batch = model.batch(counted_input({2, 1, 8, 8, 8}));
  const Array targets = counted_input({2, 1, 8, 8, 8}, 7);
  const double before = value_of(session->loss(batch, targets));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(session->step(batch, targets).ok());
  EXPECT_LT(value_of(session->loss(batch, targets)), before);
  for (const auto& [name, array] : value_of(session->weights())) {
    // Behind an instance normalisation a bias changes nothing, and its gradient is rounding at most.
    if (name.ends_with(".conv.bias") && !name.starts_with("model.2.1")) continue;
    EXPECT_GT(largest_difference(array.f32(), model.weights.at(name).f32()), 1e-5) << name;
  }
}

TEST(Torch, frozen_weights_and_their_statistics_stay_and_rates_scale_the_step) {
  const Model model = with_initial_weights(make_model("resnet18", {1, 32, 32}, 1), 3);
  const auto shapes = value_of(learn::infer_shapes(model.network, model.inputs));
  const auto after = [&](const std::vector<std::string>& freeze, double head) {
    learn::TrainingOptions options;
    options.threads = 1;
    options.optimiser = learn::Optimiser::sgd;
    options.rate_factors = value_of(learn::rate_factors(shapes, freeze, {{"fc.*", head}}));
    const auto session = value_of(engine("torch").train(model.network, model.weights, model.inputs, options));
    const Task task = bright_half({4, 1, 32, 32}, 5);
    EXPECT_TRUE(session->step(model.batch(task.inputs), task.targets).ok());
    return value_of(session->weights());
  };
  const learn::Weights slow = after({"conv1.*", "bn1.*", "layer*"}, 1), fast = after({"conv1.*", "bn1.*", "layer*"}, 4);
  for (const auto& [name, array] : slow) {
    const double moved = largest_difference(array.f32(), model.weights.at(name).f32());
    if (!name.starts_with("fc.")) {
      EXPECT_EQ(moved, 0) << name;
      continue;
    }
    EXPECT_GT(moved, 0) << name;
    EXPECT_NEAR(largest_difference(fast.at(name).f32(), model.weights.at(name).f32()), 4 * moved, 1e-3 * moved) << name;
  }
}

}  // namespace
}  // namespace aceso::learn_torch::test
