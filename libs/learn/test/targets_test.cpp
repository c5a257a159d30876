// Several labels and numbers: imported, split, learnt from, judged, compared.
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "aceso/learn/baseline.hpp"
#include "aceso/learn/dataset_check.hpp"
#include "aceso/learn/dataset_export.hpp"
#include "aceso/learn/dataset_split.hpp"
#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/learn/label_table.hpp"
#include "aceso/learn/synthesise.hpp"
#include "aceso/learn/trainer.hpp"
#include "batches.hpp"
#include "targets.hpp"
#include "train_task.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;

// Rows of three numbers; the labels and the number follow from them.
struct TargetRows {
  Array x, labels, numbers;
};
TargetRows target_rows_of(std::int64_t n) {
  const Philox philox{11};
  TargetRows rows{Array::zeros(DType::f32, {n, 3}), Array::zeros(DType::f32, {n, 3}), Array::zeros(DType::f64, {n})};
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    for (std::size_t f = 0; f < 3; ++f) {
      const double value = philox.normal(i, f);
      rows.x.f32()[i * 3 + f] = static_cast<float>(value);
      // The third label is rare.
      rows.labels.f32()[i * 3 + f] = value + 0.3 * philox.normal(i, 10 + f) > (f == 2 ? 1.3 : 0.0) ? 1.0F : 0.0F;
    }
    const double number = 12 + 3 * static_cast<double>(rows.x.f32()[i * 3]) -
                          2 * static_cast<double>(rows.x.f32()[i * 3 + 1]) + 0.5 * philox.normal(i, 20);
    std::memcpy(&rows.numbers.data[i * sizeof number], &number, sizeof number);
  }
  return rows;
}

ImportOptions named(std::vector<std::string> names, std::optional<Task> task = std::nullopt) {
  ImportOptions options;
  options.classes = std::move(names);
  options.task = task;
  return options;
}

class Targets : public ::testing::Test {
 protected:
  Result<Dataset> import(const NamedArrays& arrays, const ImportOptions& options, const char* name = "set") {
    return Dataset::import_arrays(arrays, "made-up.npz", dir_.path() / name, options, *progress_, {});
  }
  Dataset labels(std::int64_t n = 300) {
    const TargetRows rows = target_rows_of(n);
    ImportOptions options;
    options.classes = {"a", "b", "c"};
    options.test_fraction = 0.3;
    auto made = import({{"X", rows.x}, {"y", rows.labels}}, options, "labels");
    EXPECT_OK(made);
    return std::move(*made);
  }
  Dataset numbers(std::int64_t n = 300) {
    const TargetRows rows = target_rows_of(n);
    ImportOptions options;
    options.task = Task::regression;
    options.unit = "mm";
    options.classes = {"length"};
    options.test_fraction = 0.3;
    auto made = import({{"X", rows.x}, {"y", rows.numbers}}, options, "numbers");
    EXPECT_OK(made);
    return std::move(*made);
  }
  // Answers made up: the right number plus noise; for labels the first columns of the rows.
  static Predictions answers(const Dataset& data, Split split, double noise, std::uint64_t seed = 3) {
    const Philox philox{seed};
    Predictions out;
    for (const std::size_t i : labelled_indices(data, split)) {
      const Sample& sample = data.manifest().samples[i];
      out.ids.push_back(sample.id);
      out.labels.push_back(0);
      out.groups.push_back(sample.group);
      out.targets.push_back(sample.targets);
      std::vector<double> row;
      for (std::size_t k = 0; k < sample.targets.size(); ++k) {
        const double truth = std::isnan(sample.targets[k]) ? 0 : sample.targets[k];
        const double said = truth + noise * philox.normal(i, k);
        row.push_back(data.manifest().task == Task::regression ? said : 1 / (1 + std::exp(-4 * (said - 0.5))));
      }
      out.probabilities.push_back(std::move(row));
    }
    return out;
  }
  static ModelSignature table_signature() {
    ModelSignature signature;
    signature.inputs.push_back({"features", DType::f32, {3}, PortKind::table, "", {}, ""});
    signature.preprocessing.kind = PortKind::table;
    signature.preprocessing.scale = 1;
    return signature;
  }

