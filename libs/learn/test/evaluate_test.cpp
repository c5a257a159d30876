#include "aceso/learn/evaluate.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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

}  // namespace
}  // namespace aceso::learn
