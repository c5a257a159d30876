#include "aceso/stats/roc.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"
#include "reference_data.hpp"

namespace aceso::stats {
namespace {

// Areas: scikit-learn 1.9.1, roc_auc_score. Deviations and test: NumPy 2.4.6 and SciPy 1.17.1 on the paper's
// definition, all pairs compared one by one: np.cov of the mean of (pos > neg) + (pos == neg) / 2 along either axis, 2
// * norm.sf(abs(z)).
TEST(AurocDelong, agrees_on_the_data_of_the_paper) {
  const auto data = ovarian_cancer();
  const auto albumin = auroc_delong(data.albumin, data.benefit);
  ASSERT_OK(albumin);
  EXPECT_NEAR(albumin->value, 0.7365591397849462, 1e-14);
  EXPECT_NEAR(std::sqrt(albumin->variance), 0.09269434605240269, 1e-14);
  EXPECT_NEAR(albumin->interval.low, albumin->value - 1.959964 * 0.092694346, 1e-7);
  EXPECT_NEAR(albumin->interval.high, albumin->value + 1.959964 * 0.092694346, 1e-7);
  EXPECT_EQ(albumin->method, AurocInterval::delong);
  EXPECT_NEAR(auroc_delong(data.total_protein, data.benefit)->value, 0.6478494623655915, 1e-14);
  EXPECT_NEAR(std::sqrt(auroc_delong(data.total_protein, data.benefit)->variance), 0.10004737558374194, 1e-14);
  EXPECT_NEAR(auroc_delong(data.kg, data.benefit)->value, 0.7258064516129032, 1e-14);
  EXPECT_NEAR(std::sqrt(auroc_delong(data.kg, data.benefit)->variance), 0.10282160898004764, 1e-14);
}

TEST(CompareAuroc, agrees_on_the_data_of_the_paper) {
  const auto data = ovarian_cancer();
  const auto albumin = compare_auroc(data.albumin, data.kg, data.benefit);
  ASSERT_OK(albumin);
  EXPECT_NEAR(albumin->difference, 0.010752688172043001, 1e-14);
  EXPECT_NEAR(std::sqrt(albumin->variance), 0.09534361773009381, 1e-14);
  EXPECT_NEAR(albumin->z * albumin->z, 0.01271893796867959, 1e-13);
  EXPECT_NEAR(albumin->p_value, 0.9102063472010351, 1e-13);
  const auto protein = compare_auroc(data.total_protein, data.kg, data.benefit);
  ASSERT_OK(protein);
  EXPECT_NEAR(std::sqrt(protein->variance), 0.10460958871813268, 1e-14);
  EXPECT_NEAR(protein->p_value, 0.4561397075074729, 1e-13);
  EXPECT_NEAR(protein->interval.low, protein->difference - 1.959964 * 0.104609589, 1e-7);
}

// Hanley and McNeil, Radiology 143:29-36, 1982, table I: 109 CT images rated 1 to 5; the paper gives 0.893.
TEST(Auroc, agrees_with_hanley_and_mcneil_1982) {
  const int normal[] = {33, 6, 6, 11, 2};
  const int abnormal[] = {3, 2, 2, 11, 33};
  std::vector<double> scores;
  std::vector<int> labels;
  for (int rating = 0; rating < 5; ++rating) {
    scores.insert(scores.end(), static_cast<std::size_t>(normal[rating] + abnormal[rating]), rating + 1);
    labels.insert(labels.end(), static_cast<std::size_t>(normal[rating]), 0);
    labels.insert(labels.end(), static_cast<std::size_t>(abnormal[rating]), 1);
  }
  EXPECT_NEAR(*auroc(scores, labels), 0.893, 5e-4);
  EXPECT_NEAR(std::sqrt(auroc_delong(scores, labels)->variance), 0.030724408379381122, 1e-14);  // as above
}

// scikit-learn 1.9.1: roc_auc_score, roc_curve(drop_intermediate=False); the rest as in the first test. The package
// confidenceinterval 1.0.5 (single precision) gives the variance 2.337804e-4 and the interval 0.907182 to 0.967118.
TEST(Auroc, agrees_on_tied_samples) {
  const auto samples = made_up_samples();
  EXPECT_NEAR(*auroc(samples.a, samples.labels), 0.93715, 1e-14);
  const auto estimate = auroc_delong(samples.a, samples.labels);
  EXPECT_NEAR(estimate->value, 0.93715, 1e-14);
  EXPECT_NEAR(estimate->variance, 0.00023378035353535377, 1e-16);
  EXPECT_NEAR(estimate->interval.low, 0.907182, 1e-6);
  EXPECT_NEAR(estimate->interval.high, 0.967118, 1e-6);
  const auto compared = compare_auroc(samples.a, samples.b, samples.labels);
  EXPECT_NEAR(compared->value_b, 0.62165, 1e-14);
  EXPECT_NEAR(compared->variance, 0.0014366868686868698, 1e-16);
  EXPECT_NEAR(compared->z, 8.323736095251029, 1e-11);
  EXPECT_NEAR(compared->p_value, 8.52332572595231e-17, 1e-26);
}

TEST(RocCurve, agrees_on_tied_samples) {
  const auto samples = made_up_samples();
  const auto curve = roc_curve(samples.a, samples.labels);
  ASSERT_OK(curve);
  ASSERT_EQ(curve->size(), 102U);
  EXPECT_EQ(curve->front().threshold, std::numeric_limits<double>::infinity());
  EXPECT_EQ((*curve)[10].threshold, 0.91);
  EXPECT_DOUBLE_EQ((*curve)[10].true_positive_rate, 0.2);
  EXPECT_DOUBLE_EQ((*curve)[60].false_positive_rate, 0.27);
  EXPECT_DOUBLE_EQ((*curve)[60].true_positive_rate, 0.92);
  EXPECT_EQ(curve->back().false_positive_rate, 1);
  EXPECT_EQ(curve->back().true_positive_rate, 1);
  double area = 0;  // the trapezoids below it are the Mann-Whitney statistic
  for (std::size_t i = 1; i < curve->size(); ++i) {
    area += ((*curve)[i].false_positive_rate - (*curve)[i - 1].false_positive_rate) *
            ((*curve)[i].true_positive_rate + (*curve)[i - 1].true_positive_rate) / 2;
  }
  EXPECT_NEAR(area, 0.93715, 1e-14);
  EXPECT_EQ(*youden_threshold(samples.a, samples.labels), 0.48);
}

TEST(Auroc, hand_cases) {
  const std::vector<int> labels{0, 0, 1, 1};
  EXPECT_EQ(*auroc(std::vector{1.0, 2.0, 3.0, 4.0}, labels), 1);
  EXPECT_EQ(*auroc(std::vector{4.0, 3.0, 2.0, 1.0}, labels), 0);
  EXPECT_EQ(*auroc(std::vector{7.0, 7.0, 7.0, 7.0}, labels), 0.5);
  EXPECT_EQ(*auroc(std::vector{1.0, 3.0, 2.0, 4.0}, labels), 0.75);
  EXPECT_EQ(*auroc(std::vector<double>{-INFINITY, 0.0, 1.0, INFINITY}, labels), 1);
}

// At perfect separation the bound solves 1 - A = z sqrt(A (1-A) (1 + k (1-A)/(2-A) + k A/(1+A)) / (mn)), k = (m+n)/2
// - 1.
TEST(AurocDelong, perfect_separation_still_has_an_interval_with_a_width) {
  const std::vector<double> scores{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const std::vector<int> labels{0, 0, 0, 0, 0, 1, 1, 1, 1, 1};
  const auto estimate = auroc_delong(scores, labels);
  ASSERT_OK(estimate);
  EXPECT_EQ(estimate->value, 1);
  EXPECT_EQ(estimate->variance, 0);
  EXPECT_EQ(estimate->method, AurocInterval::newcombe);
  EXPECT_EQ(estimate->interval.high, 1);
  const double a = estimate->interval.low;
  EXPECT_GT(a, 0.5);
  EXPECT_LT(a, 0.8);
  EXPECT_NEAR(1 - a, kZ95 * std::sqrt(a * (1 - a) * (1 + 4 * (1 - a) / (2 - a) + 4 * a / (1 + a)) / 25), 1e-12);
  const std::vector<int> reversed{1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
  EXPECT_NEAR(auroc_delong(scores, reversed)->interval.high, 1 - a, 1e-12);
}

TEST(CompareAuroc, equal_scores_do_not_differ) {
  const auto samples = made_up_samples();
  const auto same = compare_auroc(samples.a, samples.a, samples.labels);
  EXPECT_EQ(same->difference, 0);
  EXPECT_EQ(same->p_value, 1);
}

// Two normal distributions one apart: the true area is Phi(1 / sqrt 2).
TEST(AurocDelong, the_interval_covers_the_truth_as_often_as_it_says) {
  constexpr int kSets = 1000;
  const Philox philox{11};
  const double truth = normal_cdf(1 / std::sqrt(2.0));
  int covered = 0;
  for (std::uint64_t set = 0; set < kSets; ++set) {
    std::vector<double> scores;
    std::vector<int> labels;
    for (std::uint64_t i = 0; i < 120; ++i) {
      labels.push_back(i % 2 == 0 ? 1 : 0);
      scores.push_back(philox.normal(set, i) + labels.back());
    }
    const auto interval = auroc_delong(scores, labels)->interval;
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  EXPECT_NEAR(covered / double{kSets}, 0.95, 0.025);
}

TEST(Roc, refuses_what_has_no_curve) {
  const std::vector<double> scores{0.1, 0.2, 0.3};
  EXPECT_CODE(auroc(scores, std::vector{0, 0, 0}), Code::invalid);
  EXPECT_CODE(auroc(scores, std::vector{1, 1, 1}), Code::invalid);
  EXPECT_CODE(auroc(scores, std::vector{0, 1}), Code::invalid);
  EXPECT_CODE(auroc(scores, std::vector{0, 1, 2}), Code::invalid);
  EXPECT_CODE(roc_curve(std::vector<double>{0.1, NAN, 0.3}, std::vector{0, 1, 1}), Code::invalid);
  EXPECT_CODE(auroc_delong(scores, std::vector{0, 1, 1}), Code::invalid);  // one negative has no spread
  EXPECT_CODE(auroc({}, {}), Code::invalid);
}

}  // namespace
}  // namespace aceso::stats
