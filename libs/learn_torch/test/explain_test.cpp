// Gradients and the maps made of them, against differences, closed forms and phantoms whose nodule's place is known.
#include "aceso/learn/explain.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/learn/dataset.hpp"
#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::ExplainMethod;

const auto quiet = make_callback_progress([](const ProgressUpdate&) {});

TEST(Gradients, agree_with_differences) {
  const Model model = with_initial_weights(make_model("article_cnn", {1, 32, 32}, 3), 4);
  const auto session = engine("torch").gradients(model.network, model.weights, model.inputs);
  ASSERT_TRUE(session) << session.error().message();
  Array input = counted_input({2, 1, 32, 32}, 5);
  const auto at = (*session)->run(model.batch(input), 2);
  ASSERT_TRUE(at) << at.error().message();
  ASSERT_EQ(at->logits.size(), 2U);
  const auto g = at->by_input.at(model.port).f32();
  for (const std::size_t i : {std::size_t{100}, std::size_t{500}, std::size_t{1024 + 333}}) {
    Array up = input, down = input;
    constexpr float kStep = 0.02F;
    up.f32()[i] += kStep;
    down.f32()[i] -= kStep;
    const std::size_t sample = i / 1024;
    const double high = (*session)->run(model.batch(up), 2)->logits[sample];
    const double low = (*session)->run(model.batch(down), 2)->logits[sample];
    EXPECT_NEAR(static_cast<double>(g[i]), (high - low) / (2 * static_cast<double>(kStep)), 2e-3) << i;
  }
  EXPECT_EQ((*session)->run(model.batch(input), 3).error().code(), Code::invalid);
}

TEST(IntegratedGradients, of_a_linear_model_are_weight_times_distance_from_the_baseline) {
  const Model model = with_initial_weights(make_model("logistic", {1, 16, 16}, 1), 4);
  const Array input = counted_input({1, 1, 16, 16}, 6);
  const auto made = learn::explain(engine("torch"), model.network, model.weights, model.batch(input),
                                   {.method = ExplainMethod::integrated_gradients}, *quiet, {});
  ASSERT_TRUE(made) << made.error().message();
  const float dark = *std::min_element(input.f32().begin(), input.f32().end());
  const auto w = model.weights.at("dense.weight").f32();
  for (std::size_t i = 0; i < 256; ++i)
    EXPECT_NEAR(static_cast<double>(made->map.f32()[i]), static_cast<double>(w[i] * (input.f32()[i] - dark)), 1e-5)
        << i;
}

// The nodule of sample n: where phantoms of two diameters differ.
learn::MapBox nodule_of(const Array& large, const Array& small, std::size_t n, std::int64_t side) {
  learn::MapBox box{{side, side}, {0, 0}};
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const std::size_t i = n * static_cast<std::size_t>(side * side) + static_cast<std::size_t>(y * side + x);
      const int d = std::to_integer<int>(large.data[i]) - std::to_integer<int>(small.data[i]);
      if (std::abs(d) < 60) continue;
      box.from = {std::min(box.from[0], y), std::min(box.from[1], x)};
      box.to = {std::max(box.to[0], y + 1), std::max(box.to[1], x + 1)};
    }
  }
  for (std::size_t d = 0; d < 2; ++d) {  // two pixels around it: half of what the convolutions see
    box.from[d] = std::max<std::int64_t>(box.from[d] - 2, 0);
    box.to[d] = std::min(box.to[d] + 2, side);
  }
  return box;
}

Array scaled(const Array& bytes, std::size_t first, std::int64_t count, std::int64_t side) {
  Array out = Array::zeros(learn::DType::f32, {count, 1, side, side});
  const std::size_t each = static_cast<std::size_t>(side * side);
  for (std::size_t i = 0; i < out.f32().size(); ++i)
    out.f32()[i] = static_cast<float>(std::to_integer<int>(bytes.data[first * each + i])) / 255.0F;
  return out;
}

// A network that tells smooth from spiculated nodules has to look at the nodule.
TEST(Explain, points_at_the_nodule_of_phantoms_it_was_trained_on) {
  constexpr std::int64_t kSide = 32;
  learn::PhantomOptions options{.train = 320, .validation = 2, .test = 40, .size = kSide, .nodule_diameter_mm = 26};
  const learn::NamedArrays arrays = learn::make_phantom_ct(options);
  options.nodule_diameter_mm = 8;
  const learn::NamedArrays small = learn::make_phantom_ct(options);
  const Model model = with_initial_weights(make_model("article_cnn", {1, kSide, kSide}, 1), 3);
  learn::TrainingOptions how;
  how.learning_rate = 2e-3;
  how.threads = 2;
  auto session = engine("torch").train(model.network, model.weights, model.inputs, how);
  ASSERT_TRUE(session) << session.error().message();
  for (int epoch = 0; epoch < 14; ++epoch) {
    for (std::size_t b = 0; b < 20; ++b) {
      Array targets = Array::zeros(learn::DType::f32, {16});
      for (std::size_t i = 0; i < 16; ++i)
        targets.f32()[i] = static_cast<float>(std::to_integer<int>(arrays.at("train_labels").data[b * 16 + i]));
      ASSERT_TRUE((*session)->step(model.batch(scaled(arrays.at("train_images"), b * 16, 16, kSide)), targets));
    }
  }
  const auto weights = (*session)->weights();
  for (const auto method : {ExplainMethod::gradcam, ExplainMethod::integrated_gradients, ExplainMethod::occlusion}) {
    int asked = 0, hits = 0, passed = 0;
    double chance = 0;
    for (std::size_t n = 0; n < 40 && asked < 8; ++n) {
      if (arrays.at("test_labels").data[n] == std::byte{0}) continue;
      const learn::MapBox box = nodule_of(arrays.at("test_images"), small.at("test_images"), n, kSide);
      const auto made = learn::explain(engine("torch"), model.network, *weights,
                                       model.batch(scaled(arrays.at("test_images"), n, 1, kSide)),
                                       {.method = method, .output = 0, .finding = box}, *quiet, {});
      ASSERT_TRUE(made) << made.error().message();
      ++asked;
      hits += made->checks.back().passed ? 1 : 0;
      passed += made->passed ? 1 : 0;
      chance += static_cast<double>((box.to[0] - box.from[0]) * (box.to[1] - box.from[1])) / (kSide * kSide) / 8;
      if (std::getenv("ACESO_EXPLAIN_SHOW") != nullptr)
        std::fprintf(stderr, "%s\n", learn::to_json(*made).dump().c_str());
    }
    std::fprintf(stderr, "%s: %d of %d point at the nodule (chance %.2f), %d pass all checks\n",
                 std::string{learn::to_string(method)}.c_str(), hits, asked, chance, passed);
    EXPECT_GE(hits, 5) << learn::to_string(method);
    EXPECT_LT(chance, 0.35);
  }
}

}  // namespace
}  // namespace aceso::learn_torch::test
