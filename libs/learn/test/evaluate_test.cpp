#include "aceso/learn/evaluate.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/learn/baseline.hpp"

namespace aceso::learn {
namespace {

// scikit-learn 1.9.1: y = [0,0,1,1,0,1,1,0,1,0], p as below; roc_auc_score, average_precision_score, brier_score_loss,
// confusion_matrix(y, p >= .5).
Predictions ten() {
  Predictions p;
  p.labels = {0, 0, 1, 1, 0, 1, 1, 0, 1, 0};
  for (const double value : {0.1, 0.4, 0.35, 0.8, 0.55, 0.9, 0.65, 0.2, 0.45, 0.7}) {
    p.ids.push_back(std::to_string(p.ids.size()));
    p.probabilities.push_back({value});
  }
  return p;
}

TEST(Evaluate, agrees_with_scikit_learn) {
  const Json json = evaluate(ten(), 0.5, {"well", "ill"}, 1);
  const Json& m = json["metrics"];
  EXPECT_NEAR(m["auroc"]["value"].get<double>(), 0.76, 1e-12);
  EXPECT_NEAR(m["auprc"]["value"].get<double>(), 0.8083333333333333, 1e-12);
  EXPECT_NEAR(m["brier"].get<double>(), 0.19, 1e-12);
  EXPECT_NEAR(m["f1"]["value"].get<double>(), 0.6, 1e-12);
  EXPECT_EQ(json["confusion"], (Json{{3, 2}, {2, 3}}));
  EXPECT_EQ(m["sensitivity"]["successes"], 3);
  EXPECT_EQ(m["sensitivity"]["trials"], 5);
  EXPECT_LT(m["auroc"]["low"].get<double>(), m["auroc"]["value"].get<double>());
  EXPECT_EQ(json["roc"].front()["fpr"], 0.0);
  EXPECT_EQ(json["roc"].back()["tpr"], 1.0);
  EXPECT_EQ(evaluate(ten(), 0.5, {"well", "ill"}, 1), json);
}

TEST(Evaluate, chooses_youdens_threshold) {
  EXPECT_NEAR(choose_threshold(ten()), 0.8, 1e-12);
}

TEST(Evaluate, treats_more_classes_one_against_the_rest) {
  Predictions p;
  p.labels = {0, 1, 2, 0, 1, 2};
  p.probabilities = {{.8, .1, .1}, {.2, .6, .2}, {.1, .2, .7}, {.3, .5, .2}, {.1, .8, .1}, {.3, .3, .4}};
  const Json json = evaluate(p, 0.5, {"a", "b", "c"}, 1);
  EXPECT_EQ(json["kind"], "multiclass");
  EXPECT_EQ(json["confusion"][0][1], 1);
  EXPECT_EQ(json["per_class"].size(), 3U);
  EXPECT_NE(render_report_html(json, Json::object()).find("Each class against the rest"), std::string::npos);
}

TEST(Evaluate, says_what_cannot_be_computed_on_one_class) {
  Predictions p = ten();
  for (int& label : p.labels) label = 1;
  const Json json = evaluate(p, 0.5, {"well", "ill"}, 1);
  EXPECT_TRUE(json["metrics"]["auroc"].is_null());
  EXPECT_TRUE(json["metrics"]["specificity"].is_null());
  EXPECT_NE(render_report_html(json, Json::object()).find("n/a"), std::string::npos);
}

// 200 samples of a weak score: validation and test drawn alike.
Predictions many(int first, bool grouped = false) {
  Predictions p;
  for (int i = first; i < first + 200; ++i) {
    const double a = (7919 * i % 101) / 100.0, noise = (104729 * i % 67) / 66.0;
    p.ids.push_back(std::to_string(i));
    p.labels.push_back(a + noise > 1 ? 1 : 0);
    p.probabilities.push_back({0.05 + 0.9 * a});
    p.groups.push_back(grouped ? "patient " + std::to_string(i / 4) : "");
  }
  return p;
}

TEST(Evaluate, recalibrates_on_validation_and_shows_both) {
  const Predictions test = many(0), validation = many(1000);
  const Json json = evaluate(test, 0.5, {"well", "ill"}, 1, {.validation = &validation, .baseline = nullptr});
  const Json& c = json["calibration"];
  EXPECT_EQ(c["fitted_on"], 200);
  ASSERT_EQ(c["recalibrated"].size(), 2U);
  EXPECT_EQ(c["recalibrated"][0]["method"], "temperature");
  EXPECT_EQ(c["recalibrated"][1]["method"], "isotonic");
  EXPECT_LE(c["recalibrated"][1]["brier"].get<double>(), c["brier"]["value"].get<double>() + 0.02);
  EXPECT_EQ(json["decision_curve"].size(), 49U);
  EXPECT_TRUE(json["metrics"]["npv"]["low"].is_number());
  EXPECT_TRUE(evaluate(test, 0.5, {"well", "ill"}, 1)["calibration"]["recalibrated"].empty());
}

TEST(Evaluate, draws_whole_groups_where_patients_repeat) {
  const Json alone = evaluate(many(0), 0.5, {"well", "ill"}, 1),
             grouped = evaluate(many(0, true), 0.5, {"well", "ill"}, 1);
  EXPECT_TRUE(alone["groups"].is_null());
  EXPECT_EQ(alone["metrics"]["auroc"]["method"], "DeLong");
  EXPECT_EQ(grouped["groups"], 50);
  for (const char* key : {"auroc", "accuracy", "sensitivity", "f1", "auprc"})
    EXPECT_EQ(grouped["metrics"][key]["method"], "bootstrap by group") << key;
  EXPECT_EQ(grouped["metrics"]["sensitivity"]["value"], alone["metrics"]["sensitivity"]["value"]);
}

TEST(Evaluate, says_that_a_model_adds_nothing) {
  const Predictions test = many(0);
  BaselineAnswer same{test, 0.5, Json{{"kind", "logistic regression"}, {"features", 4}}};
  const Json equal = evaluate(test, 0.5, {"well", "ill"}, 1, {.validation = nullptr, .baseline = &same});
  EXPECT_EQ(equal["adds_nothing"], true);
  EXPECT_NE(render_report_html(equal, Json::object()).find("adds nothing"), std::string::npos);
  BaselineAnswer guess = same;
  for (std::size_t i = 0; i < 200; ++i) guess.predictions.probabilities[i] = {(613 * static_cast<int>(i) % 89) / 89.0};
  const Json better = evaluate(test, 0.5, {"well", "ill"}, 1, {.validation = nullptr, .baseline = &guess});
  EXPECT_EQ(better["adds_nothing"], false);
  EXPECT_GT(better["baseline"]["gain_auroc"]["difference"]["low"].get<double>(), 0);
  EXPECT_LT(better["baseline"]["gain_decisions"]["p_value"].get<double>(), 0.001);
}

TEST(Evaluate, shows_subgroups_that_are_large_enough) {
  Predictions p = many(0);
  for (int i = 0; i < 200; ++i) p.subgroups["site"].push_back(i < 100 ? "north" : i < 190 ? "south" : "");
  const Json rows = evaluate(p, 0.5, {"well", "ill"}, 1)["subgroups"];
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0]["value"], "north");
  EXPECT_EQ(rows[0]["samples"], 100);
  EXPECT_TRUE(rows[0]["auroc"]["value"].is_number());
  EXPECT_GE(rows[0]["p_corrected"].get<double>(), rows[0]["p_value"].get<double>());
  EXPECT_EQ(rows[1]["value"], "not stated");
  EXPECT_EQ(rows[1]["too_few"], true);
}

