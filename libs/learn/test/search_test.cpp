// Searches over training configurations: what is tried, who goes on, what is chosen, and that it goes on where it was
// cut off.
#include "aceso/learn/search.hpp"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "fake_engine.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

// Takes the learning rate that it is given, as the fake of the other tests does not.
class RateEngine final : public Engine {
 public:
  int trainings = 0;
  std::string name() const override { return "fake"; }
  std::string version() const override { return "1"; }
  std::string device() const override { return "test"; }
  Result<std::unique_ptr<InferenceSession>> load(const Network&, const Weights&, const std::map<std::string, Shape>&,
                                                 const InferenceOptions&) override {
    return Error{Code::unsupported, "a search needs no serving"};
  }
  Result<std::unique_ptr<InferenceSession>> load_onnx(std::span<const std::byte>, const InferenceOptions&) override {
    return Error{Code::unsupported, "fake"};
  }
  Result<std::unique_ptr<TrainingSession>> train(const Network& network, const Weights& weights,
                                                 const std::map<std::string, Shape>& inputs,
                                                 const TrainingOptions& options) override {
    ++trainings;
    fake_.rate = options.learning_rate;
    fake_.tamper =
        options.learning_rate > 50 ? [](int, double) { return std::nan(""); } : std::function<double(int, double)>{};
    return fake_.train(network, weights, inputs, options);
  }

 private:
  FakeEngine fake_;
};

class Searches : public ::testing::Test {
 protected:
  void SetUp() override { register_builtin_architectures(registry_); }
  // Rows of two classes that overlap; `flipped`: one split's labels the wrong way round.
  Dataset make(const std::string& folder, std::optional<Split> flipped = {}) {
    const Philox philox{11};
    constexpr std::int64_t kRows = 240;
    NamedArrays arrays;
    std::size_t row = 0;
    for (const auto& [part, split] :
         {std::pair{"train", Split::train}, {"val", Split::validation}, {"test", Split::test}}) {
      const std::int64_t n = split == Split::train ? kRows / 2 : kRows / 4;
      Array x = Array::zeros(DType::f32, {n, 2}), y = Array::zeros(DType::u8, {n});
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i, ++row) {
        const bool positive = i % 2 == 1;
        x.f32()[2 * i] = static_cast<float>((positive ? 0.6 : -0.6) + philox.normal(row, 0));
        x.f32()[2 * i + 1] = static_cast<float>(3 * philox.normal(row, 1));
        y.data[i] = positive != (flipped == split) ? std::byte{1} : std::byte{0};
      }
      arrays.emplace(std::string{part} + "_images", std::move(x));
      arrays.emplace(std::string{part} + "_labels", std::move(y));
    }
    ImportOptions how;
    how.name = "rows";
    auto data = Dataset::import_arrays(arrays, "rows.npz", dir_.path() / folder, how, *progress_, {});
    EXPECT_TRUE(data.ok()) << data.error().message();
    return *std::move(data);
  }

  static TrainConfig config(const std::string& yaml) {
    auto parsed = parse_train_config("architecture: logistic\nbatch: 20\nflip: false\nepochs: 9\n" + yaml, "c.yaml");
    EXPECT_TRUE(parsed.ok()) << (parsed ? "" : parsed.error().message());
    return *parsed;
  }
  static std::string why(const std::string& yaml) {
    const auto parsed = parse_train_config(yaml, "c.yaml");
    return parsed ? std::string{} : parsed.error().message();
  }

  Result<SearchResult> run(const Dataset& data, const TrainConfig& how, const std::string& folder,
                           int stop_after = -1) {
    std::stop_source stop;
    const SearchEvents events{.on_trial = [&](const TrialRecord& trial) { told_.push_back(trial); },
                              .on_epoch =
                                  [&](const EpochRecord& epoch, int trial) {
                                    epochs_.emplace_back(trial, epoch.epoch);
                                    if (--stop_after == 0) stop.request_stop();
                                  }};
    return run_search(engine_, data, registry_, how, clock_, *progress_, events, stop.get_token(),
                      dir_.path() / folder);
  }

  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
  ArchitectureRegistry registry_;
  RateEngine engine_;
  SystemClock clock_;
  std::vector<TrialRecord> told_;
  std::vector<std::pair<int, int>> epochs_;
};

constexpr const char* kHalving =
    "search:\n  trials: 9\n  eta: 3\n  seed: 4\n  parameters:\n    learning_rate: {log_uniform: [0.001, 1]}\n    "
    "batch: "
    "{choice: [10, 20, 40]}\n";