  TempDir dir_ = *TempDir::create();
  std::unique_ptr<ProgressSink> progress_ = make_null_progress();
};

TEST_F(Targets, labels_of_shape_n_by_l_are_several_labels_and_gaps_are_counted) {
  TargetRows rows = target_rows_of(100);
  rows.labels.f32()[0] = NAN;
  rows.labels.f32()[3] = -1;
  for (std::size_t k = 0; k < 3; ++k) rows.labels.f32()[30 + k] = NAN;  // nothing is known of sample 10
  const auto made = import({{"X", rows.x}, {"y", rows.labels}}, named({"a", "b", "c"}));
  ASSERT_OK(made);
  const auto again = Dataset::open(dir_.path() / "set");
  ASSERT_OK(again);
  const Manifest& m = again->manifest();
  EXPECT_EQ(m.task, Task::multi_label);
  EXPECT_EQ(m.version, 3);
  EXPECT_EQ(m.sha256, made->manifest().sha256);
  EXPECT_TRUE(std::isnan(m.samples[0].targets[0]));
  EXPECT_TRUE(std::isnan(m.samples[1].targets[0]));
  EXPECT_EQ(m.samples[10].split, Split::unassigned);
  EXPECT_EQ(m.samples[0].label, -1);
  const Json summary = summary_json(*again);
  EXPECT_EQ(summary["task"], "multi_label");
  EXPECT_EQ(summary["missing"], (Json{{"a", 3}, {"b", 1}, {"c", 1}}));
  EXPECT_EQ(summary["splits"]["unassigned"], 1);
  EXPECT_EQ(summary["splits"]["train"].get<int>() + summary["splits"]["validation"].get<int>(), 99);
  EXPECT_GT(summary["counts"]["train"]["a"].get<int>(), 20);
  bool said = false;
  for (const std::string& warning : m.warnings) said = said || warning.find("label \"a\": not known of") == 0;
  EXPECT_TRUE(said);
  ASSERT_OK(again->verify());
}

TEST_F(Targets, what_is_no_label_or_no_number_is_refused_with_its_row) {
  TargetRows rows = target_rows_of(60);
  rows.labels.f32()[5 * 3 + 1] = 0.5;
  const auto half = import({{"X", rows.x}, {"y", rows.labels}}, {});
  ASSERT_CODE(half, Code::invalid);
  EXPECT_NE(half.error().message().find("row 6"), std::string::npos) << half.error().message();
  const auto unnamed = import({{"X", rows.x}, {"y", rows.labels}}, named({"a", "b"}));
  ASSERT_CODE(unnamed, Code::invalid);
  // Exactly one in each row: that may be classes.
  Array exclusive = Array::zeros(DType::u8, {60, 3});
  for (std::size_t i = 0; i < 60; ++i) exclusive.data[i * 3 + i % 3] = std::byte{1};
  EXPECT_CODE(import({{"X", rows.x}, {"y", exclusive}}, {}), Code::invalid);
  EXPECT_OK(import({{"X", rows.x}, {"y", exclusive}}, named({}, Task::multi_label), "exclusive"));
  // Fractions without a task: the message says what to do.
  const auto fractions = import({{"X", rows.x}, {"y", rows.numbers}}, {});
  ASSERT_CODE(fractions, Code::invalid);
  EXPECT_NE(fractions.error().message().find("task regression"), std::string::npos);
  EXPECT_CODE(import({{"X", rows.x}, {"y", rows.labels}}, named({}, Task::regression)), Code::invalid);
  ImportOptions lone_unit;
  lone_unit.unit = "mm";
  EXPECT_CODE(import({{"X", rows.x}, {"y", rows.numbers}}, lone_unit), Code::invalid);
  Array same = Array::zeros(DType::f64, {60});
  EXPECT_CODE(import({{"X", rows.x}, {"y", same}}, named({}, Task::regression)), Code::invalid);
  EXPECT_FALSE(fs::exists(dir_.path() / "set"));
}

