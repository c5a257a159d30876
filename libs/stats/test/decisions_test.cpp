// Precision-recall, confusion and calibration.
#include <cmath>

#include "aceso/base/testing.hpp"
#include "aceso/stats/calibration.hpp"
#include "aceso/stats/confusion.hpp"
#include "aceso/stats/pr.hpp"
#include "reference_data.hpp"

namespace aceso::stats {
namespace {

// scikit-learn 1.9.1: average_precision_score, precision_recall_curve.
TEST(AveragePrecision, agrees_with_scikit_learn_on_tied_samples) {
  const auto samples = made_up_samples();
  EXPECT_NEAR(*average_precision(samples.a, samples.labels), 0.940598148123684, 1e-14);
  const auto curve = pr_curve(samples.a, samples.labels);
  ASSERT_EQ(curve->size(), 101U);
  EXPECT_EQ((*curve)[10].threshold, 0.9);
  EXPECT_DOUBLE_EQ((*curve)[10].recall, 0.22);
  EXPECT_DOUBLE_EQ((*curve)[10].precision, 1);
  EXPECT_DOUBLE_EQ(curve->back().precision, 0.5);
}

TEST(AveragePrecision, a_constant_score_reaches_the_share_of_positives) {
  EXPECT_DOUBLE_EQ(*average_precision(std::vector{0.5, 0.5, 0.5, 0.5}, std::vector{1, 0, 0, 0}), 0.25);
  EXPECT_EQ(*average_precision(std::vector{0.1, 0.9}, std::vector{0, 1}), 1);
  EXPECT_CODE(average_precision(std::vector{0.1}, std::vector{0}), Code::invalid);
}

// scikit-learn 1.9.1 on a >= 0.6: confusion_matrix, recall_score, precision_score, accuracy_score, f1_score,
// balanced_accuracy_score, matthews_corrcoef.
TEST(BinaryCounts, agree_with_scikit_learn) {
  const auto samples = made_up_samples();
  const auto counts = binary_counts(samples.a, samples.labels, 0.6);
  ASSERT_OK(counts);
  EXPECT_EQ(counts->true_negatives, 92U);
  EXPECT_EQ(counts->false_positives, 8U);
  EXPECT_EQ(counts->false_negatives, 27U);
  EXPECT_EQ(counts->true_positives, 73U);
  EXPECT_DOUBLE_EQ(counts->sensitivity()->value, 0.73);
  EXPECT_DOUBLE_EQ(counts->specificity()->value, 0.92);
  EXPECT_DOUBLE_EQ(counts->ppv()->value, 0.9012345679012346);
  EXPECT_DOUBLE_EQ(counts->npv()->value, 92.0 / 119);
  EXPECT_DOUBLE_EQ(counts->accuracy()->value, 0.825);
  EXPECT_DOUBLE_EQ(*counts->f1(), 0.8066298342541437);
  EXPECT_DOUBLE_EQ(*counts->balanced_accuracy(), 0.825);
  EXPECT_NEAR(*counts->mcc(), 0.662060025631486, 1e-15);
  EXPECT_EQ(counts->sensitivity()->trials, 100U);
  EXPECT_LT(counts->sensitivity()->interval.low, 0.73);
  EXPECT_GT(counts->sensitivity()->interval.high, 0.73);
}

TEST(BinaryCounts, a_figure_without_cases_does_not_exist) {
  const BinaryCounts healthy{.true_negatives = 5};
  EXPECT_FALSE(healthy.sensitivity());
  EXPECT_FALSE(healthy.ppv());
  EXPECT_FALSE(healthy.f1());
  EXPECT_FALSE(healthy.mcc());
  EXPECT_FALSE(healthy.balanced_accuracy());
  EXPECT_EQ(healthy.specificity()->value, 1);
  EXPECT_FALSE(BinaryCounts{}.accuracy());
}

TEST(BinaryCounts, the_threshold_itself_is_positive) {
  EXPECT_EQ(binary_counts(std::vector{0.5}, std::vector{1}, 0.5)->true_positives, 1U);
  EXPECT_CODE(binary_counts(std::vector{0.5}, std::vector{1}, NAN), Code::invalid);
}

TEST(ConfusionMatrix, counts_by_truth_and_decision) {
  const std::vector<int> truth{0, 0, 1, 1, 1, 2};
  const std::vector<int> decided{0, 1, 1, 1, 2, 0};
  const auto matrix = ConfusionMatrix::create(truth, decided, 3);
  ASSERT_OK(matrix);
  EXPECT_EQ(matrix->at(1, 1), 2U);
  EXPECT_EQ(matrix->at(1, 2), 1U);
  EXPECT_EQ(matrix->at(2, 1), 0U);
  EXPECT_EQ(matrix->accuracy()->successes, 3U);
  const BinaryCounts one = matrix->one_against_rest(1);
  EXPECT_EQ(one.true_positives, 2U);
  EXPECT_EQ(one.false_negatives, 1U);
  EXPECT_EQ(one.false_positives, 1U);
  EXPECT_EQ(one.true_negatives, 2U);
  EXPECT_CODE(ConfusionMatrix::create(truth, decided, 2), Code::invalid);
  EXPECT_CODE(ConfusionMatrix::create(truth, decided, 1'000'000), Code::invalid);
}

// 200 probabilities (73 i mod 200 + 0.5) / 200, positive when (73 i mod 200) + (104729 i mod 67) > 120.
// scikit-learn 1.9.1: calibration_curve(y, p, n_bins=10, strategy="quantile"), mean absolute difference of its two
// columns.
TEST(Calibration, agrees_with_scikit_learn) {
  std::vector<double> probabilities;
  std::vector<int> labels;
  for (int i = 0; i < 200; ++i) {
    probabilities.push_back((i * 73 % 200 + 0.5) / 200);
    labels.push_back(i * 73 % 200 + i * 104729 % 67 > 120 ? 1 : 0);
  }
  const auto bins = reliability(probabilities, labels);
  ASSERT_OK(bins);
  ASSERT_EQ(bins->size(), 10U);
  const std::vector<double> observed{0, 0, 0, 0.2, 0.45, 0.85, 1, 1, 1, 1};
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_NEAR((*bins)[i].mean_predicted, 0.05 + 0.1 * static_cast<double>(i), 1e-14);
    EXPECT_DOUBLE_EQ((*bins)[i].observed, observed[i]);
    EXPECT_EQ((*bins)[i].count, 20U);
  }
  EXPECT_NEAR(*expected_calibration_error(probabilities, labels), 0.17, 1e-14);
}

TEST(Calibration, brier_score_agrees_with_scikit_learn) {  // 1.9.1, brier_score_loss
  const auto samples = made_up_samples();
  EXPECT_NEAR(*brier_score(samples.a, samples.labels), 0.1141695, 1e-14);
}

TEST(Calibration, equal_probabilities_share_a_bin) {
  const std::vector<double> probabilities{0.2, 0.2, 0.2, 0.2, 0.2, 0.9};
  const std::vector<int> labels{1, 0, 0, 0, 0, 1};
  const auto bins = reliability(probabilities, labels, 3);
  ASSERT_EQ(bins->size(), 2U);
  EXPECT_EQ((*bins)[0].count, 5U);
  EXPECT_NEAR(*expected_calibration_error(probabilities, labels, 3), 0.1 / 6, 1e-15);
}

TEST(Calibration, refuses_what_is_no_probability) {
  EXPECT_CODE(brier_score(std::vector{1.5}, std::vector{1}), Code::invalid);
  EXPECT_CODE(brier_score(std::vector<double>{NAN}, std::vector{1}), Code::invalid);
  EXPECT_CODE(brier_score({}, {}), Code::invalid);
  EXPECT_CODE(reliability(std::vector{0.5}, std::vector{1}, 0), Code::invalid);
}

}  // namespace
}  // namespace aceso::stats
