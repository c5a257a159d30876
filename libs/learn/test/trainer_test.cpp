#include "aceso/learn/trainer.hpp"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/evaluate.hpp"
#include "fake_engine.hpp"
#include "shuffle.hpp"

namespace aceso::learn {
namespace {

// Images of 4 x 4 whose left half is brighter in class 1: mirroring makes that unlearnable, so flips are seen in the
// result.
NamedArrays lopsided(std::size_t n, int classes = 2) {
  const Philox philox{5};
  Array x = Array::zeros(DType::u8, {static_cast<std::int64_t>(n), 4, 4});
  Array y = Array::zeros(DType::u8, {static_cast<std::int64_t>(n)});
  for (std::size_t i = 0; i < n; ++i) {
    const auto label = i % static_cast<std::size_t>(classes);
    y.data[i] = static_cast<std::byte>(label);
    for (std::size_t p = 0; p < 16; ++p) {
      const double bright = p % 4 == label ? 80 : 0;
      x.data[i * 16 + p] = static_cast<std::byte>(static_cast<int>(60 + bright + 60 * philox.uniform01(i, p)));
    }
  }
  return {{"X", x}, {"y", y}};
}

class TrainerTest : public ::testing::Test {
 protected:
  void SetUp() override { register_builtin_architectures(registry_); }
  Dataset dataset(const NamedArrays& arrays, double validation = 0.25, double test = 0.25) {
    ImportOptions options;
    options.name = "lopsided";
    options.validation_fraction = validation;
    options.test_fraction = test;
    return *Dataset::import_arrays(arrays, "x", dir_.path() / std::to_string(made_++), options, *progress_, {});
  }
  Result<TrainResult> run(const Dataset& data, TrainConfig config, std::stop_token stop = {}) {
    return train(
        engine_, data, registry_, config, clock_, *progress_, [this](const EpochRecord& e) { epochs_.push_back(e); },
        stop);
  }
  static TrainConfig config() {
    TrainConfig config;
    config.architecture = "logistic";
    config.epochs = 8;
    config.batch = 16;
    config.flip = false;
    return config;
  }

