#include "aceso/learn/foreign_model.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace aceso::learn {
namespace {

const std::string kYaml =
    "name: chest\n"
    "intended_use: Research use only.\n"
    "classes: [normal, pneumonia]\n"
    "threshold: 0.4\n"
    "input:\n"
    "  layout: NHWC\n"
    "  height: 4\n"
    "  width: 5\n"
    "  channels: 3\n"
    "  scale: 0.5\n"
    "  mean: [1, 2, 3]\n"
    "output:\n"
    "  activation: sigmoid\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(ForeignSpec, reads_all_keys) {
  const auto spec = parse_foreign_spec(kYaml, "chest.yaml");
  ASSERT_TRUE(spec.ok()) << spec.error().message();
  EXPECT_EQ(spec->card.name, "chest");
  EXPECT_EQ(spec->card.classes, (std::vector<std::string>{"normal", "pneumonia"}));
  EXPECT_EQ(spec->card.threshold, 0.4);
  EXPECT_TRUE(spec->preprocessing.channels_last);
  EXPECT_EQ(spec->preprocessing.width, 5);
  EXPECT_EQ(spec->preprocessing.mean, (std::vector<double>{1, 2, 3}));
  EXPECT_TRUE(spec->logits);
}

TEST(ForeignSpec, names_line_and_key_of_what_is_wrong) {
  for (const auto& [yaml, words] :
       {std::pair{replaced(kYaml, "height: 4", "heigth: 4"),
                  "chest.yaml:7: input.heigth: unknown key, did you mean height?"},
        std::pair{replaced(kYaml, "width: 5", "width: 0"), "chest.yaml:8: input.width"},
        std::pair{replaced(kYaml, "NHWC", "HWC"), "input.layout"},
        std::pair{replaced(kYaml, "sigmoid", "relu"), "output.activation"},
        std::pair{replaced(kYaml, "classes: [normal, pneumonia]", "classes: [one]"), "chest.yaml:3: classes"},
        std::pair{replaced(kYaml, "name: chest\n", ""), "name, intended_use, classes"},
        std::pair{replaced(kYaml, "mean: [1, 2, 3]", "mean: [1, 2]"), "mean and std"},
        std::pair{replaced(kYaml, "threshold: 0.4", "name: twice"), "there twice"},
        std::pair{std::string{"{"}, "not YAML"}}) {
    const auto spec = parse_foreign_spec(yaml, "chest.yaml");
    ASSERT_FALSE(spec.ok()) << yaml;
    EXPECT_NE(spec.error().message().find(words), std::string::npos) << spec.error().message();
  }
}

// Answers with as many numbers a sample as it is told, each the place of its column.
class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(std::int64_t width) : width_{width} {}
  std::string name() const override { return "fake"; }
  std::string version() const override { return "1"; }
  std::string device() const override { return "none"; }
  Result<std::unique_ptr<InferenceSession>> load(const Network&, const Weights&, const std::map<std::string, Shape>&,
                                                 const InferenceOptions&) override {
    return Error{Code::unsupported, "fake"};
  }
  Result<std::unique_ptr<InferenceSession>> load_onnx(std::span<const std::byte>, const InferenceOptions&) override {
    return std::unique_ptr<InferenceSession>{std::make_unique<Session>(width_)};
  }
  Result<std::unique_ptr<TrainingSession>> train(const Network&, const Weights&, const std::map<std::string, Shape>&,
                                                 const TrainingOptions&) override {
    return Error{Code::unsupported, "fake"};
  }

 private:
  struct Session final : InferenceSession {
    explicit Session(std::int64_t w) : width{w} {}
    Result<NamedArrays> run(const NamedArrays& batch) override {
      const std::int64_t n = batch.begin()->second.shape[0];
      Array out = Array::zeros(DType::f32, {n, width});
      for (std::size_t i = 0; i < out.f32().size(); ++i)
        out.f32()[i] = static_cast<float>(i % static_cast<std::size_t>(width));
      NamedArrays all;
      all.emplace("output", std::move(out));
      return all;
    }
    std::int64_t width;
  };
  std::int64_t width_;
};

std::vector<std::byte> mlp_onnx(std::int64_t outputs, const Shape& sample = {3, 4, 5}) {
  ArchitectureRegistry registry;
  register_builtin_architectures(registry);
  const Network network = *registry.make("logistic", {.input = sample, .outputs = outputs});
  Shape batch{-1};
  batch.insert(batch.end(), sample.begin(), sample.end());
  const std::map<std::string, Shape> inputs{{network.layers.front().name, batch}};
  return *to_onnx(network, initial_weights(network, *infer_shapes(network, inputs), 1), inputs);
}

TEST(ForeignBundle, is_put_together_from_file_specification_and_a_trial_run) {
  const ForeignSpec spec = *parse_foreign_spec(replaced(replaced(kYaml, "NHWC", "NCHW"), "sigmoid", "softmax"), "f");
  FakeEngine engine{2};
  const auto bundle = make_foreign_bundle(engine, mlp_onnx(2), spec);
  ASSERT_TRUE(bundle.ok()) << bundle.error().message();
  EXPECT_EQ(bundle->signature.inputs[0].shape, (Shape{3, 4, 5}));
  EXPECT_EQ(bundle->signature.outputs[0].kind, PortKind::logit);
  EXPECT_EQ(bundle->training["opset"], 17);
  EXPECT_FALSE(bundle->onnx.empty());

  const auto session = load_bundle(engine, *bundle, {});
  ASSERT_TRUE(session.ok());
  NamedArrays batch;
  batch.emplace("image", Array::zeros(DType::f32, {3, 3, 4, 5}));
  const auto out = (*session)->run(batch);
  ASSERT_TRUE(out.ok()) << out.error().message();
  for (std::size_t row = 0; row < 3; ++row) {  // softmax of (0, 1)
    EXPECT_NEAR(out->at("output").f32()[2 * row], 1 / (1 + std::exp(1.0)), 1e-6);
    EXPECT_NEAR(out->at("output").f32()[2 * row + 1], 1 / (1 + std::exp(-1.0)), 1e-6);
  }
}

TEST(ForeignBundle, is_refused_when_file_and_specification_contradict_each_other) {
  const ForeignSpec last = *parse_foreign_spec(kYaml, "f");
  const ForeignSpec first = *parse_foreign_spec(replaced(kYaml, "NHWC", "NCHW"), "f");
  FakeEngine two{2}, three{3};
  EXPECT_NE(make_foreign_bundle(two, mlp_onnx(2), last).error().message().find("layout"), std::string::npos);
  EXPECT_NE(make_foreign_bundle(three, mlp_onnx(3), first).error().message().find("3 numbers"), std::string::npos);
  ForeignSpec named = first;
  named.input = "pixels";
  EXPECT_NE(make_foreign_bundle(two, mlp_onnx(2), named).error().message().find("image"), std::string::npos);
  const auto bytes = mlp_onnx(2);
  EXPECT_FALSE(make_foreign_bundle(two, {bytes.data(), bytes.size() / 2}, first).ok());
}

}  // namespace
}  // namespace aceso::learn