TEST_F(Searches, the_same_seed_tries_the_same_and_another_parameter_changes_no_values) {
  const SearchConfig one = *config(kHalving).search;
  const auto first = draw_trials(one);
  ASSERT_OK(first);
  ASSERT_EQ(first->size(), 9U);
  const auto again = *draw_trials(one);
  std::set<std::string> rates;
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ((*first)[i].values, again[i].values);
    EXPECT_EQ((*first)[i].values[1].first, "learning_rate");
    rates.insert((*first)[i].values[1].second);
    const double rate = std::stod((*first)[i].values[1].second);
    EXPECT_GE(rate, 0.001);
    EXPECT_LE(rate, 1);
  }
  EXPECT_EQ(rates.size(), 9U);
  SearchConfig more = one;
  more.trials = 12;
  const auto wider = *draw_trials(more);
  more = *config(std::string{kHalving} + "    weight_decay: {uniform: [0, 0.1]}\n").search;
  const auto deeper = *draw_trials(more);
  SearchConfig other = one;
  other.seed = 5;
  const auto different = *draw_trials(other);
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(wider[i].values, (*first)[i].values);
    EXPECT_EQ(deeper[i].values[1], (*first)[i].values[1]);
    EXPECT_NE(different[i].values[1], (*first)[i].values[1]);
  }
}

TEST_F(Searches, values_fill_their_ranges_evenly) {
  SearchConfig many = *config(
                           "search:\n  parameters:\n    learning_rate: {log_uniform: [0.0001, 1]}\n    batch: "
                           "{integer: [1, 4]}\n    weight_decay: {uniform: [2, 4]}\n")
                           .search;
  many.trials = kMaxTrials;
  std::array<int, 4> decades{}, batches{};
  double sum = 0;
  const auto trials = *draw_trials(many);
  for (const TrialPlan& trial : trials) {
    ++batches.at(static_cast<std::size_t>(std::stoi(trial.values[0].second) - 1));
    ++decades.at(
        static_cast<std::size_t>(std::min(3.0, std::floor(std::log10(std::stod(trial.values[1].second)) + 4))));
    sum += std::stod(trial.values[2].second);
  }
  for (const int count : decades) EXPECT_NEAR(count, 50, 20);  // 3.3 standard deviations of a binomial (200, 1/4)
  for (const int count : batches) EXPECT_NEAR(count, 50, 20);
  EXPECT_NEAR(sum / kMaxTrials, 3, 0.14);  // 3.4 of a mean of 200 uniform values
}

TEST_F(Searches, no_two_trials_are_alike) {
  const SearchConfig all =
      *config(
           "search:\n  trials: 6\n  parameters:\n    batch: {integer: [1, 3]}\n    optimiser: {choice: [sgd, adam]}\n")
           .search;
  std::set<std::vector<std::pair<std::string, std::string>>> seen;
  const auto trials = *draw_trials(all);
  for (const TrialPlan& trial : trials) EXPECT_TRUE(seen.insert(trial.values).second);
  EXPECT_NE(why("search:\n  trials: 7\n  parameters:\n    batch: {integer: [1, 3]}\n    optimiser: {choice: [sgd, "
                "adam]}\n")
                .find("search.trials: too many: the parameters have 6 combinations"),
            std::string::npos);
}

