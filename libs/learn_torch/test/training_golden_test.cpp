// Losses, optimisers, clipping and averaging against PyTorch (golden/training.json, made by generate_training.py).
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"
#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::DType;
using learn::TrainingOptions;

constexpr std::int64_t kSamples = 8;
constexpr std::int64_t kFeatures = 5;

nlohmann::json golden() {
  std::ifstream file{ACESO_TRAINING_GOLDEN_FILE};
  return nlohmann::json::parse(file);
}

TrainingOptions options_of(const nlohmann::json& entry) {
  auto config = learn::parse_train_config_json(entry["options"]);
  if (!config) throw std::runtime_error{config.error().message()};
  config->options.threads = 1;
  return config->options;
}

// Sample i is of class i modulo the classes.
Array classes(std::int64_t count) {
  Array targets = Array::zeros(DType::i64, {kSamples});
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const std::int64_t c = i % count;
    std::memcpy(&targets.data[static_cast<std::size_t>(i) * sizeof c], &c, sizeof c);
  }
  return targets;
}

Array bits() {
  Array targets = Array::zeros(DType::f32, {kSamples});
  for (std::size_t i = 1; i < kSamples; i += 2) targets.f32()[i] = 1;
  return targets;
}

// 0.7 of class i modulo 3, 0.3 of the next.
Array shares() {
  Array targets = Array::zeros(DType::f32, {kSamples, 3});
  for (std::size_t i = 0; i < kSamples; ++i) {
    targets.f32()[i * 3 + i % 3] = 0.7F;
    targets.f32()[i * 3 + (i + 1) % 3] = 0.3F;
  }
  return targets;
}

std::unique_ptr<learn::TrainingSession> start_session(const Model& model, const TrainingOptions& options) {
  auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
  if (!session) throw std::runtime_error{session.error().message()};
  return std::move(*session);
}