  TempDir dir_ = *TempDir::create();
  int made_ = 0;
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
  ManualClock clock_;
  ArchitectureRegistry registry_;
  FakeEngine engine_;
  std::vector<EpochRecord> epochs_;
};

TEST_F(TrainerTest, learns_and_keeps_the_best_epoch) {
  const Dataset data = dataset(lopsided(200));
  const auto result = run(data, config());
  ASSERT_OK(result);
  EXPECT_EQ(result->history.size(), 8U);
  EXPECT_EQ(epochs_.size(), 8U);
  EXPECT_GT(result->history.back().validation_auc, 0.95);
  EXPECT_LT(result->history.back().train_loss, result->history.front().train_loss);
  for (const EpochRecord& e : result->history)
    EXPECT_LE(e.validation_auc, result->history[static_cast<std::size_t>(result->best_epoch - 1)].validation_auc);
  EXPECT_EQ(result->signature.inputs[0].shape, (Shape{1, 4, 4}));
  EXPECT_EQ(result->signature.preprocessing.height, 4);
  EXPECT_EQ(result->engine, "fake 1 (test)");
  EXPECT_GT(result->usage.peak_rss_bytes, 0U);
}

TEST_F(TrainerTest, gives_the_same_weights_for_the_same_seed) {
  const Dataset data = dataset(lopsided(200));
  auto c = config();
  c.flip = true;
  const auto a = run(data, c);
  const auto b = run(data, c);
  EXPECT_EQ(a->weights.at("dense.weight").data, b->weights.at("dense.weight").data);
  c.seed = 9;
  EXPECT_NE(a->weights.at("dense.weight").data, run(data, c)->weights.at("dense.weight").data);
}

TEST_F(TrainerTest, mirrors_training_images_only_when_asked) {
  const Dataset data = dataset(lopsided(400));
  auto c = config();
  c.epochs = 30;
  const auto straight = run(data, c);
  c.flip = true;
  const auto mirrored = run(data, c);
  EXPECT_LT(straight->history.back().train_loss, mirrored->history.back().train_loss);
}

TEST_F(TrainerTest, learns_more_than_two_classes) {
  const Dataset data = dataset(lopsided(300, 3));
  const auto result = run(data, config());
  ASSERT_OK(result);
  EXPECT_EQ(result->signature.outputs[0].shape, Shape{3});
  EXPECT_GT(result->history.back().validation_auc, 0.95);
}

TEST_F(TrainerTest, learns_a_signal_and_a_table) {
  const Philox philox{3};
  Array wave = Array::zeros(DType::f32, {120, 2, 16});
  Array row = Array::zeros(DType::f64, {120, 3});
  Array y = Array::zeros(DType::u8, {120});
  for (std::size_t i = 0; i < 120; ++i) {
    y.data[i] = static_cast<std::byte>(i % 2);
    for (std::size_t t = 0; t < 32; ++t)
      wave.f32()[i * 32 + t] = static_cast<float>(1000 + 50 * philox.normal(i, t) + (i % 2 == 1 && t < 8 ? 100 : 0));
    for (std::size_t f = 0; f < 3; ++f) {
      const double value = philox.normal(1000 + i, f) * 1e4 + (i % 2 == 1 && f == 1 ? 3e4 : 0);
      std::memcpy(&row.data[(i * 3 + f) * 8], &value, 8);
    }
  }
  for (const auto& [x, port] : {std::pair{wave, "signal"}, std::pair{row, "features"}}) {
    const Dataset data = dataset({{"X", x}, {"y", y}});
    const auto result = run(data, config());
    ASSERT_OK(result);
    EXPECT_EQ(result->signature.inputs[0].name, port);
    EXPECT_GT(result->history.back().validation_auc, 0.9) << port;
  }
}

TEST_F(TrainerTest, stops_when_validation_no_longer_improves) {
  const Dataset data = dataset(lopsided(200));
  auto c = config();
  c.epochs = 100;
  c.patience = 3;
  const auto result = run(data, c);
  ASSERT_OK(result);
  EXPECT_LT(result->history.size(), 100U);
  EXPECT_EQ(static_cast<int>(result->history.size()), result->best_epoch + 3);
}

TEST_F(TrainerTest, names_epoch_and_batch_of_a_loss_that_is_not_finite) {
  const Dataset data = dataset(lopsided(200));  // 100 for training: 7 batches of 16
  engine_.tamper = [](int step, double loss) { return step == 12 ? std::numeric_limits<double>::quiet_NaN() : loss; };
  const auto result = run(data, config());
  EXPECT_CODE(result, Code::invalid);
  EXPECT_NE(result.error().message().find("epoch 2, batch"), std::string::npos) << result.error().message();
}

TEST_F(TrainerTest, stops_when_told_to) {
  const Dataset data = dataset(lopsided(200));
  std::stop_source stop;
  engine_.tamper = [&](int step, double loss) {
    if (step == 3) stop.request_stop();
    return loss;
  };
  EXPECT_CODE(run(data, config(), stop.get_token()), Code::cancelled);
}

TEST_F(TrainerTest, tells_epoch_batch_loss_auc_speed_and_time_left) {
  const Dataset data = dataset(lopsided(200));
  std::vector<ProgressUpdate> seen;
  const auto sink = make_callback_progress([&](const ProgressUpdate& update) { seen.push_back(update); });
  engine_.tamper = [&](int, double loss) {
    clock_.advance(std::chrono::seconds{1});
    return loss;
  };
  ASSERT_OK(train(engine_, data, registry_, config(), clock_, *sink, {}, {}));
  const ProgressUpdate& last = seen.back();
  EXPECT_EQ(last.phase, "train");
  EXPECT_EQ(last.done, last.total);
  std::vector<std::string> names;
  for (const auto& [name, value] : last.values) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"epoch", "batch", "loss", "val AUC", "img/s"}));
  EXPECT_NEAR(seen.front().seconds_left, static_cast<double>(last.total - 1), 1e-6);
  EXPECT_EQ(seen.front().values[0].second, "1/8");
}

