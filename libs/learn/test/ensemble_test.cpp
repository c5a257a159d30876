// Folds, repeated seeds and ensembles: planned, run, taken up again, pooled.
#include "aceso/learn/ensemble.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/learn/dataset_split.hpp"
#include "fake_engine.hpp"
#include "scores.hpp"
#include "train_task.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

class Runs : public ::testing::Test {
 protected:
  // A table of patients with four rows each, of two classes.
  void make(int folds) {
    const Philox philox{5};
    constexpr std::int64_t kRows = 160;
    NamedArrays arrays{{"X", Array::zeros(DType::f32, {kRows, 2})},
                       {"y", Array::zeros(DType::u8, {kRows})},
                       {"group", Array::zeros(DType::i32, {kRows})}};
    for (std::size_t i = 0; i < kRows; ++i) {
      const bool positive = i / 4 % 2 == 1;
      arrays.at("X").f32()[2 * i] = static_cast<float>((positive ? 0.7 : -0.7) + philox.normal(i, 0));
      arrays.at("X").f32()[2 * i + 1] = static_cast<float>(philox.normal(i, 1));
      arrays.at("y").data[i] = positive ? std::byte{1} : std::byte{0};
      const auto patient = static_cast<std::int32_t>(i / 4);
      std::memcpy(&arrays.at("group").data[i * sizeof patient], &patient, sizeof patient);
    }
    ImportOptions how;
    how.name = "rows";
    auto first = Dataset::import_arrays(arrays, "rows.npz", dir_.path() / "rows", how, *progress_, {});
    ASSERT_OK(first);
    if (folds == 0) {
      data_.emplace(std::move(*first));
      return;
    }
    auto split = split_dataset(*first, dir_.path() / "rows", dir_.path() / "folds",
                               {.name = "rows@2", .by = SplitBy::patient, .test = 0.2, .folds = folds}, *progress_, {});
    ASSERT_OK(split);
    data_.emplace(std::move(*split));
    register_builtin_architectures(registry_);
    config_.architecture = "logistic";
    config_.epochs = 3;
    config_.batch = 16;
    config_.flip = false;
    engine_.rate = 0.1;
  }
  Result<std::vector<TrainResult>> run(const std::vector<TrainRun>& runs, const fs::path& folder, int stop_after = -1) {
    std::stop_source stop;
    return train_runs(
        engine_, *data_, registry_, config_, runs, clock_, *progress_,
        [&](const EpochRecord&) {
          ++epochs_;
          if (--stop_after == 0) stop.request_stop();
        },
        stop.get_token(), folder);
  }
  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
  std::optional<Dataset> data_;
  ArchitectureRegistry registry_;
  TrainConfig config_;
  FakeEngine engine_;
  SystemClock clock_;
  int epochs_ = 0;
};

TEST_F(Runs, folds_and_seeds_are_all_run_and_patients_stay_whole) {
  make(5);
  config_.folds = 5;
  config_.seeds = 2;
  config_.ensemble = true;
  const auto runs = plan_runs(*data_, config_);
  ASSERT_OK(runs);
  ASSERT_EQ(runs->size(), 10U);
  EXPECT_EQ((*runs)[3].fold, 1);
  EXPECT_EQ((*runs)[3].seed, 2U);
  std::set<std::string> held_once;
  for (const TrainRun& one : *runs) {
    const auto plan = plan_training(*data_, config_of(config_, one));
    ASSERT_OK(plan);
    std::set<std::string> learnt, held;
    for (const std::size_t i : plan->train) learnt.insert(data_->manifest().samples[i].group);
    for (const std::size_t i : plan->validation) {
      const Sample& sample = data_->manifest().samples[i];
      held.insert(sample.group);
      EXPECT_NE(sample.split, Split::test);
      if (one.seed == 1) {
        EXPECT_TRUE(held_once.insert(sample.id).second);
      }
    }
    for (const std::string& group : held) EXPECT_FALSE(learnt.contains(group));
  }
  EXPECT_EQ(held_once.size(), data_->indices(Split::train).size() + data_->indices(Split::validation).size());
  // Without an ensemble one more run, on the data set's own splits, is what is served.
  config_.ensemble = false;
  const auto and_one = plan_runs(*data_, config_);
  ASSERT_OK(and_one);
  EXPECT_EQ(and_one->size(), 11U);
  EXPECT_EQ(and_one->back().fold, -1);
  EXPECT_FALSE(and_one->front().served);
  config_.folds = 4;
  const auto other = plan_runs(*data_, config_);
  ASSERT_CODE(other, Code::invalid);
  EXPECT_NE(other.error().message().find("--folds 4"), std::string::npos) << other.error().message();
  config_.folds = 0;
  config_.fold = 9;
  EXPECT_CODE(plan_training(*data_, config_), Code::invalid);
}

