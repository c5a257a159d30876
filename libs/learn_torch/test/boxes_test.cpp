// Boxes learnt with the real engine: the loss against CenterNet's own, a network that finds nodules in phantoms, the
// same answers from the serving engine, and a run that was interrupted.
#include "aceso/learn/boxes.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/learn/synthesise.hpp"
#include "aceso/learn/trainer.hpp"
#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::DType;
using learn::Shape;

constexpr std::int64_t kBatchOfBoxes = 3;

// A 1x1 convolution whose maps go through a sigmoid.
Model pointwise_maps(const Shape& cells, std::int64_t labels) {
  Model model;
  model.port = "image";
  learn::Layer input, conv;
  input.name = "image";
  conv.name = "conv";
  conv.op = learn::Op::conv;
  conv.inputs = {"image"};
  conv.out = labels + 2 * static_cast<std::int64_t>(cells.size());
  conv.kernel.assign(cells.size(), 1);
  conv.stride.assign(cells.size(), 1);
  conv.padding.assign(cells.size(), 0);
  model.network.architecture = "pointwise";
  model.network.layers = {input, conv};
  model.network.logits = model.network.output = "conv";
  Shape batch{-1, 2};
  batch.insert(batch.end(), cells.begin(), cells.end());
  model.inputs.emplace("image", batch);
  model.weights = counted_weights(*learn::infer_shapes(model.network, model.inputs));
  return model;
}

// As target() of generate_boxes.py.
Array map_targets(const Shape& cells, std::size_t labels, bool empty) {
  const std::size_t axes = cells.size(), outputs = labels + 2 * axes;
  Shape shape{kBatchOfBoxes, static_cast<std::int64_t>(outputs)};
  shape.insert(shape.end(), cells.begin(), cells.end());
  Array out = counted_input(shape, 2000);
  const std::size_t area = out.f32().size() / outputs / static_cast<std::size_t>(kBatchOfBoxes);
  for (std::size_t i = 0; i < out.f32().size(); ++i) {
    const std::size_t n = i / area / outputs, k = i / area % outputs, cell = i % area;
    const double counted = static_cast<double>(out.f32()[i]);
    if (k < labels) out.f32()[i] = static_cast<float>(counted * 0.9);
    if (k >= labels && k < labels + axes) out.f32()[i] = static_cast<float>(counted * 6);
    const std::size_t first = 5 * n + 3 * k;
    if (!empty && k < labels && n + 1 < static_cast<std::size_t>(kBatchOfBoxes) && cell >= first &&
        (cell - first) % 17 == 0)
      out.f32()[i] = 1;
  }
  return out;
}

TEST(BoxesGolden, the_loss_and_its_gradient_equal_centernets) {
  std::ifstream file{ACESO_BOXES_GOLDEN_FILE};
  const auto golden = nlohmann::json::parse(file);
  for (const auto& entry : golden["cases"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const auto cells = entry["cells"].get<Shape>();
    const auto labels = entry["labels"].get<std::int64_t>();
    const Model model = pointwise_maps(cells, labels);
    learn::TrainingOptions options;
    options.loss = learn::Loss::centernet;
    options.optimiser = learn::Optimiser::sgd;
    options.learning_rate = 1e-3;
    options.threads = 1;
    Shape shape{kBatchOfBoxes, 2};
    shape.insert(shape.end(), cells.begin(), cells.end());
    const auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
    ASSERT_TRUE(session.ok()) << session.error().message();
    const Array targets = map_targets(cells, static_cast<std::size_t>(labels), entry["empty"].get<bool>());
    const auto loss = (*session)->step(model.batch(counted_input(shape)), targets);
    ASSERT_TRUE(loss.ok()) << loss.error().message();
    EXPECT_NEAR(*loss, entry["value"].get<double>(), 1e-5);
    const auto after = (*session)->weights();
    ASSERT_TRUE(after.ok());
    const auto gradient = entry["bias_gradient"].get<std::vector<double>>();
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      const double moved = static_cast<double>(model.weights.at("conv.bias").f32()[k]) -
                           static_cast<double>(after->at("conv.bias").f32()[k]);
      EXPECT_NEAR(moved / 1e-3, gradient[k], 2e-4);
    }
  }
}

