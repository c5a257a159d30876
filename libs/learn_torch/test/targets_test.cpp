// Several labels and numbers with the real engine: the loss by hand, phantoms whose truth is known, and the same
// answers from the serving engine.
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/learn/ensemble.hpp"
#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/learn/synthesise.hpp"
#include "aceso/learn/trainer.hpp"
#include "engines.hpp"

namespace aceso::learn_torch::test {
namespace {

using learn::Array;
using learn::DType;
using learn::Shape;

// A dense layer whose logits are its inputs.
Model identity(std::int64_t outputs) {
  Model model = make_model("logistic", {outputs}, outputs);
  Array weight = Array::zeros(DType::f32, {outputs, outputs});
  for (std::int64_t k = 0; k < outputs; ++k) weight.f32()[static_cast<std::size_t>(k * outputs + k)] = 1;
  for (auto& [name, array] : model.weights)
    array = name.ends_with(".weight") ? weight : Array::zeros(DType::f32, {outputs});
  return model;
}

double loss_by_hand(double logit, double truth) {
  return truth > 0.5 ? std::log1p(std::exp(-logit)) : std::log1p(std::exp(logit));
}

TEST(LabelLoss, weighs_each_label_and_leaves_out_what_is_not_known) {
  const Model model = identity(3);
  const std::vector<float> logits{1.5F, -0.5F, 2, -1, 0.25F, 0.75F};
  const std::vector<float> truth{1, 0, -1, 0, -1, 1};
  learn::TrainingOptions options;
  options.threads = 1;
  const auto loss = [&](const std::vector<double>& weights, const std::vector<float>& targets) {
    options.class_weights = weights;
    const auto session = engine("torch").train(model.network, model.weights, model.inputs, options);
    if (!session.ok()) throw std::runtime_error{session.error().message()};
    const auto value = (*session)->loss(model.batch(Array::from({2, 3}, logits)), Array::from({2, 3}, targets));
    if (!value.ok()) throw std::runtime_error{value.error().message()};
    return *value;
  };
  const auto by_hand = [&](const std::vector<double>& weights) {
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      if (truth[i] < 0) continue;
      const double weight = weights.empty() ? 1 : weights[2 * (i % 3) + (truth[i] > 0.5F ? 1 : 0)];
      sum += weight * loss_by_hand(static_cast<double>(logits[i]), static_cast<double>(truth[i]));
      total += weight;
    }
    return sum / total;
  };
  const std::vector<double> weights{1, 4, 0.5, 2, 3, 0.25};
  EXPECT_NEAR(loss({}, truth), by_hand({}), 1e-6);
  EXPECT_NEAR(loss(weights, truth), by_hand(weights), 1e-6);
  EXPECT_EQ(loss({}, {-1, -1, -1, -1, -1, -1}), 0);
  EXPECT_THROW(loss({1, 2, 3}, truth), std::runtime_error);            // neither two nor two a label
  EXPECT_THROW(loss({}, {-0.5F, 0, 0, 0, 0, 0}), std::runtime_error);  // nothing but -1 means not known
}

class TargetTasks : public testing::Test {
 protected:
  void make(learn::PhantomTask task, std::size_t train) {
    learn::SynthesiseOptions phantoms;
    phantoms.task = task;
    phantoms.size = 32;
    phantoms.train = train;
    phantoms.validation = phantoms.test = 100;
    phantoms.diameter_mm = 24;
    learn::ImportOptions options;
    options.name = "phantoms";
    options.classes = learn::class_names(task);
    options.task = task == learn::PhantomTask::size ? learn::Task::regression : learn::Task::multi_label;
    if (task == learn::PhantomTask::size) options.unit = "mm";
    auto made = learn::Dataset::import_arrays(*learn::synthesise(phantoms), "phantoms", dir_.path() / "data", options,
                                              *progress_, {});
    ASSERT_TRUE(made.ok()) << made.error().message();
    data_.emplace(std::move(*made));
    learn::register_builtin_architectures(registry_);
    config_.options.threads = 2;
    config_.options.learning_rate = 2e-3;
    config_.batch = 16;
  }
  Result<learn::TrainResult> train() {
    return learn::train(engine("torch"), *data_, registry_, config_, clock_, *progress_, {}, {}, {});
  }
  // On the test split, by either engine; they must agree to `within`.
  learn::Predictions ask(const learn::TrainResult& result, double within) {
    Shape batch{-1};
    const Shape& sample = result.signature.inputs[0].shape;
    batch.insert(batch.end(), sample.begin(), sample.end());
    std::vector<learn::Predictions> both;
    for (const char* name : {"torch", "openvino"}) {
      const auto session = engine(name).load(result.network, result.weights, {{"image", batch}}, {.threads = 2});
      if (!session.ok()) throw std::runtime_error{session.error().message()};
      auto made = learn::predict_split(**session, result.signature, *data_, learn::Split::test, 32, *progress_, {});
      if (!made.ok()) throw std::runtime_error{made.error().message()};
      both.push_back(std::move(*made));
    }
    for (std::size_t i = 0; i < both[0].probabilities.size(); ++i) {
      for (std::size_t k = 0; k < both[0].probabilities[i].size(); ++k)
        EXPECT_NEAR(both[0].probabilities[i][k], both[1].probabilities[i][k], within);
    }
    return both[0];
  }
  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
  std::optional<learn::Dataset> data_;
  learn::ArchitectureRegistry registry_;
  learn::TrainConfig config_;
  SystemClock clock_;
};

TEST_F(TargetTasks, findings_are_learnt_each_on_its_own) {
  make(learn::PhantomTask::findings, 400);
  config_.epochs = 8;
  config_.balance_classes = true;
  const auto result = train();
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->classes, (std::vector<std::string>{"nodule", "effusion", "bulla"}));
  EXPECT_EQ(learn::task_of(result->signature), learn::Task::multi_label);
  EXPECT_EQ(result->signature.outputs[0].shape, (Shape{3}));
  EXPECT_GT(result->history[static_cast<std::size_t>(result->best_epoch - 1)].validation_auc, 0.75);
  const learn::Predictions test = ask(*result, 1e-4);
  const std::vector<double> thresholds{0.5, 0.5, 0.5};
  const Json e = learn::evaluate_labels(test, thresholds, result->classes, 1);
  EXPECT_GT(e["metrics"]["auroc"]["value"].get<double>(), 0.75);
  EXPECT_GT(e["per_label"][1]["metrics"]["auroc"]["value"].get<double>(), 0.95);  // fluid is plain to see
}