TEST_F(Runs, a_configuration_that_makes_no_sense_is_refused_by_key) {
  const auto wrong = [](const char* yaml) {
    const auto config = parse_train_config(yaml, "c.yaml");
    return config ? std::string{} : config.error().message();
  };
  EXPECT_NE(wrong("ensemble: true\n").find("ensemble"), std::string::npos);
  EXPECT_NE(wrong("folds: 1\n").find("folds"), std::string::npos);
  EXPECT_NE(wrong("folds: 21\n").find("folds"), std::string::npos);
  EXPECT_NE(wrong("folds: 5\nfold: 2\n").find("fold"), std::string::npos);
  EXPECT_EQ(wrong("folds: 5\nseeds: 2\nensemble: true\n"), "");
}

TEST_F(Runs, what_has_ended_is_not_run_again_and_the_weights_are_the_same) {
  make(4);
  config_.folds = 4;
  config_.ensemble = true;
  const auto runs = *plan_runs(*data_, config_);
  const auto whole = run(runs, dir_.path() / "whole");
  ASSERT_OK(whole);
  EXPECT_EQ(epochs_, 12);
  epochs_ = 0;
  const auto cut = run(runs, dir_.path() / "cut", 7);  // in the second epoch of the third run... after its first
  ASSERT_CODE(cut, Code::cancelled);
  EXPECT_NE(cut.error().message().find("run 3 of 4"), std::string::npos) << cut.error().message();
  EXPECT_TRUE(fs::exists(dir_.path() / "cut" / "runs" / "2.safetensors"));
  EXPECT_FALSE(fs::exists(dir_.path() / "cut" / "runs" / "3.safetensors"));
  const int before = epochs_;
  const auto on = run(runs, dir_.path() / "cut");
  ASSERT_OK(on);
  EXPECT_EQ(before + (epochs_ - before), 12);
  EXPECT_EQ(epochs_ - before, 5);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*on)[i].best_epoch, (*whole)[i].best_epoch);
    for (const auto& [name, array] : (*whole)[i].weights) EXPECT_EQ((*on)[i].weights.at(name).data, array.data) << name;
    EXPECT_EQ((*on)[i].history.size(), 3U);
  }
  // Another configuration does not take over what is there.
  config_.batch = 8;
  EXPECT_CODE(run(*plan_runs(*data_, config_), dir_.path() / "cut"), Code::conflict);
  // A damaged run is no run.
  config_.batch = 16;
  const fs::path file = dir_.path() / "cut" / "runs" / "1.safetensors";
  ASSERT_OK(write_file_atomic(file, std::string_view{"garbage"}));
  EXPECT_CODE(run(runs, dir_.path() / "cut"), Code::data_loss);
}

