// Training on a GPU held against the CPU's, which the other tests hold against PyTorch: one step of each kind of
// network, every optimiser, state that moves between devices, repeatability, bfloat16, memory that does not suffice.
// Without a GPU all but the refusal are skipped.
#include "aceso/base/file.hpp"
#include "aceso/learn/synthesise.hpp"
#include "aceso/learn/trainer.hpp"
#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::Device;
using learn::DType;
using learn::Optimiser;
using learn::Shape;
using learn::TrainingOptions;
using learn::TrainingSession;
using learn::Weights;

TrainingOptions on(Device device, TrainingOptions options = {}) {
  options.device = device;
  options.threads = 2;
  return options;
}

Result<std::unique_ptr<TrainingSession>> try_on(Device device) {
  const Model model = make_model("logistic", {3}, 1);
  return engine("torch").train(model.network, model.weights, model.inputs, on(device));
}

std::unique_ptr<TrainingSession> begin_on(Device device, const Model& model, const TrainingOptions& options) {
  auto session = engine("torch").train(model.network, model.weights, model.inputs, on(device, options));
  if (!session) throw std::runtime_error{session.error().message()};
  return std::move(*session);
}

bool same_to_the_bit(const Weights& a, const Weights& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && x.second.data == y.second.data; });
}

// The largest difference of any weight, over the largest that any weight has moved from `before`.
double distance(const Weights& a, const Weights& b, const Weights& before) {
  double apart = 0, moved = 0;
  for (const auto& [name, array] : a) {
    apart = std::max(apart, largest_difference(array.f32(), b.at(name).f32()));
    moved = std::max(moved, largest_difference(array.f32(), before.at(name).f32()));
  }
  return moved > 0 ? apart / moved : HUGE_VAL;
}

// A network with a batch to learn from.
struct Lesson {
  const char* name;
  Model model;
  Array inputs, targets;
  TrainingOptions options;

  void step(TrainingSession& session) const {
    const auto loss = session.step(model.batch(inputs), targets);
    ASSERT_TRUE(loss.ok()) << name << ": " << loss.error().message();
  }
  Weights learn(Device device, int steps, const TrainingOptions& how) const {
    const auto session = begin_on(device, model, how);
    for (int i = 0; i < steps; ++i) step(*session);
    return *session->weights();
  }
};

Lesson lesson(const char* architecture, const Shape& batch, std::int64_t outputs = 1) {
  const Shape sample{batch.begin() + 1, batch.end()};
  Lesson made{architecture, with_initial_weights(make_model(architecture, sample, outputs), 3), {}, {}, {}};
  Task task = bright_half(batch, 2);
  made.inputs = std::move(task.inputs);
  made.targets = std::move(task.targets);
  if (outputs > 1) {
    made.targets = Array::zeros(DType::i64, {batch[0]});
    made.options.loss = learn::Loss::cross_entropy;
  }
  return made;
}

// Two classes and the background of each pixel or voxel.
Lesson outline_lesson(const char* name, const Shape& batch) {
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  const Shape sample{batch.begin() + 1, batch.end()};
  auto network = registry.make("unet", {.input = sample, .outputs = 3, .task = learn::Task::outlines});
  if (!network) throw std::runtime_error{network.error().message()};
  Lesson made{name, {}, counted_input(batch), {}, {}};
  made.model.network = std::move(*network);
  made.model.port = made.model.network.layers.front().name;
  Shape any = batch;
  any[0] = -1;
  made.model.inputs.emplace(made.model.port, any);
  made.model = with_initial_weights(std::move(made.model), 3);
  Shape masks = batch;
  masks[1] = 3;
  made.targets = Array::zeros(DType::f32, masks);
  const std::size_t area = made.targets.f32().size() / static_cast<std::size_t>(batch[0]) / 3;
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch[0]) * area; ++i)
    made.targets.f32()[(i / area * 3 + i / 7 % 3) * area + i % area] = 1;
  made.options.loss = learn::Loss::dice_cross_entropy;
  made.options.exclusive = true;
  return made;
}

// A layer list of its own: linear interpolation, which no architecture has.
Lesson interpolating_lesson() {
  const auto layer = [](const char* name, learn::Op op, const char* input) {
    learn::Layer made;
    made.name = name;
    made.op = op;
    made.inputs = {input};
    return made;
  };
  Lesson made{"interpolating", {}, counted_input({2, 1, 6, 10}), Array::zeros(DType::f32, {2}), {}};
  learn::Network& network = made.model.network;
  learn::Layer input = layer("image", learn::Op::input, "");
  input.inputs.clear();
  learn::Layer conv = layer("conv", learn::Op::conv, "image");
  conv.out = 4;
  conv.kernel = {3, 3};
  conv.stride = {1, 1};
  conv.padding = {1, 1};
  learn::Layer grown = layer("grown", learn::Op::upsample, "conv");
  grown.scale = {2, 3};
  grown.linear = true;
  learn::Layer dense = layer("dense", learn::Op::dense, "flat");
  dense.out = 1;
  network.architecture = "interpolating";
  network.layers = {input, conv, grown, layer("flat", learn::Op::flatten, "grown"), dense};
  network.logits = network.output = "dense";
  made.model.port = "image";
  made.model.inputs.emplace("image", Shape{-1, 1, 6, 10});
  made.model.weights = counted_weights(*learn::infer_shapes(network, made.model.inputs));
  made.targets.f32()[1] = 1;
  return made;
}