TEST(BoxesGolden, targets_that_make_no_sense_are_refused) {
  const Model model = pointwise_maps({6, 7}, 1);
  learn::TrainingOptions options;
  options.loss = learn::Loss::centernet;
  const auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
  ASSERT_TRUE(session.ok());
  const Array inputs = counted_input({kBatchOfBoxes, 2, 6, 7});
  Array targets = map_targets({6, 7}, 1, false);
  targets.f32()[0] = 1.5F;
  EXPECT_FALSE((*session)->step(model.batch(inputs), targets).ok());
  targets.f32()[0] = 0;
  targets.f32()[42] = -1;  // the first size
  EXPECT_FALSE((*session)->step(model.batch(inputs), targets).ok());
  targets.f32()[42] = 30;
  EXPECT_TRUE((*session)->step(model.batch(inputs), targets).ok());
  const Model plain = make_model("logistic", {1, 8, 8}, 3);
  EXPECT_FALSE(engine("torch").train(plain.network, plain.weights, plain.inputs, options).ok());
}

class FoundBoxes : public testing::Test {
 protected:
  void make(const learn::SynthesiseOptions& phantoms) {
    learn::ImportOptions options;
    options.name = "phantoms";
    options.classes = learn::class_names(phantoms.task);
    if (phantoms.volume) options.kind = "volume";
    auto made = learn::Dataset::import_arrays(*learn::synthesise(phantoms), "phantoms", dir_.path() / "data", options,
                                              *progress_, {});
    ASSERT_TRUE(made.ok()) << made.error().message();
    data_.emplace(std::move(*made));
    learn::register_builtin_architectures(registry_);
    config_.architecture = "centernet";
    config_.task = learn::TrainTask::boxes;
    config_.batch = 8;
    config_.options.threads = 2;
    config_.options.learning_rate = 3e-3;
    config_.schedule.schedule = learn::Schedule::one_cycle;
  }
  Result<learn::TrainResult> train(const learn::CheckpointPlan& plan = {}) {
    return learn::train(engine("torch"), *data_, registry_, config_, clock_, *progress_, {}, {}, plan);
  }
  // What an engine finds on the test split.
  learn::BoxCases judge(const learn::TrainResult& result, const char* name) {
    Shape batch{-1};
    const Shape& sample = result.signature.inputs[0].shape;
    batch.insert(batch.end(), sample.begin(), sample.end());
    const std::map<std::string, Shape> inputs{{"image", batch}};
    const auto session = std::string_view{name} == "onnx"
                             ? engine("openvino").load_onnx(*learn::to_onnx(result.network, result.weights, inputs), {})
                             : engine(name).load(result.network, result.weights, inputs, {.threads = 2});
    EXPECT_TRUE(session.ok());
    auto cases = learn::judge_boxes(learn::forward_of(**session, result.signature), result.signature, *data_,
                                    learn::Split::test, *progress_, {});
    EXPECT_TRUE(cases.ok()) << cases.error().message();
    return *std::move(cases);
  }
  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
  std::optional<learn::Dataset> data_;
  learn::ArchitectureRegistry registry_;
  learn::TrainConfig config_;
  SystemClock clock_;
};