TEST_F(Searches, what_makes_no_sense_is_refused_by_key_and_line) {
  const auto parameter = [](const std::string& text) { return why("epochs: 5\nsearch:\n  parameters:\n    " + text); };
  const auto names = [](const std::string& message, std::initializer_list<const char*> parts) {
    for (const char* part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    }
  };
  names(parameter("learning_rat: {uniform: [0, 1]}"), {"c.yaml:2", "learning_rat: unknown key", "mean learning_rate"});
  names(parameter("learning_rate: {uniform: [0.1, 0.1]}"), {"search.parameters.learning_rate.uniform", "empty"});
  names(parameter("learning_rate: {uniform: [0.2, 0.1]}"), {"learning_rate", "empty"});
  names(parameter("learning_rate: {log_uniform: [-0.1, 0.1]}"), {"learning_rate.log_uniform", "above 0"});
  names(parameter("learning_rate: {log_uniform: [0.1, 1e9]}"), {"learning_rate", "must be a number from"});
  names(parameter("learning_rate: {gaussian: [0.1, 1]}"), {"learning_rate", "gaussian", "log_uniform"});
  names(parameter("learning_rate: 3"), {"learning_rate", "uniform: [low, high]"});
  names(parameter("learning_rate: {uniform: [low, high]}"), {"learning_rate", "two numbers"});
  names(parameter("batch: {integer: [1.5, 4]}"), {"batch", "whole"});
  names(parameter("batch: {choice: []}"), {"batch.choice", "1 to 64"});
  names(parameter("batch: {choice: [8, 8]}"), {"batch.choice", "twice"});
  names(parameter("batch: {choice: [8, many]}"), {"batch", "\"many\"", "whole number"});
  names(parameter("epochs: {integer: [1, 4]}"), {"epochs", "max_epochs"});
  names(parameter("augment.rotat: {uniform: [0, 4]}"), {"rotat", "mean rotate"});
  const auto search = [](const std::string& text) {
    return why("epochs: 5\nsearch:\n  " + text + "\n  parameters:\n    learning_rate: {uniform: [0.1, 1]}\n");
  };
  names(search("trials: 201"), {"search.trials", "2 to 200"});
  names(search("trials: many"), {"search.trials", "whole number"});
  names(search("method: grid"), {"search.method", "random or halving"});
  names(search("metric: test_auc"), {"search.metric", "validation_auc"});
  names(search("eta: 1"), {"search.eta"});
  names(search("min_epochs: 5"), {"search.min_epochs", "below max_epochs (5)"});
  names(search("trails: 5"), {"search.trails: unknown key", "mean trials"});
  names(search("trials: 4\n  trials: 5"), {"trials", "twice"});
  names(why("search:\n  trials: 5\n"), {"search.parameters", "missing"});
  names(why("search: yes\n"), {"search: must be"});
  names(why("seeds: 2\nsearch:\n  parameters:\n    learning_rate: {uniform: [0.1, 1]}\n"), {"search", "seeds"});
  // Together they make no sense in one trial only.
  names(why("epochs: 5\noptimiser: adam\nsearch:\n  trials: 2\n  parameters:\n    nesterov: {choice: [true, false]}\n"),
        {"search: trial", "nesterov true", "goes with optimiser sgd"});
  const TrainConfig whole = config(kHalving);
  const auto again = parse_train_config_json(to_json(whole));
  ASSERT_OK(again);
  EXPECT_EQ(to_json(*again), to_json(whole));
}

TEST_F(Searches, a_configuration_as_yaml_reads_back_as_the_same) {
  const TrainConfig whole = config(
      "optimiser: sgd\nmomentum: 0.9\nnesterov: true\nlearning_rate: 0.00123\nclass_weights: balanced\nfreeze: "
      "['conv1.*', 'layer1.*']\ninit: 'model@2'\naugment:\n  rotate: 7.5\n  edge: reflect\n");
  const std::string yaml = to_yaml(whole);
  const auto again = parse_train_config(yaml, "again.yaml");
  ASSERT_OK(again);
  EXPECT_EQ(to_json(*again), to_json(whole)) << yaml;
  EXPECT_EQ(yaml.find("beta1"), std::string::npos) << yaml;
  EXPECT_EQ(to_yaml(TrainConfig{}), "");
}

TEST_F(Searches, halving_trains_few_for_long_and_the_best_as_if_it_were_alone) {
  const Dataset data = make("data");
  const TrainConfig how = config(kHalving);
  EXPECT_EQ(search_rungs(how), (std::vector{1, 3, 9}));
  EXPECT_EQ(trials_by_rung(how), (std::vector{9, 3, 1}));
  const auto result = run(data, how, "job");
  ASSERT_OK(result);
  EXPECT_EQ(epochs_.size(), 9U + 3 * 2 + 6);  // every epoch once: those that go on do not begin anew
  ASSERT_EQ(result->trials.size(), 9U);
  EXPECT_EQ(result->metric, "validation_auc");
  std::array<int, 4> reached{};
  for (std::size_t i = 0; i < 9; ++i) {
    const TrialRecord& trial = result->trials[i];
    ++reached.at(static_cast<std::size_t>(trial.rung));
    if (i > 0 && result->trials[i - 1].rung == trial.rung) {
      EXPECT_GE(result->trials[i - 1].figure, trial.figure);
    }
  }
  EXPECT_EQ(reached, (std::array{0, 6, 2, 1}));
  EXPECT_EQ(result->trials[0].state, TrialRecord::State::finished);
  EXPECT_EQ(result->trials[1].state, TrialRecord::State::stopped);
  // Nobody that was stopped had a better figure than the worst that went on.
  for (const TrialRecord& stopped : told_) {
    if (stopped.rung != 1 || stopped.state != TrialRecord::State::stopped) continue;
    for (const TrialRecord& promoted : told_) {
      if (promoted.rung == 1 && promoted.state == TrialRecord::State::promoted) {
        EXPECT_GE(promoted.figure, stopped.figure);
      }
    }
  }
  EXPECT_FALSE(result->config.search);
  EXPECT_EQ(result->best.history.size(), 9U);
  const auto alone = train(engine_, data, registry_, result->config, clock_, *progress_, {}, {});
  ASSERT_OK(alone);
  ASSERT_FALSE(alone->weights.empty());
  for (const auto& [name, array] : alone->weights) EXPECT_EQ(result->best.weights.at(name).data, array.data) << name;
  EXPECT_EQ(alone->best_epoch, result->best.best_epoch);
  const Json json = search_json(*result, how);
  EXPECT_EQ(json["results"].size(), 9U);
  EXPECT_EQ(json["results"][0]["rank"], 1);
  EXPECT_EQ(json["best"], result->trials[0].plan.number);
  const auto yaml = parse_train_config(json["best_config"].get<std::string>(), "best.yaml");
  ASSERT_OK(yaml);
  EXPECT_EQ(to_json(*yaml), to_json(result->config));
}

