#include "aceso/learn/explain.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "fake_engine.hpp"

namespace aceso::learn {
namespace {

Array noise(const Shape& shape, std::uint64_t seed) {
  Array array = Array::zeros(DType::f32, shape);
  const Philox philox{seed};
  for (std::size_t i = 0; i < array.f32().size(); ++i) array.f32()[i] = static_cast<float>(philox.uniform01(0, i));
  return array;
}

std::size_t brightest(const Array& map) {
  return static_cast<std::size_t>(std::max_element(map.f32().begin(), map.f32().end()) - map.f32().begin());
}

// The logit is the sum over a corner: only patches over that corner can lower it.
TEST(Occlusion, finds_the_only_place_that_counts_in_2d_and_in_3d) {
  for (const Shape& shape : {Shape{1, 2, 32, 32}, Shape{1, 1, 16, 16, 16}}) {
    Array input = noise(shape, 3);
    const std::size_t places = input.f32().size() / static_cast<std::size_t>(shape[1]);
    const auto side = static_cast<std::size_t>(shape.back());
    const auto counts = [&](std::size_t place) {  // the last quarter along every dimension
      for (std::size_t d = 2; d < shape.size(); ++d, place /= side) {
        if (place % side < side * 3 / 4) return false;
      }
      return true;
    };
    for (std::size_t i = 0; i < input.f32().size(); ++i) {
      if (counts(i % places)) input.f32()[i] += 5;
    }
    const Scorer score = [&](const Array& batch) -> Result<std::vector<double>> {
      std::vector<double> sums(static_cast<std::size_t>(batch.shape[0]), 0);
      for (std::size_t i = 0; i < batch.f32().size(); ++i) {
        if (counts(i % places))
          sums[i / (places * static_cast<std::size_t>(shape[1]))] += static_cast<double>(batch.f32()[i]);
      }
      return sums;
    };
    const auto map = occlusion_map(input, score, {});
    ASSERT_OK(map);
    EXPECT_EQ(map->shape, Shape(shape.begin() + 2, shape.end()));
    EXPECT_TRUE(counts(brightest(*map)));
    EXPECT_NEAR(static_cast<double>(map->f32()[0]), 0, 1e-4);
  }
}

TEST(CutNetwork, ends_at_the_last_layer_that_has_places) {
  ArchitectureRegistry registry;
  register_builtin_architectures(registry);
  for (const char* name : {"article_cnn", "resnet18"}) {
    const auto network = registry.make(name, {.input = {1, 64, 64}, .outputs = 1});
    const std::map<std::string, Shape> inputs{{"image", {-1, 1, 64, 64}}};
    const auto cut = cut_at_last_map(*network, inputs);
    ASSERT_OK(cut);
    ASSERT_EQ(cut->shape.size(), 4U);
    const auto whole = infer_shapes(*network, inputs);
    const auto head = infer_shapes(cut->head, inputs);
    const auto tail = infer_shapes(cut->tail, {{cut->layer, cut->shape}});
    ASSERT_OK(head);
    ASSERT_OK(tail);
    EXPECT_EQ(head->outputs.at(cut->layer), cut->shape);
    EXPECT_EQ(tail->outputs.at(network->logits), whole->outputs.at(network->logits));
    EXPECT_EQ(head->parameters.size() + tail->parameters.size(), whole->parameters.size()) << name;
  }
  const auto flat = registry.make("logistic", {.input = {1, 64, 64}, .outputs = 1});
  EXPECT_CODE(cut_at_last_map(*flat, {{"image", {-1, 1, 64, 64}}}), Code::unsupported);
}

TEST(StructuralSimilarity, is_one_with_itself_and_little_with_noise) {
  const Array a = noise({32, 32}, 1), b = noise({32, 32}, 2);
  EXPECT_NEAR(structural_similarity(a, a), 1, 1e-12);
  EXPECT_LT(structural_similarity(a, b), 0.3);
}

struct Subject {
  Network network;
  Weights weights;
  NamedArrays sample;
};

// A logistic regression that only looks at the upper left corner of 16 x 16 pixels.
Subject corner_model() {
  ArchitectureRegistry registry;
  register_builtin_architectures(registry);
  Subject s;
  s.network = *registry.make("logistic", {.input = {1, 16, 16}, .outputs = 1});
  const auto shapes = infer_shapes(s.network, {{"image", {-1, 1, 16, 16}}});
  s.weights = initial_weights(s.network, *shapes, 1);
  auto w = s.weights.begin();
  for (; w->first.find(".weight") == std::string::npos; ++w) {
  }
  for (std::size_t i = 0; i < 256; ++i) w->second.f32()[i] = i / 16 < 4 && i % 16 < 4 ? 0.3F : 0.0F;
  Array image = noise({1, 1, 16, 16}, 9);
  for (std::size_t i = 0; i < 256; ++i) {
    if (i / 16 < 4 && i % 16 < 4) image.f32()[i] += 1;
  }
  s.sample.emplace("image", std::move(image));
  return s;
}

TEST(Explain, passes_a_map_that_depends_on_what_was_learned) {
  const Subject s = corner_model();
  FakeEngine engine;
  const auto progress = make_callback_progress([](const ProgressUpdate&) {});
  const auto made = explain(
      engine, s.network, s.weights, s.sample,
      {.method = ExplainMethod::occlusion, .output = 0, .finding = MapBox{{0, 0}, {4, 4}}, .seed = 1}, *progress, {});
  ASSERT_OK(made);
  EXPECT_TRUE(made->passed) << to_json(*made).dump(1);
  EXPECT_EQ(made->checks.size(), 4U);
  EXPECT_LT(brightest(made->map), 64U);
  const auto elsewhere = explain(
      engine, s.network, s.weights, s.sample,
      {.method = ExplainMethod::occlusion, .output = 0, .finding = MapBox{{8, 8}, {16, 16}}, .seed = 1}, *progress, {});
  EXPECT_FALSE(elsewhere->passed);
  EXPECT_EQ(elsewhere->checks.back().name, "pointing game");
}

// An engine that answers the same whatever the weights are: its maps show the input, not the model.
class DeafEngine final : public Engine {
 public:
  explicit DeafEngine(Weights weights) : weights_{std::move(weights)} {}
  std::string name() const override { return "deaf"; }
  std::string version() const override { return "1"; }
  std::string device() const override { return "test"; }
  Result<std::unique_ptr<InferenceSession>> load(const Network& network, const Weights&,
                                                 const std::map<std::string, Shape>& inputs,
                                                 const InferenceOptions& options) override {
    return inner_.load(network, weights_, inputs, options);
  }
  Result<std::unique_ptr<InferenceSession>> load_onnx(std::span<const std::byte>, const InferenceOptions&) override {
    return Error{Code::unsupported, "deaf"};
  }
  Result<std::unique_ptr<TrainingSession>> train(const Network&, const Weights&, const std::map<std::string, Shape>&,
                                                 const TrainingOptions&) override {
    return Error{Code::unsupported, "deaf"};
  }