TEST(Compare, tells_models_apart_on_the_same_samples) {
  const Predictions good = many(0);
  Predictions poor = good;
  for (std::size_t i = 0; i < 200; ++i) poor.probabilities[i] = {(613 * static_cast<int>(i) % 89) / 89.0};
  const auto json = compare(good, 0.5, poor, 0.5, {"well", "ill"}, 1);
  ASSERT_TRUE(json) << json.error().message();
  EXPECT_EQ((*json)["verdict"], "a is better");
  EXPECT_LT((*json)["brier"]["high"].get<double>(), 0);
  EXPECT_EQ((*compare(good, 0.5, good, 0.5, {"well", "ill"}, 1))["verdict"], "no difference shown");
  poor.ids[3] = "another";
  EXPECT_EQ(compare(good, 0.5, poor, 0.5, {"well", "ill"}, 1).error().code(), Code::invalid);
  const Json context{{"a", {{"name", "<b>x</b>"}, {"version", 1}}}, {"b", {{"name", "y"}, {"version", 2}}}};
  EXPECT_EQ(render_comparison_html(*json, context).find("<b>x</b>"), std::string::npos);
}

// Separated by the mean grey value: the trivial model learns it, and a model that guesses adds nothing to it.
TEST(Baseline, learns_what_is_easy) {
  const TempDir folder = *TempDir::create("baseline");
  NamedArrays arrays;
  for (const auto& [name, n] : {std::pair{"train", 60}, {"val", 30}, {"test", 30}}) {
    Array images = Array::zeros(DType::u8, {n, 40, 40}), labels = Array::zeros(DType::u8, {n, 1});
    for (std::size_t i = 0; i < images.data.size(); ++i)
      images.data[i] = static_cast<std::byte>(60 + (i / 1600 % 2) * 60 + i * 31 % 47 + (i / 1600) % 7);
    for (std::size_t i = 0; i < labels.data.size(); ++i) labels.data[i] = static_cast<std::byte>(i % 2);
    arrays.emplace(std::string{name} + "_images", std::move(images));
    arrays.emplace(std::string{name} + "_labels", std::move(labels));
  }
  const auto progress = make_callback_progress([](const ProgressUpdate&) {});
  ImportOptions options;
  options.name = "easy";
  const auto dataset = Dataset::import_arrays(arrays, "test", folder.path() / "easy", options, *progress, {});
  ASSERT_TRUE(dataset) << dataset.error().message();
  ModelSignature signature;
  signature.preprocessing.height = signature.preprocessing.width = 40;
  signature.preprocessing.channels = 1;
  const auto baseline = Baseline::fit(*dataset, signature, {});
  ASSERT_TRUE(baseline) << baseline.error().message();
  const auto answer = baseline->answer(*dataset, Split::test);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->about["features"], 28 * 28);
  const Json json = evaluate(answer->predictions, answer->threshold, {"0", "1"}, 1);
  EXPECT_GT(json["metrics"]["auroc"]["value"].get<double>(), 0.99);
  const Json pictures = gallery(answer->predictions, answer->threshold, {"0", "1"}, *dataset, Split::test, 3);
  EXPECT_EQ(pictures.size(), 3U);  // nothing is wrong: the three least sure
  EXPECT_EQ(pictures[0]["kind"], "unsure");
}

}  // namespace
}  // namespace aceso::learn