TEST_F(Targets, splits_are_stratified_by_fifths_of_the_number_and_by_the_rarest_label) {
  const Dataset data = numbers(200);
  const auto mean_of = [&](Split split) {
    double sum = 0, n = 0;
    for (const std::size_t i : data.indices(split)) {
      sum += data.manifest().samples[i].targets.front();
      n += 1;
    }
    return std::pair{sum / n, n};
  };
  EXPECT_EQ(mean_of(Split::test).second, 60);
  EXPECT_NEAR(mean_of(Split::train).first, mean_of(Split::test).first, 0.6);  // the sd is 3.6: drawn at random, 0.5
  const auto strata = strata_of(Task::regression, data.manifest().samples);
  for (int fifth = 0; fifth < 5; ++fifth) EXPECT_EQ(std::count(strata.begin(), strata.end(), fifth), 40);
  const Dataset several = labels(200);
  const auto share = [&](Split split) {
    const auto indices = several.indices(split);
    return static_cast<double>(count_labels(several.manifest().samples, indices, 3)[2].positive) /
           static_cast<double>(indices.size());
  };
  EXPECT_NEAR(share(Split::test), share(Split::train), 0.03);
  // A new version keeps what samples are labelled with.
  const auto version = split_dataset(data, dir_.path() / "numbers", dir_.path() / "version",
                                     {.name = "numbers@2", .by = SplitBy::stratified, .folds = 5}, *progress_, {});
  ASSERT_OK(version);
  EXPECT_EQ(version->manifest().task, Task::regression);
  EXPECT_EQ(version->manifest().unit, "mm");
  EXPECT_EQ(version->manifest().version, 3);
}