TEST_F(TargetTasks, a_size_is_learnt_and_answered_in_its_unit) {
  make(learn::PhantomTask::size, 400);
  config_.epochs = 8;
  const auto result = train();
  ASSERT_TRUE(result.ok()) << result.error().message();
  const learn::Port& port = result->signature.outputs[0];
  EXPECT_EQ(port.kind, learn::PortKind::number);
  EXPECT_EQ(port.unit, "mm");
  EXPECT_EQ(port.labels, (std::vector<std::string>{"nodule diameter"}));
  for (const auto& epoch : result->history)
    EXPECT_GE(epoch.validation_rmse, result->history[static_cast<std::size_t>(result->best_epoch - 1)].validation_rmse);
  const learn::Predictions test = ask(*result, 1e-2);
  const Json e = learn::evaluate_numbers(test, "nodule diameter", "mm", 1);
  EXPECT_LT(e["metrics"]["rmse"]["value"].get<double>(), 5);  // diameters are 6 to 42 mm, their sd is 10
  EXPECT_GT(e["metrics"]["pearson"]["value"].get<double>(), 0.85);
  EXPECT_NEAR(e["metrics"]["rmse"]["value"].get<double>(),
              result->history[static_cast<std::size_t>(result->best_epoch - 1)].validation_rmse, 2);

  // Going on from it begins where it ended: its output is in mm, the training in standardised numbers.
  const auto file = dir_.path() / "first.safetensors";
  ASSERT_TRUE(write_file_atomic(file, learn::to_safetensors(result->weights, {})).ok());
  config_.start.init_file = file;
  config_.epochs = 1;
  config_.options.learning_rate = 1e-12;
  const auto again = train();
  ASSERT_TRUE(again.ok()) << again.error().message();
  const learn::Predictions same = ask(*again, 1e-2);
  for (std::size_t i = 0; i < same.probabilities.size(); ++i)
    EXPECT_NEAR(same.probabilities[i][0], test.probabilities[i][0], 1e-2);
}

