#include "aceso/stats/agreement.hpp"

#include <gtest/gtest.h>

#include <array>

namespace aceso::stats {
namespace {

// Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd edition 2003, table 18.1: two raters put
// 100 subjects under psychotic, neurotic and organic.
constexpr std::array<std::uint64_t, 9> kDiagnoses{75, 1, 4, 5, 4, 1, 0, 0, 10};
// Made up: 100 cases under four ordered grades.
constexpr std::array<std::uint64_t, 16> kGrades{20, 5, 1, 0, 4, 13, 6, 2, 1, 3, 17, 5, 0, 1, 4, 18};

// The book: observed .89, by chance .66, kappa .676.
TEST(CohenKappa, agrees_with_the_worked_example_of_fleiss) {
  const auto kappa = cohen_kappa(kDiagnoses, 3);
  ASSERT_TRUE(kappa) << kappa.error().message();
  EXPECT_NEAR(kappa->observed, 0.89, 1e-12);
  EXPECT_NEAR(kappa->expected, 0.66, 1e-12);
  EXPECT_NEAR(kappa->value, 0.676, 5e-4);
}

// Values: sklearn.metrics.cohen_kappa_score of scikit-learn 1.9.1; errors and limits:
// statsmodels.stats.inter_rater.cohens_kappa (std_kappa, kappa_low, kappa_upp) of statsmodels 0.15.0.
TEST(CohenKappa, agrees_with_scikit_learn_and_statsmodels) {
  const auto none = cohen_kappa(kDiagnoses, 3);
  ASSERT_TRUE(none);
  EXPECT_NEAR(none->value, 0.6764705882352942, 1e-13);
  EXPECT_NEAR(none->standard_error, 0.08770295347521254, 1e-13);
  EXPECT_NEAR(none->interval->low, 0.5045759580860855, 1e-12);
  EXPECT_NEAR(none->interval->high, 0.8483652183845026, 1e-12);
  const auto linear = cohen_kappa(kDiagnoses, 3, KappaWeights::linear);
  ASSERT_TRUE(linear);
  EXPECT_NEAR(linear->value, 0.7222222222222222, 1e-13);
  EXPECT_NEAR(linear->standard_error, 0.08430095392318866, 1e-13);
  const auto quadratic = cohen_kappa(kDiagnoses, 3, KappaWeights::quadratic);
  ASSERT_TRUE(quadratic);
  EXPECT_NEAR(quadratic->value, 0.7553191489361702, 1e-13);
  EXPECT_NEAR(quadratic->standard_error, 0.08670713249380735, 1e-13);
  EXPECT_NEAR(cohen_kappa(kGrades, 4)->value, 0.5731625983726825, 1e-13);
  EXPECT_NEAR(cohen_kappa(kGrades, 4)->standard_error, 0.06212901402134526, 1e-13);
  EXPECT_NEAR(cohen_kappa(kGrades, 4, KappaWeights::linear)->value, 0.7029543994861913, 1e-13);
  EXPECT_NEAR(cohen_kappa(kGrades, 4, KappaWeights::linear)->standard_error, 0.049149961634848555, 1e-13);
  EXPECT_NEAR(cohen_kappa(kGrades, 4, KappaWeights::quadratic)->value, 0.8106670963583629, 1e-13);
  EXPECT_NEAR(cohen_kappa(kGrades, 4, KappaWeights::quadratic)->standard_error, 0.04070463187297172, 1e-13);
}

TEST(CohenKappa, ends_of_the_scale) {
  const auto same = cohen_kappa(std::array<std::uint64_t, 4>{30, 0, 0, 20}, 2);
  ASSERT_TRUE(same);
  EXPECT_EQ(same->value, 1);
  EXPECT_EQ(same->standard_error, 0);
  EXPECT_FALSE(same->interval);  // not "1.00 to 1.00"
  const auto three = cohen_kappa(std::array<std::uint64_t, 9>{7, 0, 0, 0, 11, 0, 0, 0, 13}, 3);
  ASSERT_TRUE(three);
  EXPECT_FALSE(three->interval);
  EXPECT_TRUE(cohen_kappa(std::array<std::uint64_t, 4>{300, 1, 0, 200}, 2)->interval);
  const auto opposite = cohen_kappa(std::array<std::uint64_t, 4>{0, 25, 25, 0}, 2);
  ASSERT_TRUE(opposite);
  EXPECT_NEAR(opposite->value, -1, 1e-12);
  EXPECT_FALSE(opposite->interval);
}

TEST(CohenKappa, does_not_exist_where_nothing_can_be_said) {
  EXPECT_EQ(cohen_kappa(std::array<std::uint64_t, 4>{12, 0, 0, 0}, 2).error().code(), Code::invalid);
  EXPECT_EQ(cohen_kappa(std::array<std::uint64_t, 4>{}, 2).error().code(), Code::invalid);
  EXPECT_EQ(cohen_kappa(std::array<std::uint64_t, 3>{1, 2, 3}, 2).error().code(), Code::invalid);
  EXPECT_EQ(cohen_kappa(std::array<std::uint64_t, 1>{1}, 1).error().code(), Code::invalid);
}

// By hand: psychotic is in 80 answers of the first and 80 of the second, in 75 of both.
TEST(SpecificAgreement, of_a_category) {
  EXPECT_NEAR(*specific_agreement(kDiagnoses, 3, 0), 150.0 / 160, 1e-12);
  EXPECT_NEAR(*specific_agreement(kDiagnoses, 3, 1), 8.0 / 15, 1e-12);
  EXPECT_FALSE(specific_agreement(std::array<std::uint64_t, 4>{12, 0, 0, 0}, 2, 1));
  EXPECT_EQ(one_against_rest(kDiagnoses, 3, 1), (std::vector<std::uint64_t>{4, 6, 1, 89}));
}

}  // namespace
}  // namespace aceso::stats