TEST_F(Runs, out_of_fold_answers_come_from_runs_that_did_not_learn_from_the_sample) {
  make(4);
  config_.folds = 4;
  config_.seeds = 2;
  config_.ensemble = true;
  const auto runs = *plan_runs(*data_, config_);
  const auto results = run(runs, dir_.path() / "job");
  ASSERT_OK(results);
  const auto pooled = out_of_fold(engine_, *data_, *results, runs, 16, 1, *progress_, {});
  ASSERT_OK(pooled);
  EXPECT_EQ(pooled->ids.size(), data_->indices(Split::train).size() + data_->indices(Split::validation).size());
  // By hand for one sample: the mean of the two runs of its fold.
  std::size_t at = 0;
  while (data_->manifest().samples[at].fold != 2) ++at;
  const Sample& sample = data_->manifest().samples[at];
  double mean = 0;
  for (const std::size_t r : {4U, 5U}) {
    const auto session = engine_.load((*results)[r].network, (*results)[r].weights, {{"features", {-1, 2}}}, {});
    ASSERT_OK(session);
    const auto one = predict_samples(**session, (*results)[r].signature, *data_, std::vector{at}, 1, *progress_, {});
    ASSERT_OK(one);
    mean += one->probabilities[0][0] / 2;
  }
  const auto found = std::find(pooled->ids.begin(), pooled->ids.end(), sample.id);
  ASSERT_NE(found, pooled->ids.end());
  EXPECT_NEAR(pooled->probabilities[static_cast<std::size_t>(found - pooled->ids.begin())][0], mean, 1e-12);
  const Json figures = pooled_figures(*pooled, data_->manifest(), 1);
  EXPECT_GT(figures["metrics"]["auroc"]["value"].get<double>(), 0.7);
  EXPECT_EQ(figures["metrics"]["auroc"]["method"], "bootstrap by group");
  const Json about = runs_json(*results, runs, config_);
  EXPECT_EQ(about["runs"].size(), 8U);
  double sum = 0;
  for (const Json& one : about["runs"]) sum += one["validation"].get<double>();
  EXPECT_NEAR(about["validation"]["mean"].get<double>(), sum / 8, 1e-12);
}

TEST_F(Runs, an_ensemble_is_one_network_whose_last_layer_takes_the_mean) {
  make(4);
  config_.seeds = 3;
  const auto runs = *plan_runs(*data_, config_);
  EXPECT_EQ(runs.size(), 3U);
  auto results = run(runs, dir_.path() / "job");
  ASSERT_OK(results);
  // The fake engine learns the same from every seed: told apart here.
  for (std::size_t i = 0; i < 3; ++i) (*results)[i].weights.at("dense.bias").f32()[0] = static_cast<float>(i);
  const auto ensemble = make_ensemble({&(*results)[0], &(*results)[1], &(*results)[2]});
  ASSERT_OK(ensemble);
  EXPECT_EQ(ensemble_size(ensemble->network), 3U);
  EXPECT_EQ(ensemble_size((*results)[0].network), 0U);
  EXPECT_EQ(ensemble->weights.at("m3.dense.bias").f32()[0], 2);
  const auto shapes = infer_shapes(ensemble->network, {{"features", {-1, 2}}});
  ASSERT_OK(shapes);
  EXPECT_EQ(shapes->outputs.at(kMembersLayer), (Shape{-1, 3}));
  EXPECT_EQ(shapes->outputs.at(ensemble->network.output), (Shape{-1, 1}));
  for (const float w : ensemble->weights.at("ensemble.weight").f32()) EXPECT_NEAR(w, 1.0 / 3, 1e-7);
  const auto again = parse_network(to_json(ensemble->network));
  ASSERT_OK(again);
  EXPECT_EQ(ensemble_size(*again), 3U);
  config_.ensemble = true;
  EXPECT_EQ(ensemble_size(served_result(*results, runs, config_)->network), 3U);
  config_.ensemble = false;
  EXPECT_EQ(ensemble_size(served_result(*results, runs, config_)->network), 0U);
  (*results)[2].signature.preprocessing.scale = 2;
  EXPECT_CODE(make_ensemble({&(*results)[0], &(*results)[2]}), Code::invalid);
  EXPECT_CODE(make_ensemble({}), Code::invalid);
}

}  // namespace
}  // namespace aceso::learn