TEST_F(Searches, random_trains_all_to_the_end_and_keeps_one_checkpoint) {
  const Dataset data = make("data");
  TrainConfig how = config(kHalving);
  how.search->method = SearchMethod::random;
  how.search->max_epochs = 2;
  how.search->trials = 5;
  how.search->metric = "validation_loss";
  const auto result = run(data, how, "job");
  ASSERT_OK(result);
  EXPECT_EQ(epochs_.size(), 10U);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_LE(result->trials[i - 1].figure, result->trials[i].figure);
  EXPECT_TRUE(search_json(*result, how)["less_is_better"].get<bool>());
  std::size_t checkpoints = 0;
  for (const auto& entry : fs::directory_iterator{dir_.path() / "job" / "runs"})
    checkpoints += entry.path().extension() == ".safetensors" ? 1U : 0U;
  EXPECT_EQ(checkpoints, 1U);
}

TEST_F(Searches, test_samples_change_nothing_and_validation_samples_do) {
  const TrainConfig how = config(kHalving);
  const auto table = [&](const Dataset& data, const std::string& folder) {
    const auto result = run(data, how, folder);
    EXPECT_TRUE(result.ok()) << (result ? "" : result.error().message());
    std::vector<std::pair<int, double>> rows;
    for (const TrialRecord& trial : result->trials) rows.emplace_back(trial.plan.number, trial.figure);
    return rows;
  };
  const auto usual = table(make("a"), "ja");
  EXPECT_EQ(table(make("b", Split::test), "jb"), usual);
  EXPECT_NE(table(make("c", Split::validation), "jc"), usual);
}

TEST_F(Searches, cut_off_anywhere_it_ends_with_the_same_ranking_and_weights) {
  const Dataset data = make("data");
  const TrainConfig how = config(kHalving);
  const auto whole = run(data, how, "whole");
  ASSERT_OK(whole);
  const std::size_t all = epochs_.size();
  for (const int after : {1, 5, 9, 10, 12, 16, 20}) {
    SCOPED_TRACE(after);
    const std::string folder = "cut" + std::to_string(after);
    epochs_.clear();
    const auto cut = run(data, how, folder, after);
    ASSERT_CODE(cut, Code::cancelled);
    EXPECT_NE(cut.error().message().find("trial "), std::string::npos) << cut.error().message();
    // Again, as if the node had been killed.
    const auto once_more = run(data, how, folder, 3);
    const auto on = once_more ? once_more : run(data, how, folder);
    ASSERT_OK(on);
    EXPECT_EQ(epochs_.size(), all);  // nothing was trained twice
    for (std::size_t i = 0; i < whole->trials.size(); ++i) {
      EXPECT_EQ(on->trials[i].plan.number, whole->trials[i].plan.number);
      EXPECT_EQ(on->trials[i].figure, whole->trials[i].figure);
      EXPECT_EQ(on->trials[i].state, whole->trials[i].state);
    }
    for (const auto& [name, array] : whole->best.weights) EXPECT_EQ(on->best.weights.at(name).data, array.data) << name;
  }
  TrainConfig other = how;
  other.search->trials = 8;
  EXPECT_CODE(run(data, other, "whole"), Code::conflict);
  ASSERT_OK(write_file_atomic(dir_.path() / "whole" / "runs" / "search.json", std::string_view{"{"}));
  EXPECT_CODE(run(data, how, "whole"), Code::data_loss);
}