TEST_F(TrainerTest, works_without_a_validation_split) {
  const Dataset data = dataset(lopsided(60), 0, 0.2);
  const auto result = run(data, config());
  ASSERT_OK(result);
  EXPECT_EQ(result->best_epoch, 8);
  EXPECT_TRUE(std::isnan(result->history[0].validation_auc));
}

TEST(Shuffle, is_a_permutation_that_differs_by_epoch) {
  auto a = shuffled(100, 1, 1);
  EXPECT_NE(a, shuffled(100, 1, 2));
  EXPECT_EQ(a, shuffled(100, 1, 1));
  std::sort(a.begin(), a.end());
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(a[i], i);
}

TEST(TrainConfigFile, reads_keys_and_names_file_line_and_key_of_mistakes) {
  const auto config = parse_train_config(
      "architecture: resnet18\nepochs: 5\nlearning_rate: 1e-4\nflip: false\nclass_weights: [1, 2.5]\noptimiser: sgd\n",
      "t.yaml");
  ASSERT_OK(config);
  EXPECT_EQ(config->architecture, "resnet18");
  EXPECT_EQ(config->epochs, 5);
  EXPECT_EQ(config->options.learning_rate, 1e-4);
  EXPECT_EQ(config->options.optimiser, Optimiser::sgd);
  EXPECT_EQ(config->options.class_weights, (std::vector<double>{1, 2.5}));
  const auto why = [](const char* text) { return parse_train_config(text, "t.yaml").error().message(); };
  EXPECT_EQ(why("epochs: 5\nlearning_rat: 1"), "t.yaml:2: learning_rat: unknown key, did you mean learning_rate?");
  EXPECT_EQ(why("epochs: 0"), "t.yaml:1: epochs: must be 1 to 100000");
  EXPECT_EQ(why("epochs: five"), "t.yaml:1: epochs: must be a whole number");
  EXPECT_EQ(why("epochs: 5\nepochs: 6"), "t.yaml:2: epochs: there twice");
  EXPECT_EQ(why("loss: hinge"),
            "t.yaml:1: loss: must be one of binary_cross_entropy, cross_entropy, mean_squared_error, focal, dice, "
            "dice_cross_entropy, centernet, auto");
  EXPECT_EQ(why("epochs: [1"), "t.yaml:1: not YAML");
  EXPECT_OK(parse_train_config("", "t.yaml"));
  const auto again = parse_train_config_json(to_json(*config));
  ASSERT_OK(again);
  EXPECT_EQ(to_json(*again), to_json(*config));
  EXPECT_EQ(parse_train_config_json(Json{{"epoch", 3}}).error().message(),
            "config: epoch: unknown key, did you mean epochs?");
}

class BundleTest : public TrainerTest {
 protected:
  Bundle make() {
    const Dataset data = dataset(lopsided(200));
    TrainResult trained = *run(data, config());
    Bundle bundle;
    bundle.card.name = "lopsided";
    bundle.card.intended_use = "Tests <only>";
    bundle.card.classes = data.manifest().classes;
    bundle.signature = trained.signature;
    bundle.network = trained.network;
    bundle.weights = trained.weights;
    Json history = Json::array();
    for (const EpochRecord& e : trained.history)
      history.push_back(Json{{"epoch", e.epoch},
                             {"train_loss", e.train_loss},
                             {"validation_loss", e.validation_loss},
                             {"validation_auc", e.validation_auc}});
    bundle.training = Json{{"history", history}, {"engine", trained.engine}, {"config", to_json(config())}};
    const auto session = engine_.load(bundle.network, bundle.weights, {{"image", {-1, 1, 4, 4}}}, {});
    const auto validation = predict_split(**session, bundle.signature, data, Split::validation, 7, *progress_, {});
    bundle.card.threshold = choose_threshold(*validation);
    const auto test = predict_split(**session, bundle.signature, data, Split::test, 7, *progress_, {});
    bundle.evaluation = evaluate(*test, bundle.card.threshold, bundle.card.classes, 1);
    html_ = render_report_html(
        bundle.evaluation,
        Json{{"card",
              {{"name", "lopsided"}, {"intended_use", bundle.card.intended_use}, {"threshold", bundle.card.threshold}}},
             {"training", bundle.training},
             {"dataset", summary_json(data)}});
    return bundle;
  }
  crypto::SigningKey key_ = [] {
    SeededRandom random{1};
    return crypto::SigningKey::generate(random);
  }();
  std::string html_;
};

