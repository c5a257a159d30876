// Both engines against PyTorch and torchvision (golden/outputs.json), and against each other.
#include <fstream>
#include <nlohmann/json.hpp>

#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::NamedArrays;
using learn::Shape;

nlohmann::json golden() {
  std::ifstream file{ACESO_GOLDEN_FILE};
  return nlohmann::json::parse(file);
}

std::vector<float> floats(const nlohmann::json& list) {
  return list.get<std::vector<float>>();
}

Model model_of(const nlohmann::json& entry) {
  Shape sample = entry["input"].get<Shape>();
  sample.erase(sample.begin());
  return make_model(entry["architecture"], sample, entry["outputs"].get<std::int64_t>());
}

Array run(learn::Engine& engine, const Model& model, const Array& input) {
  auto session = engine.load(model.network, model.weights, model.inputs, {1, false});
  if (!session) throw std::runtime_error{session.error().message()};
  auto out = (*session)->run(model.batch(input));
  if (!out) throw std::runtime_error{out.error().message()};
  return out->at("output");
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, every_network_gives_what_pytorch_gives) {
  const nlohmann::json document = golden();
  for (const auto& entry : document["cases"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    Model model = model_of(entry);
    const Array input = counted_input(entry["input"].get<Shape>());
    const Array probabilities = run(engine(GetParam()), model, input);
    EXPECT_EQ(probabilities.shape, (Shape{input.shape[0], entry["outputs"].get<std::int64_t>()}));
    EXPECT_LT(largest_difference(probabilities.f32(), floats(entry["probabilities"])), 1e-5);
    model.network.output = model.network.logits;
    EXPECT_LT(largest_difference(run(engine(GetParam()), model, input).f32(), floats(entry["logits"])), 1e-4);
  }
}
INSTANTIATE_TEST_SUITE_P(Engines, Golden, testing::Values("torch", "openvino"),
                         [](const auto& param) { return std::string{param.param}; });

TEST(Engines, agree_on_starting_weights_within_1e_4) {
  for (const auto& [architecture, shape, outputs] :
       {std::tuple{"article_cnn", Shape{4, 3, 128, 128}, 1}, std::tuple{"resnet18", Shape{4, 1, 64, 64}, 2},
        std::tuple{"signal_cnn", Shape{7, 2, 100}, 4}, std::tuple{"mlp", Shape{9, 5}, 1},
        std::tuple{"logistic", Shape{6, 11}, 1}}) {
    SCOPED_TRACE(architecture);
    const Model model =
        with_initial_weights(make_model(architecture, Shape{shape.begin() + 1, shape.end()}, outputs), 11);
    const Array input = counted_input(shape, 5);
    const Array a = run(engine("torch"), model, input);
    const Array b = run(engine("openvino"), model, input);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_LT(largest_difference(a.f32(), b.f32()), 1e-4);
  }
}

TEST(OpenVino, reads_our_onnx_and_gives_what_the_native_graph_gives) {
  for (const auto& [architecture, shape, outputs] :
       {std::tuple{"article_cnn", Shape{2, 3, 64, 64}, 1}, std::tuple{"resnet18", Shape{2, 3, 64, 64}, 3},
        std::tuple{"signal_cnn", Shape{3, 2, 100}, 1}, std::tuple{"mlp", Shape{4, 5}, 3}}) {
    SCOPED_TRACE(architecture);
    const Model model = make_model(architecture, Shape{shape.begin() + 1, shape.end()}, outputs);
    const auto onnx = learn::to_onnx(model.network, model.weights, model.inputs);
    ASSERT_TRUE(onnx.ok()) << onnx.error().message();
    auto session = engine("openvino").load_onnx(*onnx, {1, false});
    ASSERT_TRUE(session.ok()) << session.error().message();
    const Array input = counted_input(shape, 3);
    auto out = (*session)->run(model.batch(input));
    ASSERT_TRUE(out.ok()) << out.error().message();
    EXPECT_LT(largest_difference(out->at("output").f32(), run(engine("openvino"), model, input).f32()), 1e-5);
  }
}

TEST(Torch, three_training_steps_of_the_article_equal_pytorchs) {
  const nlohmann::json entry = golden()["article_steps"];
  const Shape shape = entry["input"].get<Shape>();
  const Model model = make_model("article_cnn", {shape.begin() + 1, shape.end()}, 1);
  learn::TrainingOptions options;
  options.learning_rate = entry["learning_rate"];
  options.threads = 1;
  auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
  ASSERT_TRUE(session.ok()) << session.error().message();
  const NamedArrays batch = model.batch(counted_input(shape));
  Array targets = Array::zeros(learn::DType::f32, {shape[0]});
  for (std::size_t i = 0; i < targets.f32().size(); i += 3) targets.f32()[i] = 1;
  const auto& losses = entry["losses"];
  for (std::size_t t = 0; t + 1 < losses.size(); ++t) {
    const auto loss = (*session)->step(batch, targets);
    ASSERT_TRUE(loss.ok()) << loss.error().message();
    EXPECT_NEAR(*loss, losses[t].get<double>(), 2e-4) << "step " << t + 1;
  }
  EXPECT_NEAR(*(*session)->loss(batch, targets), losses.back().get<double>(), 2e-4);
  const auto weights = (*session)->weights();
  ASSERT_TRUE(weights.ok());
  for (const auto& [name, sums] : entry["sums"].items()) {
    double absolute = 0, sum = 0;
    const Array& array = weights->at(name);
    for (const float x : array.f32()) {
      absolute += std::fabs(static_cast<double>(x));
      sum += static_cast<double>(x);
    }
    EXPECT_NEAR(absolute, sums[0].get<double>(), 1e-3 * sums[0].get<double>()) << name;
    EXPECT_NEAR(sum, sums[1].get<double>(), 1e-3 * sums[0].get<double>()) << name;
  }
}

}  // namespace
}  // namespace aceso::learn_torch::test