TEST_F(Targets, a_table_of_labels_gives_several_labels_or_a_number) {
  constexpr std::array<std::string_view, 1> kPath{"path"};
  const auto several = parse_label_table("path,a,patient,b\n1.npy,1,p,0.0\n2.npy,,q,true\n3.npy,-1,q,0\n", kPath,
                                         {Task::multi_label, {}});
  ASSERT_OK(several);
  EXPECT_EQ(several->names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(several->rows[0].targets, (std::vector<double>{1, 0}));
  EXPECT_TRUE(std::isnan(several->rows[1].targets[0]));
  EXPECT_EQ(several->rows[1].targets[1], 1);
  EXPECT_EQ(several->rows[2].patient, "q");
  const auto wrong = parse_label_table("path,a,b\nx.npy,1,maybe\n", kPath, {Task::multi_label, {}});
  ASSERT_CODE(wrong, Code::invalid);
  EXPECT_NE(wrong.error().message().find("line 2: column \"b\""), std::string::npos) << wrong.error().message();
  EXPECT_EQ(wrong.error().message().find("maybe"), std::string::npos);
  EXPECT_CODE(parse_label_table("path,a\nx.npy,1\n", kPath, {Task::multi_label, {}}), Code::invalid);
  EXPECT_CODE(parse_label_table("path,a,b\nx.npy,1,1\n", kPath, {Task::multi_label, {"a", "z"}}), Code::invalid);
  const auto numbers = parse_label_table("path,age\n1.npy,61.5\n2.npy,\n", kPath, {Task::regression, {"age"}});
  ASSERT_OK(numbers);
  EXPECT_EQ(numbers->rows[0].targets, (std::vector<double>{61.5}));
  EXPECT_TRUE(numbers->rows[1].targets.empty());
  EXPECT_CODE(parse_label_table("path,age\n1.npy,old\n", kPath, {Task::regression, {"age"}}), Code::invalid);
  EXPECT_CODE(parse_label_table("path,age\n1.npy,1\n", kPath, {Task::regression, {}}), Code::invalid);  // no "value"
}

TEST_F(Targets, exported_and_imported_again_they_are_the_same) {
  auto phantoms = synthesise({.task = PhantomTask::findings, .train = 30, .validation = 10, .test = 10, .size = 16});
  ASSERT_OK(phantoms);
  for (const char* key : {"train_masks", "val_masks", "test_masks", "train_boxes", "val_boxes", "test_boxes"})
    phantoms->erase(key);
  ImportOptions options;
  options.classes = class_names(PhantomTask::findings);
  const auto data = import(*phantoms, options, "first");
  ASSERT_OK(data);
  EXPECT_EQ(data->manifest().task, Task::multi_label);
  ASSERT_OK(export_dataset(*data, dir_.path() / "out.npz", ExportFormat::npz, *progress_, {}));
  ASSERT_OK(export_dataset(*data, dir_.path() / "out", ExportFormat::folder, *progress_, {}));
  const auto archive = Dataset::import(dir_.path() / "out.npz", dir_.path() / "second", options, *progress_, {});
  ASSERT_OK(archive);
  EXPECT_EQ(archive->manifest().sha256, data->manifest().sha256);
  ImportOptions table = options;
  table.task = Task::multi_label;
  table.labels_csv = "labels.csv";
  const auto folder = Dataset::import(dir_.path() / "out", dir_.path() / "third", table, *progress_, {});
  ASSERT_OK(folder);
  for (std::size_t i = 0; i < data->manifest().samples.size(); ++i) {
    EXPECT_EQ(folder->manifest().samples[i].targets, data->manifest().samples[i].targets);
    EXPECT_EQ(folder->manifest().samples[i].split, data->manifest().samples[i].split);
    EXPECT_EQ(folder->manifest().samples[i].sha256, data->manifest().samples[i].sha256);
  }
}

TEST_F(Targets, phantoms_know_their_findings_and_their_size) {
  const auto sized =
      synthesise({.task = PhantomTask::size, .train = 40, .validation = 0, .test = 0, .size = 64, .diameter_mm = 20});
  ASSERT_OK(sized);
  const Array& masks = sized->at("train_masks");
  double smallest = 1e9, largest = 0;
  for (std::size_t n = 0; n < 40; ++n) {
    double diameter = 0;
    std::memcpy(&diameter, &sized->at("train_labels").data[n * sizeof diameter], sizeof diameter);
    smallest = std::min(smallest, diameter);
    largest = std::max(largest, diameter);
    const auto of = std::span{masks.data}.subspan(n * 64 * 64, 64 * 64);
    const double area = static_cast<double>(std::count(of.begin(), of.end(), std::byte{1})) * std::pow(100.0 / 64, 2);
    EXPECT_NEAR(std::sqrt(4 * area / std::numbers::pi), diameter, 1.0) << n;
  }
  EXPECT_GT(largest / smallest, 3);
  const auto findings =
      synthesise({.task = PhantomTask::findings, .train = 200, .validation = 0, .test = 0, .size = 32});
  ASSERT_OK(findings);
  EXPECT_EQ(findings->at("train_labels").shape, (Shape{200, 3}));
  std::array<int, 3> held{};
  for (std::size_t i = 0; i < 600; ++i) held[i % 3] += std::to_integer<int>(findings->at("train_labels").data[i]);
  for (const int n : held) EXPECT_NEAR(n, 80, 25);
  EXPECT_CODE(synthesise({.task = PhantomTask::size, .label_noise = 0.1}), Code::invalid);
}

TEST_F(Targets, a_training_plan_names_the_label_that_cannot_be_learnt) {
  const Dataset several = labels();
  TrainConfig config;
  const auto plan = plan_training(several, config);
  ASSERT_OK(plan);
  EXPECT_EQ(plan->task, Task::multi_label);
  EXPECT_EQ(plan->outputs, 3);
  config.balance_classes = true;
  const auto options = training_options(*plan, several, config);
  ASSERT_OK(options);
  EXPECT_EQ(options->loss, Loss::binary_cross_entropy);
  ASSERT_EQ(options->class_weights.size(), 6U);
  const auto counts = count_labels(several.manifest().samples, plan->train, 3);
  // Both sides of the rare label weigh the same.
  EXPECT_NEAR(options->class_weights[4] * static_cast<double>(counts[2].negative),
              options->class_weights[5] * static_cast<double>(counts[2].positive), 1e-9);
  config.options.loss = Loss::focal;
  EXPECT_CODE(training_options(*plan, several, config), Code::unsupported);
  config = {};
  config.options.class_weights = {1, 2};
  EXPECT_CODE(training_options(*plan, several, config), Code::invalid);
  config = {};
  config.task = TrainTask::classes;
  EXPECT_CODE(plan_training(several, config), Code::invalid);

  TargetRows rows = target_rows_of(60);
  for (std::size_t i = 0; i < 60; ++i) rows.labels.f32()[i * 3 + 1] = 0;
  const auto never = import({{"X", rows.x}, {"y", rows.labels}}, named({"a", "effusion", "c"}), "never");
  ASSERT_OK(never);
  const auto refused = plan_training(*never, {});
  ASSERT_CODE(refused, Code::invalid);
  EXPECT_NE(refused.error().message().find("\"effusion\""), std::string::npos);
}

TEST_F(Targets, batches_hold_gaps_as_minus_one_and_numbers_standardised) {
  TargetRows rows = target_rows_of(80);
  rows.labels.f32()[4] = NAN;
  ImportOptions without_validation = named({"a", "b", "c"});
  without_validation.validation_fraction = 0;
  const auto several = import({{"X", rows.x}, {"y", rows.labels}}, without_validation);
  ASSERT_OK(several);
  TrainConfig config;
  config.augment.mixup = 0.2;
  EXPECT_CODE(plan_training(*several, config), Code::invalid);  // what is not known cannot be mixed
  config.augment.mixup = 0;
  const auto how = table_signature().preprocessing;
  const std::vector<std::size_t> two{0, 1};
  const auto batch = BatchMaker(*several, config, how, false, 0, {Task::multi_label}).plain(two);
  ASSERT_OK(batch);
  EXPECT_EQ(batch->targets.shape, (Shape{2, 3}));
  EXPECT_EQ(batch->targets.f32()[4], -1);
  EXPECT_EQ(batch->targets.f32()[0], rows.labels.f32()[0]);

  const Dataset measured = numbers();
  const auto plan = plan_training(measured, {});
  ASSERT_OK(plan);
  const auto standard =
      BatchMaker(measured, config, how, false, 0, {Task::regression, plan->mean, plan->sd}).plain(plan->train);
  ASSERT_OK(standard);
  double sum = 0, squares = 0;
  for (const float t : standard->targets.f32()) {
    sum += static_cast<double>(t);
    squares += static_cast<double>(t) * static_cast<double>(t);
  }
  const auto n = static_cast<double>(plan->train.size());
  EXPECT_NEAR(sum / n, 0, 1e-6);
  EXPECT_NEAR(squares / (n - 1), 1, 1e-5);
  // What the network learnt comes out in the unit, and back again.
  Network network;
  network.logits = "fc";
  Layer dense;
  dense.name = "fc";
  dense.op = Op::dense;
  network.layers = {dense};
  Weights weights{{"fc.weight", Array::from({1, 2}, {1, -2})}, {"fc.bias", Array::from({1}, {0.5F})}};
  ASSERT_OK(to_unit(*plan, network, weights));
  EXPECT_NEAR(weights.at("fc.weight").f32()[1], -2 * plan->sd, 1e-5);
  EXPECT_NEAR(weights.at("fc.bias").f32()[0], 0.5 * plan->sd + plan->mean, 1e-5);
  ASSERT_OK(to_unit(*plan, network, weights, true));
  EXPECT_NEAR(weights.at("fc.bias").f32()[0], 0.5, 1e-6);
  network.layers[0].op = Op::conv;
  EXPECT_CODE(to_unit(*plan, network, weights), Code::invalid);
}

// scikit-learn 1.9.1, SciPy 1.17.1: roc_auc_score and average_precision_score of each label on the samples of which it
// is known, and their means; scores p = ((37 i + 11 k) mod 101) / 101, labels by p + noise, every seventh of label 1
// not known.
TEST_F(Targets, mean_auroc_and_auprc_equal_scikit_learns_on_what_is_known) {
  Predictions p;
  for (std::size_t i = 0; i < 60; ++i) {
    std::vector<double> row, truth;
    for (std::size_t k = 0; k < 3; ++k) {
      const double score = static_cast<double>((37 * i + 11 * k) % 101) / 101;
      const double noise = static_cast<double>((53 * i + 29 * k) % 97) / 97 - 0.5;
      row.push_back(score);
      truth.push_back(k == 1 && i % 7 == 0 ? NAN : score + noise > 0.6 ? 1 : 0);
    }
    p.ids.push_back(std::to_string(i));
    p.labels.push_back(0);
    p.probabilities.push_back(row);
    p.targets.push_back(truth);
  }
  const std::vector<double> thresholds{0.5, 0.5, 0.5};
  const Json e = evaluate_labels(p, thresholds, {"a", "b", "<c>"}, 1);
  EXPECT_NEAR(e["metrics"]["auroc"]["value"].get<double>(), 0.7745691473046544, 1e-12);
  EXPECT_NEAR(e["metrics"]["auprc"]["value"].get<double>(), 0.6841952699637015, 1e-12);
  EXPECT_NEAR(e["per_label"][1]["metrics"]["auroc"]["value"].get<double>(), 0.7531055900621118, 1e-12);
  EXPECT_NEAR(e["per_label"][1]["metrics"]["auprc"]["value"].get<double>(), 0.6761172290606895, 1e-12);
  EXPECT_NEAR(e["metrics"]["f1"]["value"].get<double>(), 0.6925084499208488, 1e-12);
  EXPECT_NEAR(e["metrics"]["exact"]["value"].get<double>(), 0.26666666666666666, 1e-12);
  EXPECT_EQ(e["per_label"][1]["known"], 51);
  EXPECT_EQ(e["per_label"][1]["metrics"]["auroc"]["method"], "DeLong");
  EXPECT_LT(e["metrics"]["auroc"]["low"].get<double>(), e["metrics"]["auroc"]["value"].get<double>());
  EXPECT_EQ(e, evaluate_labels(p, thresholds, {"a", "b", "<c>"}, 1));
  const std::string page = render_report_html(e, Json{{"card", Json{{"name", "m"}}}});
  EXPECT_NE(page.find("AUROC, mean over labels"), std::string::npos);
  EXPECT_NE(page.find("&lt;c&gt;"), std::string::npos);
  EXPECT_EQ(page.find("<c>"), std::string::npos);
}

TEST_F(Targets, thresholds_are_chosen_for_each_label_and_the_trivial_model_stands_beside) {
  const Dataset data = labels();
  const Predictions validation = answers(data, Split::validation, 0.3), test = answers(data, Split::test, 0.3);
  const auto thresholds = choose_thresholds(validation);
  ASSERT_EQ(thresholds.size(), 3U);
  EXPECT_NEAR(thresholds[0], choose_threshold(one_label(validation, 0)), 1e-15);
  const auto baseline = Baseline::fit(data, table_signature(), {});
  ASSERT_OK(baseline);
  const auto trivial = baseline->answer(data, Split::test);
  ASSERT_OK(trivial);
  const Json good =
      evaluate_labels(test, thresholds, data.manifest().classes, 1, {.validation = &validation, .baseline = &*trivial});
  EXPECT_GT(good["metrics"]["auroc"]["value"].get<double>(), 0.97);
  EXPECT_GT(good["baseline"]["auroc"]["value"].get<double>(), 0.9);
  EXPECT_EQ(good["per_label"][2]["baseline"]["kind"], "logistic regression");
  // Its own answers as the model's add nothing.
  const Json same = evaluate_labels(trivial->predictions, trivial->thresholds, data.manifest().classes, 1,
                                    {.validation = nullptr, .baseline = &*trivial});
  EXPECT_EQ(same["adds_nothing"], true);
  const auto compared =
      compare_labels(test, thresholds, trivial->predictions, trivial->thresholds, data.manifest().classes, 1);
  ASSERT_OK(compared);
  EXPECT_NEAR((*compared)["auroc"]["difference"]["value"].get<double>(),
              good["metrics"]["auroc"]["value"].get<double>() - good["baseline"]["auroc"]["value"].get<double>(),
              1e-12);
  EXPECT_EQ((*compared)["per_label"].size(), 3U);
  EXPECT_NE(render_comparison_html(*compared, Json::object()).find("Each label"), std::string::npos);
  Predictions fewer = test;
  fewer.ids.pop_back();
  EXPECT_CODE(compare_labels(test, thresholds, fewer, thresholds, data.manifest().classes, 1), Code::invalid);
}

TEST_F(Targets, numbers_are_judged_by_errors_agreement_and_the_coverage_of_their_intervals) {
  const Dataset data = numbers(900);
  const Predictions validation = answers(data, Split::validation, 0.2), test = answers(data, Split::test, 0.2);
  const auto baseline = Baseline::fit(data, table_signature(), {});
  ASSERT_OK(baseline);
  const auto trivial = baseline->answer(data, Split::test);
  ASSERT_OK(trivial);
  EXPECT_EQ(trivial->about["kind"], "ridge regression");
  const Json e = evaluate_numbers(test, "length", "mm", 1, {.validation = &validation, .baseline = &*trivial});
  EXPECT_NEAR(e["metrics"]["mae"]["value"].get<double>(), 0.2 * std::sqrt(2 / std::numbers::pi), 0.02);
  EXPECT_NEAR(e["metrics"]["rmse"]["value"].get<double>(), 0.2, 0.02);
  EXPECT_GT(e["metrics"]["pearson"]["value"].get<double>(), 0.99);
  EXPECT_EQ(e["metrics"]["mae"]["method"], "bootstrap");
  EXPECT_NEAR(e["agreement"]["high"]["value"].get<double>(), 1.96 * 0.2, 0.05);
  // The truth is linear with noise 0.5: the trivial model finds it, and this model is better.
  EXPECT_NEAR(e["baseline"]["rmse"]["value"].get<double>(), 0.5, 0.06);
  EXPECT_EQ(e["adds_nothing"], false);
  // 90 % of |noise| lie below 1.645 sd.
  EXPECT_NEAR(e["validation_interval"]["half_width"].get<double>(), 1.645 * 0.2, 0.06);
  EXPECT_NEAR(e["coverage"]["observed"]["value"].get<double>(), 0.9, 0.06);
  const Predictions bad = answers(data, Split::test, 0.8);
  const Json worse = evaluate_numbers(bad, "length", "mm", 1, {.validation = nullptr, .baseline = &*trivial});
  EXPECT_EQ(worse["adds_nothing"], true);
  EXPECT_TRUE(worse["validation_interval"].is_null());
  const auto compared = compare_numbers(test, bad, "length", "mm", 1);
  ASSERT_OK(compared);
  EXPECT_EQ((*compared)["verdict"], "a is better");
  EXPECT_LT((*compared)["mae"]["high"].get<double>(), 0);
  EXPECT_NE(render_comparison_html(*compared, Json::object()).find("mean absolute error"), std::string::npos);
  const std::string page = render_report_html(e, Json{{"card", Json{{"name", "m"}}}});
  EXPECT_NE(page.find("Bland-Altman"), std::string::npos);
  EXPECT_NE(page.find("Predicted against measured"), std::string::npos);
  EXPECT_TRUE(number_interval(Predictions{}, 0.9).is_null());
  Predictions few = validation;
  few.probabilities.resize(5);
  few.targets.resize(5);
  EXPECT_TRUE(number_interval(few, 0.9).is_null());  // 9 are needed
}

TEST_F(Targets, one_picture_under_two_numbers_is_a_contradiction) {
  TargetRows rows = target_rows_of(40);
  for (std::size_t f = 0; f < 3; ++f) rows.x.f32()[3 + f] = rows.x.f32()[f];
  ImportOptions options;
  options.task = Task::regression;
  EXPECT_CODE(import({{"X", rows.x}, {"y", rows.numbers}}, options), Code::invalid);
  options.conflicts = Conflicts::set_aside;
  const auto made = import({{"X", rows.x}, {"y", rows.numbers}}, options);
  ASSERT_OK(made);
  EXPECT_EQ(made->manifest().samples.size(), 38U);
  const auto report = check_dataset(*made, {}, *progress_, {});
  ASSERT_OK(report);
  EXPECT_EQ(report->unlabelled, 0U);
  EXPECT_CODE(check_dataset(*made, {.label_errors = true}, *progress_, {}), Code::unsupported);
}

}  // namespace
}  // namespace aceso::learn