TEST(TrainingGolden, losses_equal_pytorchs) {
  const nlohmann::json document = golden();
  for (const auto& entry : document["losses"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const auto outputs = entry["outputs"].get<std::int64_t>();
    const Model model = make_model("logistic", {kFeatures}, outputs);
    const Array targets = outputs == 1 ? bits() : entry["soft"].get<bool>() ? shares() : classes(outputs);
    const auto loss =
        start_session(model, options_of(entry))->loss(model.batch(counted_input({kSamples, kFeatures})), targets);
    ASSERT_TRUE(loss.ok()) << loss.error().message();
    EXPECT_NEAR(*loss, entry["loss"].get<double>(), 2e-6);
  }
}

TEST(TrainingGolden, optimisers_clipping_and_averages_equal_pytorchs) {
  const nlohmann::json document = golden();
  const Model model = make_model("logistic", {kFeatures}, 3);
  const auto batch = model.batch(counted_input({kSamples, kFeatures}));
  const Array targets = classes(3);
  for (const auto& entry : document["runs"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const auto session = start_session(model, options_of(entry));
    for (const auto& expected : entry["losses"]) {
      const auto loss = session->step(batch, targets);
      ASSERT_TRUE(loss.ok()) << loss.error().message();
      EXPECT_NEAR(*loss, expected.get<double>(), 5e-6);
    }
    const auto near = [&](const char* key, const char* name) {
      const auto expected = entry[key].get<std::vector<float>>();
      EXPECT_LT(largest_difference(session->weights()->at(name).f32(), expected), 1e-5) << key;
    };
    near("weight", "dense.weight");
    near("bias", "dense.bias");
    if (!entry.contains("average")) continue;
    ASSERT_TRUE(session->swap_average().ok());
    near("average", "dense.weight");
    ASSERT_TRUE(session->swap_average().ok());
    near("weight", "dense.weight");
  }
}

TEST(Training, two_halves_of_a_batch_make_the_step_of_the_whole) {
  const Model model = make_model("logistic", {kFeatures}, 1);
  TrainingOptions options;
  options.optimiser = learn::Optimiser::sgd;
  options.learning_rate = 0.5;
  options.threads = 1;
  const Array rows = counted_input({kSamples, kFeatures});
  const auto part = [&](std::size_t from, std::size_t to, const Array& of, std::int64_t width) {
    const auto values =
        of.f32().subspan(from * static_cast<std::size_t>(width), (to - from) * static_cast<std::size_t>(width));
    const auto count = static_cast<std::int64_t>(to - from);
    return Array::from(width == 1 ? learn::Shape{count} : learn::Shape{count, width}, {values.begin(), values.end()});
  };
  const auto whole = start_session(model, options);
  const auto halves = start_session(model, options);
  for (int i = 0; i < 3; ++i) {
    const auto loss = whole->step(model.batch(rows), bits());
    const auto first = halves->accumulate(model.batch(part(0, 6, rows, kFeatures)), part(0, 6, bits(), 1), 0.75);
    const auto second = halves->step(model.batch(part(6, 8, rows, kFeatures)), part(6, 8, bits(), 1));
    ASSERT_TRUE(loss.ok() && first.ok() && second.ok());
    EXPECT_NEAR(*loss, 0.75 * *first + 0.25 * *second, 1e-6);
  }
  EXPECT_LT(largest_difference(whole->weights()->at("dense.weight").f32(), halves->weights()->at("dense.weight").f32()),
            1e-6);
  EXPECT_EQ(halves->accumulate(model.batch(rows), bits(), 1.0).error().code(), Code::invalid);
}

TEST(Training, bfloat16_learns_as_float32_does_where_the_device_has_it) {
  const learn::Shape shape{16, 1, 24, 24};
  const Model model = with_initial_weights(make_model("article_cnn", {1, 24, 24}, 1), 3);
  const Task task = bright_half(shape, 2);
  TrainingOptions options;
  options.threads = 1;
  options.learning_rate = 3e-3;
  options.precision = learn::Precision::bf16;
  auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
  if (!session) {
    EXPECT_EQ(session.error().code(), Code::unsupported);
    EXPECT_NE(engine("torch").device().find("no bf16"), std::string::npos);
    GTEST_SKIP() << "skipped: this machine has no bfloat16 arithmetic";
  }
  options.precision = learn::Precision::fp32;
  const auto exact = start_session(model, options);
  for (int i = 0; i < 30; ++i) {
    const auto loss = (*session)->step(model.batch(task.inputs), task.targets);
    const auto reference = exact->step(model.batch(task.inputs), task.targets);
    ASSERT_TRUE(loss.ok() && reference.ok());
    EXPECT_NEAR(*loss, *reference, 0.05) << "step " << i;
  }
  EXPECT_EQ((*session)->weights()->at("conv1.weight").dtype, DType::f32);
}

TEST(Training, refuses_options_that_do_not_go_together) {
  const Model model = make_model("logistic", {kFeatures}, 1);
  const auto why = [&](const std::function<void(TrainingOptions&)>& change) {
    TrainingOptions options;
    change(options);
    const auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
    return session ? std::string{"accepted"} : session.error().message();
  };
  EXPECT_NE(why([](auto& o) { o.nesterov = true; }).find("nesterov"), std::string::npos);
  EXPECT_NE(why([](auto& o) { o.clip_norm = -1; }).find("clip_norm"), std::string::npos);
  EXPECT_NE(why([](auto& o) { o.average_decay = 1; }).find("average_decay"), std::string::npos);
  EXPECT_NE(why([](auto& o) { o.label_smoothing = 1; }).find("label_smoothing"), std::string::npos);
  EXPECT_NE(why([](auto& o) { o.loss = learn::Loss::dice; }).find("each pixel"), std::string::npos);
  EXPECT_EQ(start_session(model, {})->swap_average().error().code(), Code::precondition);
}

}  // namespace
}  // namespace aceso::learn_torch::test