TEST_F(FoundBoxes, a_centernet_finds_several_nodules_in_images_and_leaves_clear_ones_alone) {
  make({.task = learn::PhantomTask::presence,
        .train = 160,
        .validation = 24,
        .test = 40,
        .size = 48,
        .diameter_mm = 14,
        .nodules = 3});
  config_.epochs = 10;
  config_.augment.shift = 0.05;
  const auto result = train();
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->classes, (std::vector<std::string>{"nodule"}));
  EXPECT_EQ(result->signature.outputs[0].kind, learn::PortKind::boxes);
  EXPECT_EQ(result->signature.outputs[0].shape, (Shape{5, 24, 24}));
  EXPECT_LT(result->history.back().train_loss, result->history.front().train_loss);
  for (const auto& epoch : result->history)
    EXPECT_LE(epoch.validation_ap, result->history[static_cast<std::size_t>(result->best_epoch - 1)].validation_ap);
  const learn::BoxCases cases = judge(*result, "torch"), served = judge(*result, "openvino"),
                        exported = judge(*result, "onnx");
  const auto marks = learn::box_marks(cases, learn::BoxRule::centre, 0);
  ASSERT_TRUE(marks.ok());
  const double froc = *marks->froc_score(marks->all()), precision = *learn::box_average_precision(cases);
  RecordProperty("froc", std::to_string(froc));
  RecordProperty("ap50", std::to_string(precision));
  EXPECT_GT(froc, 0.7);
  EXPECT_GT(precision, 0.5);
  ASSERT_EQ(served.cases.size(), cases.cases.size());
  EXPECT_NEAR(*learn::box_average_precision(served), precision, 1e-3);
  EXPECT_NEAR(*learn::box_average_precision(exported), precision, 1e-3);
  EXPECT_TRUE(std::any_of(cases.cases.begin(), cases.cases.end(), [](const auto& c) { return c.truth.empty(); }));
}

TEST_F(FoundBoxes, the_same_path_finds_nodules_in_volumes) {
  make({.task = learn::PhantomTask::presence,
        .volume = true,
        .train = 60,
        .validation = 8,
        .test = 12,
        .size = 24,
        .diameter_mm = 26});
  config_.epochs = 14;
  config_.batch = 4;
  const auto result = train();
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->signature.outputs[0].shape, (Shape{7, 12, 12, 12}));
  const learn::BoxCases cases = judge(*result, "torch");
  const auto marks = learn::box_marks(cases, learn::BoxRule::centre, 0);
  const double froc = *marks->froc_score(marks->all());
  RecordProperty("froc", std::to_string(froc));
  EXPECT_GT(froc, 0.5);
}

TEST_F(FoundBoxes, an_interrupted_run_ends_with_the_same_weights) {
  make({.task = learn::PhantomTask::shape, .train = 32, .validation = 8, .test = 4, .size = 32, .diameter_mm = 24});
  config_.epochs = 3;
  config_.options.threads = 1;
  config_.augment.rotate = 10;
  const auto whole = train();
  ASSERT_TRUE(whole.ok()) << whole.error().message();
  EXPECT_EQ(whole->classes, (std::vector<std::string>{"smooth", "spiculated"}));
  const learn::CheckpointPlan plan{.file = dir_.path() / "checkpoint.safetensors", .stop_after = 1};
  ASSERT_TRUE(train(plan).ok());
  const auto resumed = train({.file = plan.file});
  ASSERT_TRUE(resumed.ok()) << resumed.error().message();
  EXPECT_EQ(resumed->resumed_at, 2);
  ASSERT_EQ(resumed->weights.size(), whole->weights.size());
  for (const auto& [name, array] : whole->weights) EXPECT_EQ(resumed->weights.at(name).data, array.data) << name;
  EXPECT_DOUBLE_EQ(resumed->history.back().validation_ap, whole->history.back().validation_ap);
}

TEST_F(FoundBoxes, architectures_that_find_nothing_are_refused_by_name) {
  make({.train = 16, .validation = 4, .test = 4, .size = 32});
  config_.architecture = "resnet18";
  const auto result = train();
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message().find("resnet18 finds no boxes: use centernet"), std::string::npos)
      << result.error().message();
}

}  // namespace
}  // namespace aceso::learn_torch::test