std::vector<Lesson> lessons() {
  std::vector<Lesson> all;
  all.push_back(lesson("article_cnn", {8, 3, 64, 64}));
  all.push_back(lesson("resnet18", {8, 1, 64, 64}, 3));
  all.push_back(lesson("resnet18", {8, 1, 28, 28}));
  all.push_back(lesson("resnet18", {2, 1, 64, 64, 64}));
  all.push_back(lesson("densenet121", {2, 1, 64, 64}));
  all.push_back(lesson("signal_cnn", {8, 2, 64}));
  all.push_back(outline_lesson("unet", {2, 1, 64, 64}));
  all.push_back(outline_lesson("unet of volumes", {1, 1, 32, 32, 32}));
  all.push_back(interpolating_lesson());
  return all;
}

TEST(CudaRefused, says_the_key_the_reason_and_the_way_out) {
  const auto session = try_on(Device::cuda);
  if (session.ok()) GTEST_SKIP() << "skipped: there is a GPU: " << engine("torch").device();
  EXPECT_EQ(session.error().code(), Code::unsupported);
  EXPECT_TRUE(session.error().message().starts_with("device: cuda")) << session.error().message();
  EXPECT_TRUE(session.error().message().ends_with("use cpu or auto")) << session.error().message();
  const Model model = make_model("logistic", {3}, 1);
  const auto inference =
      engine("torch").load(model.network, model.weights, model.inputs, {.threads = 1, .device = Device::cuda});
  ASSERT_FALSE(inference.ok());
  EXPECT_EQ(inference.error().message(), session.error().message());
  EXPECT_TRUE(try_on(Device::automatic).ok());
  EXPECT_TRUE(engine("torch").device().starts_with("CPU: ")) << engine("torch").device();
}

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    const auto session = try_on(Device::cuda);
    if (!session) GTEST_SKIP() << "skipped: no GPU: " << session.error().message();
  }
};

TEST_F(Cuda, is_what_automatic_means_and_is_called_by_name) {
  ASSERT_TRUE(try_on(Device::cpu).ok());
  EXPECT_TRUE(engine("torch").device().starts_with("CPU: ")) << engine("torch").device();
  const auto session = try_on(Device::automatic);
  ASSERT_TRUE(session.ok());
  EXPECT_TRUE(engine("torch").device().starts_with("CUDA: ")) << engine("torch").device();
  EXPECT_GT(engine("torch").device().size(), std::string_view{"CUDA: , no bf16"}.size());
  EXPECT_GT((*session)->peak_device_memory_bytes(), 0U);
}

TEST_F(Cuda, a_step_of_each_network_is_the_cpus) {
  for (const Lesson& it : lessons()) {
    SCOPED_TRACE(it.name);
    TrainingOptions options = it.options;
    options.optimiser = Optimiser::sgd;
    options.learning_rate = 0.1;
    const auto here = begin_on(Device::cpu, it.model, options), there = begin_on(Device::cuda, it.model, options);
    const double before = *here->loss(it.model.batch(it.inputs), it.targets);
    EXPECT_NEAR(*there->loss(it.model.batch(it.inputs), it.targets), before, 1e-4 * std::max(1.0, before));
    it.step(*here);
    it.step(*there);
    const double apart = distance(*here->weights(), *there->weights(), it.model.weights);
    EXPECT_LT(apart, 2e-3);
    std::printf("%s: %.2g of the largest movement apart after a step\n", it.name, apart);
    const Array a = *here->forward(it.model.batch(it.inputs)), b = *there->forward(it.model.batch(it.inputs));
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_LT(largest_difference(a.f32(), b.f32()), 2e-3);
  }
}

std::vector<TrainingOptions> every_optimiser() {
  std::vector<TrainingOptions> all;
  for (const Optimiser optimiser : {Optimiser::adam, Optimiser::adamw, Optimiser::sgd}) {
    for (const bool momentum : {false, true}) {
      if (momentum && optimiser != Optimiser::sgd) continue;
      TrainingOptions options;
      options.optimiser = optimiser;
      options.momentum = momentum ? 0.9 : 0.0;
      options.nesterov = momentum;
      options.learning_rate = optimiser == Optimiser::sgd ? 0.05 : 2e-3;
      options.weight_decay = 0.02;
      options.clip_norm = 0.5;
      options.average_decay = 0.8;
      options.rate_factors = {{"dense2.weight", 0.5}, {"conv1.weight", 0.0}};
      all.push_back(options);
    }
  }
  return all;
}