 private:
  FakeEngine inner_;
  Weights weights_;
};

TEST(Explain, fails_a_map_that_random_weights_give_as_well) {
  const Subject s = corner_model();
  DeafEngine engine{s.weights};
  const auto progress = make_callback_progress([](const ProgressUpdate&) {});
  const auto made =
      explain(engine, s.network, s.weights, s.sample, {.method = ExplainMethod::occlusion}, *progress, {});
  ASSERT_OK(made);
  EXPECT_FALSE(made->passed);
  const auto failed = std::find_if(made->checks.begin(), made->checks.end(), [](const Check& c) { return !c.passed; });
  EXPECT_EQ(failed->name, "weight randomisation");
}

TEST(Explain, says_what_it_cannot_do) {
  const Subject s = corner_model();
  FakeEngine engine;
  const auto progress = make_callback_progress([](const ProgressUpdate&) {});
  EXPECT_CODE(
      explain(engine, s.network, s.weights, s.sample, {.method = ExplainMethod::integrated_gradients}, *progress, {}),
      Code::unsupported);
  EXPECT_CODE(explain(engine, s.network, s.weights, s.sample, {.method = ExplainMethod::gradcam}, *progress, {}),
              Code::unsupported);
  EXPECT_CODE(explain(engine, s.network, s.weights, s.sample,
                      {.method = ExplainMethod::occlusion, .output = 0, .finding = MapBox{{0, 0}, {17, 4}}, .seed = 1},
                      *progress, {}),
              Code::invalid);
  EXPECT_CODE(parse_explain_method("magic"), Code::invalid);
}

TEST(Overlay, colours_the_picture_where_the_map_is_high) {
  imaging::Image picture{
      .width = 20, .height = 10, .channels = 1, .bits = 8, .pixels = std::vector<std::byte>(200, std::byte{90})};
  Array map = Array::zeros(DType::f32, {5, 5});
  map.f32()[24] = 1;
  const auto over = overlay(picture, map);
  ASSERT_OK(over);
  EXPECT_EQ(over->channels, 3);
  EXPECT_EQ(over->width, 20);
  EXPECT_EQ(over->pixels[0], std::byte{90});
  EXPECT_NE(over->pixels[199 * 3], over->pixels[199 * 3 + 2]);
  picture.pixels.pop_back();
  EXPECT_CODE(overlay(picture, map), Code::invalid);
}

}  // namespace
}  // namespace aceso::learn