TEST(EnsembleEngines, the_last_layer_is_the_mean_of_the_members_on_every_engine) {
  for (const auto& [architecture, sample, task, outputs] :
       {std::tuple{"article_cnn", Shape{1, 16, 16}, learn::Task::classes, std::int64_t{3}},
        std::tuple{"mlp", Shape{6}, learn::Task::regression, std::int64_t{1}},
        std::tuple{"unet", Shape{1, 16, 16}, learn::Task::outlines, std::int64_t{1}}}) {
    SCOPED_TRACE(architecture);
    learn::ArchitectureRegistry registry;
    learn::register_builtin_architectures(registry);
    std::vector<learn::TrainResult> members(3);
    Shape batch{-1};
    batch.insert(batch.end(), sample.begin(), sample.end());
    for (std::size_t m = 0; m < members.size(); ++m) {
      members[m].network = *registry.make(architecture, {.input = sample, .outputs = outputs, .task = task});
      const std::string input = members[m].network.layers.front().name;
      members[m].weights =
          learn::initial_weights(members[m].network, *learn::infer_shapes(members[m].network, {{input, batch}}), m + 1);
      Shape answer{outputs};
      if (task == learn::Task::outlines) answer.insert(answer.end(), sample.begin() + 1, sample.end());
      members[m].signature.inputs = {{input, DType::f32, sample, learn::PortKind::other, "", {}, ""}};
      members[m].signature.outputs = {{"output", DType::f32, answer, learn::PortKind::other, "", {}, ""}};
    }
    const auto ensemble = learn::make_ensemble({&members[0], &members[1], &members[2]});
    ASSERT_TRUE(ensemble.ok()) << ensemble.error().message();
    const std::string input = members[0].signature.inputs[0].name;
    const std::map<std::string, Shape> inputs{{input, batch}};
    Shape shape{4};
    shape.insert(shape.end(), sample.begin(), sample.end());
    const learn::NamedArrays asked{{input, counted_input(shape)}};
    std::vector<double> mean;
    std::vector<std::vector<float>> alone;
    for (const learn::TrainResult& member : members) {
      const auto session = engine("torch").load(member.network, member.weights, inputs, {.threads = 1});
      ASSERT_TRUE(session.ok());
      const auto answer = (*session)->run(asked);
      ASSERT_TRUE(answer.ok());
      const auto values = answer->at("output").f32();
      mean.resize(values.size(), 0);
      for (std::size_t i = 0; i < values.size(); ++i) mean[i] += static_cast<double>(values[i]) / 3;
      alone.emplace_back(values.begin(), values.end());
    }
    const auto onnx = learn::to_onnx(ensemble->network, ensemble->weights, inputs);
    ASSERT_TRUE(onnx.ok()) << onnx.error().message();
    const bool rows = task != learn::Task::outlines;
    const learn::InferenceOptions how{.threads = 1, .allow_bf16 = false, .embedding = rows ? learn::kMembersLayer : ""};
    std::vector<std::unique_ptr<learn::InferenceSession>> sessions;
    for (const char* name : {"torch", "openvino"}) {
      auto session = engine(name).load(ensemble->network, ensemble->weights, inputs, how);
      ASSERT_TRUE(session.ok()) << session.error().message();
      sessions.push_back(std::move(*session));
    }
    auto from_file = engine("openvino").load_onnx(*onnx, {.threads = 1});
    ASSERT_TRUE(from_file.ok()) << from_file.error().message();
    sessions.push_back(std::move(*from_file));
    for (std::size_t s = 0; s < sessions.size(); ++s) {
      const auto answer = sessions[s]->run(asked);
      ASSERT_TRUE(answer.ok()) << answer.error().message();
      const auto values = answer->at("output").f32();
      ASSERT_EQ(values.size(), mean.size());
      for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(static_cast<double>(values[i]), mean[i], 1e-4);
      if (!rows || s == 2) continue;
      const auto each = answer->at("embedding").f32();  // [4, members * outputs]
      const auto width = static_cast<std::size_t>(outputs);
      for (std::size_t n = 0; n < 4; ++n) {
        for (std::size_t m = 0; m < 3; ++m) EXPECT_NEAR(each[n * 3 * width + m * width], alone[m][n * width], 1e-4);
      }
    }
  }
}

TEST_F(TargetTasks, a_network_that_draws_is_refused_for_numbers_by_name) {
  make(learn::PhantomTask::size, 20);
  config_.architecture = "unet";
  config_.task = learn::TrainTask::regression;
  const auto result = train();
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message().find("architecture"), std::string::npos) << result.error().message();
  config_.architecture = "resnet18";
  config_.options.loss = learn::Loss::focal;
  EXPECT_EQ(train().error().code(), Code::unsupported);
}

}  // namespace
}  // namespace aceso::learn_torch::test