TEST_F(Cuda, every_optimiser_goes_the_cpus_way) {
  const Lesson it = lesson("article_cnn", {8, 3, 24, 24});
  for (const TrainingOptions& options : every_optimiser()) {
    SCOPED_TRACE(static_cast<int>(options.optimiser));
    const auto here = begin_on(Device::cpu, it.model, options), there = begin_on(Device::cuda, it.model, options);
    for (int i = 0; i < 10; ++i) {
      it.step(*here);
      it.step(*there);
    }
    const Weights now = *there->weights();
    EXPECT_LT(distance(*here->weights(), now, it.model.weights), 5e-3);
    EXPECT_EQ(now.at("conv1.weight").data, it.model.weights.at("conv1.weight").data) << "its rate is 0";
    ASSERT_TRUE(here->swap_average().ok() && there->swap_average().ok());
    EXPECT_LT(distance(*here->weights(), *there->weights(), it.model.weights), 5e-3);
    ASSERT_TRUE(there->swap_average().ok());
    EXPECT_TRUE(same_to_the_bit(*there->weights(), now));
  }
}

TEST_F(Cuda, gradients_of_several_batches_add_up_as_on_the_cpu) {
  const Lesson it = lesson("article_cnn", {6, 3, 24, 24});
  TrainingOptions options;
  options.optimiser = Optimiser::sgd;
  options.learning_rate = 0.1;
  const auto whole = begin_on(Device::cuda, it.model, options), parts = begin_on(Device::cuda, it.model, options);
  it.step(*whole);
  ASSERT_TRUE(parts->accumulate(it.model.batch(it.inputs), it.targets, 0.75).ok());
  it.step(*parts);
  EXPECT_LT(distance(*whole->weights(), *parts->weights(), it.model.weights), 1e-4);
}

TEST_F(Cuda, a_run_goes_on_on_the_other_device_and_exactly_on_the_same) {
  const Lesson it = lesson("article_cnn", {8, 3, 24, 24});
  for (const TrainingOptions& options : every_optimiser()) {
    SCOPED_TRACE(static_cast<int>(options.optimiser));
    const auto in_two = [&](Device first, Device second) {
      const auto a = begin_on(first, it.model, options);
      for (int i = 0; i < 3; ++i) it.step(*a);
      const auto b = begin_on(second, it.model, options);
      EXPECT_TRUE(b->set_weights(*a->weights()).ok());
      EXPECT_TRUE(b->set_optimiser_state(*a->optimiser_state()).ok());
      EXPECT_TRUE(same_to_the_bit(*a->optimiser_state(), *b->optimiser_state()));
      for (int i = 0; i < 3; ++i) it.step(*b);
      return *b->weights();
    };
    const Weights whole = it.learn(Device::cuda, 6, options);
    EXPECT_TRUE(same_to_the_bit(in_two(Device::cuda, Device::cuda), whole));
    EXPECT_LT(distance(in_two(Device::cpu, Device::cuda), whole, it.model.weights), 5e-3);
    EXPECT_LT(distance(in_two(Device::cuda, Device::cpu), whole, it.model.weights), 5e-3);
  }
}

TEST_F(Cuda, same_seed_same_weights_to_the_bit) {
  std::vector<Lesson> all = lessons();
  all.push_back(lesson("mlp", {64, 12}));  // has dropout
  for (const auto precision : {learn::Precision::fp32, learn::Precision::bf16}) {
    for (const Lesson& it : all) {
      SCOPED_TRACE(std::string{it.name} + (precision == learn::Precision::fp32 ? ", fp32" : ", bf16"));
      TrainingOptions options = it.options;
      options.precision = precision;
      options.seed = 5;
      const Weights once = it.learn(Device::cuda, 4, options);
      EXPECT_TRUE(same_to_the_bit(once, it.learn(Device::cuda, 4, options)));
      options.seed = 6;
      if (std::string_view{it.name} == "mlp") {
        EXPECT_FALSE(same_to_the_bit(once, it.learn(Device::cuda, 4, options)));
      }
    }
  }
}

