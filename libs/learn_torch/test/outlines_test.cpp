// Outlines learnt with the real engine: losses against MONAI, a U-Net on phantoms whose outlines are known, and the
// same answers from the serving engine.
#include <fstream>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/learn/synthesise.hpp"
#include "aceso/learn/trainer.hpp"
#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::DType;
using learn::Shape;

constexpr std::int64_t kBatchOfMasks = 3;
constexpr std::int64_t kColours = 2;

// A 1x1 convolution.
Model pointwise(const Shape& spatial, std::int64_t outputs) {
  Model model;
  model.port = "image";
  const auto layer = [](const char* name, learn::Op op, std::vector<std::string> inputs) {
    learn::Layer made;
    made.name = name;
    made.op = op;
    made.inputs = std::move(inputs);
    return made;
  };
  learn::Layer conv = layer("conv", learn::Op::conv, {"image"});
  conv.out = outputs;
  conv.kernel.assign(spatial.size(), 1);
  conv.stride.assign(spatial.size(), 1);
  conv.padding.assign(spatial.size(), 0);
  model.network.architecture = "pointwise";
  model.network.layers = {layer("image", learn::Op::input, {}), conv,
                          layer("probability", outputs == 1 ? learn::Op::sigmoid : learn::Op::softmax, {"conv"})};
  model.network.logits = "conv";
  model.network.output = "probability";
  Shape batch{-1, kColours};
  batch.insert(batch.end(), spatial.begin(), spatial.end());
  model.inputs.emplace("image", batch);
  model.weights = counted_weights(*learn::infer_shapes(model.network, model.inputs));
  return model;
}

// As target() of generate_outlines.py.
Array mask_targets(const Shape& spatial, std::int64_t outputs) {
  Shape shape{kBatchOfMasks, outputs};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  Array out = Array::zeros(DType::f32, shape);
  std::size_t area = 1;
  for (const std::int64_t side : spatial) area *= static_cast<std::size_t>(side);
  const auto channels = static_cast<std::size_t>(outputs);
  for (std::size_t n = 0; n < static_cast<std::size_t>(kBatchOfMasks); ++n) {
    for (std::size_t i = 0; i < area; ++i) {
      const std::size_t label = n == 2 ? 0 : (n * area + i) / 5 % std::max<std::size_t>(channels, 2);
      if (channels == 1) {
        out.f32()[n * area + i] = static_cast<float>(label);
      } else {
        out.f32()[(n * channels + label) * area + i] = 1;
      }
    }
  }
  return out;
}

TEST(OutlinesGolden, losses_equal_monais) {
  std::ifstream file{ACESO_OUTLINES_GOLDEN_FILE};
  const auto golden = nlohmann::json::parse(file);
  for (const auto& entry : golden["cases"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const auto spatial = entry["spatial"].get<Shape>();
    const auto outputs = entry["outputs"].get<std::int64_t>();
    const Model model = pointwise(spatial, outputs);
    auto config = learn::parse_train_config_json(nlohmann::json{{"loss", entry["loss"]}});
    ASSERT_TRUE(config.ok());
    config->options.threads = 1;
    config->options.exclusive = outputs > 1;
    Shape shape{kBatchOfMasks, kColours};
    shape.insert(shape.end(), spatial.begin(), spatial.end());
    const auto session = engine("torch").train(model.network, model.weights, model.inputs, config->options);
    ASSERT_TRUE(session.ok()) << session.error().message();
    const auto loss = (*session)->loss(model.batch(counted_input(shape)), mask_targets(spatial, outputs));
    ASSERT_TRUE(loss.ok()) << loss.error().message();
    EXPECT_NEAR(*loss, entry["value"].get<double>(), 2e-6);
  }
}

class Outlines : public testing::Test {
 protected:
  void make(bool volume, std::int64_t size, std::size_t train, std::size_t others) {
    learn::SynthesiseOptions phantoms;
    phantoms.volume = volume;
    phantoms.size = size;
    phantoms.train = train;
    phantoms.validation = phantoms.test = others;
    phantoms.diameter_mm = 24;
    learn::ImportOptions options;
    options.name = "phantoms";
    if (volume) options.kind = "volume";
    auto made = learn::Dataset::import_arrays(*learn::synthesise(phantoms), "phantoms", dir_.path() / "data", options,
                                              *progress_, {});
    ASSERT_TRUE(made.ok()) << made.error().message();
    data_.emplace(std::move(*made));
    learn::register_builtin_architectures(registry_);
    config_.architecture = "unet";
    config_.outline_labels = {"nodule"};
    config_.options.threads = 2;
    config_.options.learning_rate = 5e-3;
  }
  Result<learn::TrainResult> train() {
    return learn::train(engine("torch"), *data_, registry_, config_, clock_, *progress_, {}, {}, {});
  }
  // Mean Dice of both engines on the test split; they must agree.
  double judge(const learn::TrainResult& result) {
    Shape batch{-1};
    const Shape& sample = result.signature.inputs[0].shape;
    batch.insert(batch.end(), sample.begin(), sample.end());
    std::array<double, 2> dice{};
    for (const std::size_t i : {0U, 1U}) {
      const auto session = engine(i == 0 ? "torch" : "openvino")
                               .load(result.network, result.weights, {{"image", batch}}, {.threads = 2});
      if (!session) return -1;
      const auto cases = learn::judge_outlines(learn::forward_of(**session, result.signature), result.signature, *data_,
                                               learn::Split::test, 0.5, *progress_, {});
      if (!cases) return -1;
      for (const auto& one : cases->cases) dice[i] += learn::mean_dice(one) / static_cast<double>(cases->cases.size());
    }
    EXPECT_NEAR(dice[0], dice[1], 2e-3);
    return dice[0];
  }
  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
  std::optional<learn::Dataset> data_;
  learn::ArchitectureRegistry registry_;
  learn::TrainConfig config_;
  SystemClock clock_;
};

TEST_F(Outlines, a_unet_learns_nodules_in_images) {
  make(false, 32, 96, 16);
  config_.epochs = 8;
  config_.batch = 8;
  const auto result = train();
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->classes, (std::vector<std::string>{"background", "nodule"}));
  EXPECT_EQ(result->signature.outputs[0].kind, learn::PortKind::mask);
  EXPECT_GT(result->history.back().validation_dice, 0.7);
  for (const auto& epoch : result->history)
    EXPECT_LE(epoch.validation_dice, result->history[static_cast<std::size_t>(result->best_epoch - 1)].validation_dice);
  EXPECT_GT(judge(*result), 0.7);
}

TEST_F(Outlines, a_unet_learns_nodules_in_volumes_from_windows) {
  make(true, 24, 24, 4);
  config_.epochs = 20;
  config_.batch = 2;
  config_.patch = 16;
  const auto result = train();
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->signature.inputs[0].shape, (Shape{1, 16, 16, 16}));
  EXPECT_EQ(result->signature.preprocessing.window, (Shape{16, 16, 16}));
  EXPECT_GT(judge(*result), 0.3);
}

TEST_F(Outlines, architectures_that_draw_nothing_are_refused_by_name) {
  make(false, 32, 16, 4);
  config_.architecture = "resnet18";
  config_.task = learn::TrainTask::outlines;
  const auto result = train();
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message().find("architecture: resnet18"), std::string::npos);
}

}  // namespace
}  // namespace aceso::learn_torch::test