TEST_F(Searches, a_trial_that_fails_comes_last_and_the_search_goes_on) {
  const Dataset data = make("data");
  TrainConfig how = config("search:\n  trials: 3\n  parameters:\n    learning_rate: {choice: [60, 0.05, 0.02]}\n");
  const auto result = run(data, how, "job");
  ASSERT_OK(result);
  EXPECT_EQ(result->trials[2].state, TrialRecord::State::failed);
  EXPECT_EQ(result->trials[2].plan.values[0].second, "60");
  EXPECT_NE(result->trials[2].error.find("not finite"), std::string::npos) << result->trials[2].error;
  EXPECT_EQ(result->trials[0].state, TrialRecord::State::finished);
  how = config("search:\n  trials: 2\n  parameters:\n    learning_rate: {choice: [60, 70]}\n");
  const auto none = run(data, how, "none");
  ASSERT_CODE(none, Code::invalid);
  EXPECT_NE(none.error().message().find("no trial could be trained; trial 1: "), std::string::npos)
      << none.error().message();
}

TEST_F(Searches, when_all_that_went_on_fail_one_that_was_stopped_takes_their_place) {
  const Dataset data = make("data");
  // The step schedule raises nothing, the warm-up does: beyond it the large rate breaks, after the first rung.
  TrainConfig how = config("search:\n  trials: 3\n  parameters:\n    learning_rate: {choice: [0.5, 0.05, 0.02]}\n");
  const auto usual = run(data, how, "usual");
  ASSERT_OK(usual);
  const int best = usual->trials[0].plan.number;
  // As if the best had failed in its second rung: what is kept says so.
  std::stop_source stop;
  const auto cut = run(data, how, "job", 3);
  ASSERT_CODE(cut, Code::cancelled);
  const fs::path file = dir_.path() / "job" / "runs" / "search.json";
  Json state = *parse_json(*read_text_file(file, 1 << 20));
  Json failed = usual->trials[0].plan.number == 3 ? Json() : state["trials"][static_cast<std::size_t>(best - 1)][0];
  ASSERT_FALSE(failed.is_null()) << "with this seed the best is not the last of the first rung";
  ASSERT_EQ(state["trials"][0].size(), 1U);
  if (state["trials"][2].empty()) {
    ASSERT_CODE(run(data, how, "job", 1), Code::cancelled);
    state = *parse_json(*read_text_file(file, 1 << 20));
  }
  failed["error"] = "the loss is not finite";
  state["trials"][static_cast<std::size_t>(best - 1)].push_back(failed);
  ASSERT_OK(write_file_atomic(file, dump_json(state)));
  const auto result = run(data, how, "job");
  ASSERT_OK(result);
  EXPECT_EQ(result->trials[2].plan.number, best);
  EXPECT_EQ(result->trials[0].plan.number, usual->trials[1].plan.number);
  EXPECT_EQ(result->trials[0].epochs, 9);
}

TEST_F(Searches, without_validation_samples_or_with_a_figure_of_another_task_nothing_is_trained) {
  const Dataset data = make("data");
  TrainConfig how = config(kHalving);
  how.search->metric = "validation_dice";
  const auto dice = run(data, how, "job");
  ASSERT_CODE(dice, Code::invalid);
  EXPECT_NE(dice.error().message().find("search.metric"), std::string::npos);
  EXPECT_TRUE(epochs_.empty());
  NamedArrays arrays{{"train_images", Array::zeros(DType::f32, {4, 2})},
                     {"train_labels", Array::zeros(DType::u8, {4})}};
  for (std::size_t i = 0; i < 8; ++i) arrays.at("train_images").f32()[i] = static_cast<float>(i);
  arrays.at("train_labels").data[1] = arrays.at("train_labels").data[2] = std::byte{1};
  ImportOptions options;
  options.name = "few";
  options.validation_fraction = 0;
  const auto few = Dataset::import_arrays(arrays, "few.npz", dir_.path() / "few", options, *progress_, {});
  ASSERT_OK(few);
  const auto blind = run(*few, config(kHalving), "blind");
  ASSERT_CODE(blind, Code::invalid);
  EXPECT_NE(blind.error().message().find("validation samples"), std::string::npos) << blind.error().message();
}

}  // namespace
}  // namespace aceso::learn