TEST_F(Cuda, bfloat16_learns_as_float32_does) {
  const Lesson it = lesson("article_cnn", {16, 1, 24, 24});
  TrainingOptions options;
  options.learning_rate = 3e-3;
  const auto exact = begin_on(Device::cuda, it.model, options);
  options.precision = learn::Precision::bf16;
  const auto rough = begin_on(Device::cuda, it.model, options);
  double last = 1;
  for (int i = 0; i < 30; ++i) {
    const auto loss = rough->step(it.model.batch(it.inputs), it.targets);
    const auto reference = exact->step(it.model.batch(it.inputs), it.targets);
    ASSERT_TRUE(loss.ok() && reference.ok());
    EXPECT_NEAR(*loss, *reference, 0.05) << "step " << i;
    last = *loss;
  }
  EXPECT_LT(last, 0.35);
  EXPECT_FALSE(same_to_the_bit(*rough->weights(), *exact->weights())) << "nothing was computed in bfloat16";
}

TEST_F(Cuda, too_little_memory_is_said_and_changes_nothing) {
  Lesson it = interpolating_lesson();
  for (learn::Layer& layer : it.model.network.layers) {
    if (layer.name == "conv") layer.out = 256;
    if (layer.name == "grown") layer.linear = false;
    if (layer.name == "grown") layer.scale = {64, 64};  // 250 MB a sample
    if (layer.name == "flat") layer.op = learn::Op::global_avg_pool;
  }
  it.model.weights = counted_weights(*learn::infer_shapes(it.model.network, it.model.inputs));
  const auto session = begin_on(Device::cuda, it.model, {});
  it.step(*session);
  const Weights before = *session->weights();
  const auto loss =
      session->step(it.model.batch(counted_input({20'000, 1, 6, 10})), Array::zeros(DType::f32, {20'000}));
  ASSERT_FALSE(loss.ok()) << "more than a terabyte fitted";
  EXPECT_EQ(loss.error().code(), Code::exhausted);
  for (const char* word : {"GPU", "batch", "device: cpu"})
    EXPECT_NE(loss.error().message().find(word), std::string::npos) << loss.error().message();
  EXPECT_TRUE(same_to_the_bit(*session->weights(), before));
  it.step(*session);
  EXPECT_FALSE(same_to_the_bit(*session->weights(), before));
}

TEST_F(Cuda, a_loss_that_is_not_finite_changes_no_parameter) {
  Lesson it = lesson("article_cnn", {2, 1, 24, 24});
  const auto session = begin_on(Device::cuda, it.model, {});
  it.inputs.f32()[7] = std::numeric_limits<float>::quiet_NaN();
  const auto loss = session->step(it.model.batch(it.inputs), it.targets);
  ASSERT_TRUE(loss.ok());
  EXPECT_TRUE(std::isnan(*loss));
  EXPECT_TRUE(same_to_the_bit(*session->weights(), it.model.weights));
}

TEST_F(Cuda, predicts_and_explains_as_the_cpu_does) {
  const Lesson it = lesson("resnet18", {4, 1, 64, 64}, 3);
  const auto ask = [&](Device device) {
    auto session =
        *engine("torch").load(it.model.network, it.model.weights, it.model.inputs, {.threads = 1, .device = device});
    return session->run(it.model.batch(it.inputs))->at("output");
  };
  EXPECT_LT(largest_difference(ask(Device::cpu).f32(), ask(Device::cuda).f32()), 1e-5);
  const auto explained = engine("torch").gradients(it.model.network, it.model.weights, it.model.inputs);
  ASSERT_TRUE(explained.ok());
  EXPECT_TRUE(engine("torch").device().starts_with("CUDA: "));
  const auto once = (*explained)->run(it.model.batch(it.inputs), 1);
  const auto again = (*explained)->run(it.model.batch(it.inputs), 1);
  ASSERT_TRUE(once.ok() && again.ok()) << once.error().message();
  EXPECT_EQ(once->by_input.at(it.model.port).data, again->by_input.at(it.model.port).data);
}

TEST_F(Cuda, a_training_records_where_it_ran) {
  const TempDir dir = *TempDir::create();
  learn::SynthesiseOptions phantoms;
  phantoms.train = 32;
  phantoms.validation = phantoms.test = 8;
  phantoms.size = 32;
  learn::ImportOptions import;
  import.name = "phantoms";
  const auto progress = make_null_progress();
  const auto data = learn::Dataset::import_arrays(*learn::synthesise(phantoms), "phantoms", dir.path() / "data", import,
                                                  *progress, {});
  ASSERT_TRUE(data.ok()) << data.error().message();
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  learn::TrainConfig config;
  config.epochs = 1;
  config.options.device = Device::cuda;
  const SystemClock clock;
  const auto result = learn::train(engine("torch"), *data, registry, config, clock, *progress, {}, {}, {});
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_TRUE(result->device.starts_with("CUDA: ")) << result->device;
  EXPECT_NE(result->engine.find(result->device), std::string::npos);
  EXPECT_GT(result->usage.peak_device_bytes, 1'000'000U);
}

}  // namespace
}  // namespace aceso::learn_torch::test
