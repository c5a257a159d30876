// What a training session promises: it learns, repeats itself, resumes, and fails with a clear error.
#include <cstring>
#include <limits>

#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::DType;
using learn::Loss;
using learn::Optimiser;
using learn::Shape;
using learn::TrainingOptions;
using learn::TrainingSession;
using learn::Weights;

TrainingOptions options_with(std::uint64_t seed = 1) {
  TrainingOptions options;
  options.seed = seed;
  options.threads = 1;
  return options;
}

std::unique_ptr<TrainingSession> start(const Model& model, const TrainingOptions& options) {
  auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
  if (!session) throw std::runtime_error{session.error().message()};
  return std::move(*session);
}

Weights trained(const Model& model, const Task& task, const TrainingOptions& options, int steps) {
  const auto session = start(model, options);
  for (int i = 0; i < steps; ++i) EXPECT_TRUE(session->step(model.batch(task.inputs), task.targets).ok());
  return *session->weights();
}

bool same_bytes(const Weights& a, const Weights& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && x.second.data == y.second.data; });
}

TEST(Training, learns_which_half_is_bright) {
  for (const auto& [architecture, shape, steps] :
       {std::tuple{"article_cnn", Shape{16, 3, 16, 16}, 40}, std::tuple{"signal_cnn", Shape{16, 2, 32}, 40},
        std::tuple{"mlp", Shape{16, 12}, 80}}) {
    SCOPED_TRACE(architecture);
    const Model model = with_initial_weights(make_model(architecture, {shape.begin() + 1, shape.end()}, 1), 3);
    const Task task = bright_half(shape, 2);
    TrainingOptions options = options_with();
    options.learning_rate = 3e-3;
    const auto session = start(model, options);
    const double before = *session->loss(model.batch(task.inputs), task.targets);
    for (int i = 0; i < steps; ++i) ASSERT_TRUE(session->step(model.batch(task.inputs), task.targets).ok());
    EXPECT_LT(*session->loss(model.batch(task.inputs), task.targets), 0.5 * before);
    const Array output = *session->forward(model.batch(task.inputs));
    EXPECT_EQ(output.shape, (Shape{shape[0], 1}));
    for (std::size_t n = 0; n < output.f32().size(); ++n) EXPECT_EQ(output.f32()[n] > 0.5F, n % 2 == 1) << n;
  }
}

TEST(Training, resnet18_fits_its_batch) {
  const Shape shape{4, 1, 8, 8};
  const Model model = with_initial_weights(make_model("resnet18", {1, 8, 8}, 1), 3);
  const Task task = bright_half(shape, 2);
  const auto session = start(model, options_with());
  const double first = *session->step(model.batch(task.inputs), task.targets);
  double last = first;
  for (int i = 0; i < 8; ++i) last = *session->step(model.batch(task.inputs), task.targets);
  EXPECT_LT(last, 0.5 * first);
}

TEST(Training, same_seed_same_weights_to_the_bit) {
  const Shape shape{4, 3, 40, 40};
  const Model images = with_initial_weights(make_model("article_cnn", {shape.begin() + 1, shape.end()}, 1), 3);
  const Task task = bright_half(shape, 2);
  TrainingOptions on_two_threads = options_with();
  on_two_threads.threads = 2;
  EXPECT_TRUE(same_bytes(trained(images, task, on_two_threads, 3), trained(images, task, on_two_threads, 3)));
  const Model table = with_initial_weights(make_model("mlp", {12}, 1), 3);
  const Task rows = bright_half({16, 12}, 4);
  EXPECT_TRUE(same_bytes(trained(table, rows, options_with(5), 4), trained(table, rows, options_with(5), 4)));
  EXPECT_FALSE(same_bytes(trained(table, rows, options_with(5), 4), trained(table, rows, options_with(6), 4)))
      << "dropout must follow the seed";
}

TEST(Training, resumed_run_equals_the_uninterrupted_one) {
  for (const Optimiser optimiser : {Optimiser::adam, Optimiser::adamw, Optimiser::sgd}) {
    for (const auto& [architecture, shape] :
         {std::pair{"mlp", Shape{16, 12}}, std::pair{"signal_cnn", Shape{8, 2, 64}}}) {
      SCOPED_TRACE(architecture);
      Model model = with_initial_weights(make_model(architecture, {shape.begin() + 1, shape.end()}, 1), 3);
      const Task task = bright_half(shape, 2);
      TrainingOptions options = options_with();
      options.optimiser = optimiser;
      options.momentum = 0.9;
      options.weight_decay = 0.01;
      const Weights whole = trained(model, task, options, 6);
      const auto first = start(model, options);
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(first->step(model.batch(task.inputs), task.targets).ok());
      const auto second = start(model, options);
      ASSERT_TRUE(second->set_weights(*first->weights()).ok());
      ASSERT_TRUE(second->set_optimiser_state(*first->optimiser_state()).ok());
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(second->step(model.batch(task.inputs), task.targets).ok());
      EXPECT_TRUE(same_bytes(whole, *second->weights()));
    }
  }
}

TEST(Training, losses_of_an_undecided_model_are_the_closed_forms) {
  const auto undecided = [](std::int64_t outputs) {
    Model model = make_model("logistic", {3}, outputs);
    for (auto& [name, array] : model.weights) std::fill(array.f32().begin(), array.f32().end(), 0.0F);
    return model;
  };
  const Array rows = counted_input({4, 3});
  const Model binary = undecided(1);
  const Array half = Array::from({4}, {1, 0, 0, 0});
  EXPECT_NEAR(*start(binary, options_with())->loss(binary.batch(rows), half), std::log(2.0), 1e-6);
  TrainingOptions options = options_with();
  options.loss = Loss::mean_squared_error;
  EXPECT_NEAR(*start(binary, options)->loss(binary.batch(rows), half), 0.25, 1e-6);
  const Model three = undecided(3);
  options.loss = Loss::cross_entropy;
  Array classes = Array::zeros(DType::i64, {4});
  EXPECT_NEAR(*start(three, options)->loss(three.batch(rows), classes), std::log(3.0), 1e-6);
}

