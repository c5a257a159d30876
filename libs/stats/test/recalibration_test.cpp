// Recalibration, decision curves, paired decisions and ranks.
#include "aceso/stats/recalibration.hpp"

#include <cmath>

#include "aceso/base/testing.hpp"
#include "aceso/stats/calibration.hpp"
#include "aceso/stats/decision_curve.hpp"
#include "aceso/stats/paired.hpp"
#include "reference_data.hpp"

namespace aceso::stats {
namespace {

// scikit-learn 1.9.1, LogisticRegression without penalty on logit(b); standard errors from the inverse information
// matrix in NumPy; calibration in the large by SciPy's minimize_scalar.
TEST(CalibrationLine, agrees_with_an_unpenalised_regression) {
  const auto samples = made_up_samples();
  const auto line = calibration_line(samples.b, samples.labels);
  ASSERT_OK(line);
  EXPECT_NEAR(line->intercept, 0.11719093397973482, 1e-6);
  EXPECT_NEAR(line->slope, 0.5429293971792256, 1e-6);
  EXPECT_NEAR(line->intercept_interval.high - line->intercept, 1.959964 * 0.14951993317731466, 1e-5);
  EXPECT_NEAR(line->slope - line->slope_interval.low, 1.959964 * 0.15614149849288697, 1e-5);
  EXPECT_NEAR(line->calibration_in_the_large, 0.19897217801620726, 1e-6);
  EXPECT_CODE(calibration_line(std::vector{0.1, 0.9, 0.2, 0.8}, std::vector{0, 1, 0, 1}), Code::invalid);
}

TEST(Temperature, minimises_the_log_loss_as_scipy_does) {
  const auto samples = made_up_samples();
  const auto t = fit_temperature(samples.b, samples.labels);
  EXPECT_NEAR(*t, 1.9218577165251858, 1e-6);
  EXPECT_NEAR(apply_temperature(0.9, 1), 0.9, 1e-12);
  EXPECT_DOUBLE_EQ(apply_temperature(0.5, 3), 0.5);
}

TEST(Temperature, of_two_columns_is_that_of_one) {
  const auto samples = made_up_samples();
  std::vector<std::vector<double>> rows;
  for (const double p : samples.b) rows.push_back({1 - p, p});
  EXPECT_NEAR(*fit_temperature(rows, samples.labels), 1.9218577165251858, 1e-4);
  const auto row = apply_temperature(std::vector{0.2, 0.3, 0.5}, 2);
  EXPECT_NEAR(row[0] + row[1] + row[2], 1, 1e-12);
  EXPECT_NEAR(row[2] / row[0], std::sqrt(0.5 / 0.2), 1e-12);
}

// scikit-learn 1.9.1, IsotonicRegression(out_of_bounds="clip").
TEST(Isotonic, agrees_with_scikit_learn) {
  const auto samples = made_up_samples();
  const auto map = fit_isotonic(samples.b, samples.labels);
  ASSERT_OK(map);
  EXPECT_NEAR((*map)(0.0), 0, 1e-12);
  EXPECT_NEAR((*map)(0.25), 0.48605769230769236, 1e-12);
  EXPECT_NEAR((*map)(0.4), 0.5230769230769231, 1e-12);
  EXPECT_NEAR((*map)(0.7), 0.6339285714285713, 1e-12);
  EXPECT_NEAR((*map)(0.9), 1, 1e-12);
}

TEST(DecisionCurve, agrees_with_counts_and_with_treating_everyone) {
  const auto samples = made_up_samples();
  const auto curve =
      decision_curve(samples.b, samples.labels, {.first = 0.1, .last = 0.8, .step = 0.1, .replicates = 200});
  ASSERT_OK(curve);
  ASSERT_EQ(curve->size(), 8U);
  EXPECT_NEAR((*curve)[0].model, 0.4483333333333333, 1e-12);  // NumPy, from the definition
  EXPECT_NEAR((*curve)[0].treat_all, 0.4444444444444444, 1e-12);
  EXPECT_NEAR((*curve)[2].model, 0.26571428571428574, 1e-12);
  EXPECT_NEAR((*curve)[7].model, 0.015, 1e-12);
  EXPECT_NEAR((*curve)[7].treat_all, -1.5, 1e-9);
  for (const NetBenefit& point : *curve) {
    EXPECT_LE(point.interval.low, point.model);
    EXPECT_GE(point.interval.high, point.model);
    EXPECT_LE(point.model, 0.5);  // the prevalence
  }
  EXPECT_CODE(decision_curve(samples.b, samples.labels, {.first = 0, .last = 1}), Code::invalid);
}

// A model that calls everyone positive is worth what treating everyone is worth, and one that calls no one, nothing.
TEST(DecisionCurve, has_the_identities_of_its_definition) {
  const std::vector<int> labels{0, 1, 0, 1, 1, 0, 0, 0};
  const std::vector<double> all(8, 1.0), none(8, 0.0);
  const auto everyone = decision_curve(all, labels, {.replicates = 100});
  const auto no_one = decision_curve(none, labels, {.replicates = 100});
  ASSERT_EQ(everyone->size(), 99U);
  for (std::size_t i = 0; i < everyone->size(); ++i) {
    EXPECT_NEAR((*everyone)[i].model, (*everyone)[i].treat_all, 1e-12);
    EXPECT_EQ((*no_one)[i].model, 0);
  }
}

// Discordant counts of Agresti, Categorical Data Analysis, 2nd ed., table 10.1 (approval of the prime minister, 1600
// people, 150 and 86): difference .04, standard error .0095, 95 % interval (.02, .06). p by SciPy 1.17.1, binomtest.
TEST(McNemar, agrees_with_a_published_table_and_scipy) {
  const auto test = mcnemar_counts(150, 86, 1600);
  ASSERT_OK(test);
  EXPECT_NEAR(test->difference, 0.04, 1e-12);
  EXPECT_NEAR(test->interval.low, 0.0213, 1e-3);
  EXPECT_NEAR(test->interval.high, 0.0587, 1e-3);
  EXPECT_NEAR(test->p_value, 3.7159361395713866e-05, 1e-15);
  EXPECT_NEAR(mcnemar_counts(3, 9, 100)->p_value, 0.14599609375, 1e-14);
  EXPECT_NEAR(mcnemar_counts(59, 16, 100)->p_value / 6.114156572521501e-07, 1, 1e-10);
  EXPECT_EQ(mcnemar_counts(0, 0, 5)->p_value, 1);
  EXPECT_CODE(mcnemar_counts(3, 3, 5), Code::invalid);
}

TEST(McNemar, counts_who_alone_was_right) {
  const bool a[] = {true, true, false, true}, b[] = {true, false, true, false};
  const auto test = mcnemar(a, b);
  EXPECT_EQ(test->only_a, 2U);
  EXPECT_EQ(test->only_b, 1U);
  EXPECT_DOUBLE_EQ(test->difference, 0.25);
}

TEST(Spearman, agrees_with_scipy_on_ties) {
  const auto samples = made_up_samples();
  EXPECT_NEAR(*spearman(samples.a, samples.b), 0.3325230102151403, 1e-14);
  EXPECT_CODE(spearman(std::vector{1.0, 1.0}, std::vector{1.0, 2.0}), Code::invalid);
}

}  // namespace
}  // namespace aceso::stats