TEST_F(BundleTest, comes_back_as_it_went_and_is_evaluated) {
  const Bundle bundle = make();
  EXPECT_EQ(bundle.evaluation["samples"], 50);
  EXPECT_GT(bundle.evaluation["metrics"]["auroc"]["value"].get<double>(), 0.9);
  EXPECT_EQ(bundle.evaluation["confusion"].size(), 2U);
  const auto folder = dir_.path() / "bundle";
  ASSERT_OK(write_bundle(folder, bundle, html_, key_));
  EXPECT_CODE(write_bundle(folder, bundle, html_, key_), Code::exists);
  const auto read = read_bundle(folder, &key_.public_key());
  ASSERT_OK(read);
  EXPECT_EQ(read->id.size(), 64U);
  EXPECT_EQ(read->weights.at("dense.weight").data, bundle.weights.at("dense.weight").data);
  EXPECT_EQ(to_json(read->network), to_json(bundle.network));
  EXPECT_EQ(to_json(read->signature), to_json(bundle.signature));
  EXPECT_EQ(read->card.threshold, bundle.card.threshold);
  EXPECT_EQ(read->evaluation, bundle.evaluation);
  EXPECT_OK(read_bundle(folder, nullptr));
}

TEST_F(BundleTest, refuses_strangers_and_any_altered_file) {
  const Bundle bundle = make();
  const auto folder = dir_.path() / "bundle";
  ASSERT_OK(write_bundle(folder, bundle, html_, key_));
  SeededRandom random{2};
  const auto stranger = crypto::SigningKey::generate(random);
  EXPECT_CODE(read_bundle(folder, &stranger.public_key()), Code::denied);
  for (const char* name :
       {"model.json", "model.safetensors", "evidence/report.html", "evidence/report.json", "signature.ed25519"}) {
    auto bytes = *read_file(folder / name, 1 << 24);
    bytes[bytes.size() / 2] ^= std::byte{1};
    const auto good = *read_file(folder / name, 1 << 24);
    ASSERT_OK(write_file_atomic(folder / name, bytes));
    EXPECT_CODE(read_bundle(folder, &key_.public_key()), Code::data_loss) << name;
    ASSERT_OK(write_file_atomic(folder / name, good));
  }
  EXPECT_OK(read_bundle(folder, &key_.public_key()));
  std::filesystem::remove(folder / "signature.ed25519");
  EXPECT_CODE(read_bundle(folder, &key_.public_key()), Code::denied);
  EXPECT_CODE(read_bundle(folder / "nowhere", nullptr), Code::not_found);
}

TEST_F(BundleTest, report_is_one_page_that_says_what_it_is_for) {
  make();
  EXPECT_NE(html_.find("Research use only"), std::string::npos);
  EXPECT_NE(html_.find("Tests &lt;only&gt;"), std::string::npos);
  EXPECT_EQ(html_.find("<script"), std::string::npos);
  EXPECT_EQ(html_.find("http"), std::string::npos);
  EXPECT_NE(html_.find("chosen on validation data only"), std::string::npos);
  if (const char* out = std::getenv("ACESO_REPORT_OUT"); out != nullptr) {
    ASSERT_OK(write_file_atomic(out, html_));
  }
  EXPECT_NE(render_report_html(nullptr, Json::object()).find("not evaluated"), std::string::npos);
}

}  // namespace
}  // namespace aceso::learn