TEST(Training, class_weights_weigh_each_samples_loss) {
  Model model = make_model("logistic", {1}, 1);  // logit = x
  model.weights.at("dense.weight").f32()[0] = 1;
  model.weights.at("dense.bias").f32()[0] = 0;
  TrainingOptions options = options_with();
  options.class_weights = {1, 3};
  const auto session = start(model, options);
  const double of_zero = std::log1p(std::exp(2.0));  // target 0, logit 2
  const double of_one = std::log1p(std::exp(1.0));   // target 1, logit -1
  const auto loss = session->loss(model.batch(Array::from({2, 1}, {2, -1})), Array::from({2}, {0, 1}));
  EXPECT_NEAR(*loss, (of_zero + 3 * of_one) / 4, 1e-6);
}

TEST(Training, sgd_step_is_the_gradient_times_the_rate) {
  Model model = make_model("logistic", {1}, 1);
  model.weights.at("dense.weight").f32()[0] = 0;
  model.weights.at("dense.bias").f32()[0] = 0;
  TrainingOptions options = options_with();
  options.optimiser = Optimiser::sgd;
  options.learning_rate = 0.1;
  const auto session = start(model, options);
  ASSERT_TRUE(session->step(model.batch(Array::from({1, 1}, {2})), Array::from({1}, {1})).ok());
  EXPECT_NEAR(session->weights()->at("dense.weight").f32()[0], 0.1 * 0.5 * 2, 1e-6);
  EXPECT_NEAR(session->weights()->at("dense.bias").f32()[0], 0.1 * 0.5, 1e-6);
  ASSERT_TRUE(session->set_learning_rate(0).ok());
  ASSERT_TRUE(session->step(model.batch(Array::from({1, 1}, {2})), Array::from({1}, {1})).ok());
  EXPECT_NEAR(session->weights()->at("dense.weight").f32()[0], 0.1, 1e-6);
}

TEST(Training, batch_norm_counts_in_training_and_stands_still_in_inference) {
  const Shape shape{8, 2, 64};
  const Model model = with_initial_weights(make_model("signal_cnn", {2, 64}, 1), 3);
  const Task task = bright_half(shape, 2);
  const auto session = start(model, options_with());
  ASSERT_TRUE(session->forward(model.batch(task.inputs)).ok());
  EXPECT_EQ(session->weights()->at("bn1.running_mean").data, model.weights.at("bn1.running_mean").data);
  ASSERT_TRUE(session->step(model.batch(task.inputs), task.targets).ok());
  EXPECT_NE(session->weights()->at("bn1.running_mean").data, model.weights.at("bn1.running_mean").data);
}

TEST(Training, a_loss_that_is_not_finite_changes_no_parameter) {
  const Model model = with_initial_weights(make_model("article_cnn", {1, 24, 24}, 1), 3);
  Task task = bright_half({2, 1, 24, 24}, 2);
  task.inputs.f32()[7] = std::numeric_limits<float>::quiet_NaN();
  const auto session = start(model, options_with());
  const auto loss = session->step(model.batch(task.inputs), task.targets);
  ASSERT_TRUE(loss.ok());
  EXPECT_TRUE(std::isnan(*loss));
  EXPECT_TRUE(same_bytes(*session->weights(), model.weights));
}

TEST(Training, says_what_is_wrong_with_its_input) {
  const Model model = make_model("mlp", {4}, 3);
  TrainingOptions options = options_with();
  options.loss = Loss::cross_entropy;
  const auto session = start(model, options);
  const auto batch = model.batch(counted_input({2, 4}));
  Array classes = Array::zeros(DType::i64, {2});
  const auto refused = [](const auto& result, std::string_view word) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Code::invalid);
    EXPECT_NE(result.error().message().find(word), std::string::npos) << result.error().message();
  };
  ASSERT_TRUE(session->step(batch, classes).ok());
  refused(session->step({}, classes), "features");
  refused(session->step(model.batch(counted_input({2, 5})), classes), "[2, 5]");
  refused(session->step(batch, Array::zeros(DType::i64, {3})), "[3]");
  refused(session->step(batch, counted_input({2})), "int64");
  const std::int64_t beyond = 3;
  std::memcpy(classes.data.data(), &beyond, sizeof beyond);
  refused(session->step(batch, classes), "class");
  refused(session->set_weights({}), "dense1.bias");
  refused(session->set_optimiser_state({}), "optimiser.step");
  refused(session->set_learning_rate(-1), "learning rate");
  Model damaged = model;
  damaged.weights.at("dense2.weight").f32()[0] = std::numeric_limits<float>::infinity();
  refused(engine("torch").train(damaged.network, damaged.weights, damaged.inputs, options), "dense2.weight");
  options.class_weights = {1, 2};
  refused(engine("torch").train(model.network, model.weights, model.inputs, options), "one weight a class");
}

TEST(Torch, names_itself_and_refuses_onnx) {
  EXPECT_EQ(engine("torch").name(), "torch");
  EXPECT_TRUE(engine("torch").version().starts_with("2.")) << engine("torch").version();
  const std::string device = engine("torch").device();
  EXPECT_TRUE(device.starts_with("CPU: ") || device.starts_with("CUDA: ")) << device;
  EXPECT_EQ(engine("torch").load_onnx({}, {}).error().code(), Code::unsupported);
}

}  // namespace
}  // namespace aceso::learn_torch::test
