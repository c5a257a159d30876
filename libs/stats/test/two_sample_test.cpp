#include "aceso/stats/two_sample.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "aceso/base/random.hpp"
#include "aceso/base/testing.hpp"

namespace aceso::stats {
namespace {

std::vector<double> first_sample() {
  std::vector<double> values;
  for (int i = 0; i < 60; ++i) values.push_back((i * 37 % 101) / 10.0);
  return values;
}

std::vector<double> second_sample(double shift) {
  std::vector<double> values;
  for (int i = 0; i < 45; ++i) values.push_back((i * 53 % 97) / 9.0 + shift);
  return values;
}

// SciPy 1.17.1: ks_2samp(a, b, method="exact"). Ours is the corrected limit: within a tenth of the exact value.
TEST(TwoSample, kolmogorov_smirnov_agrees_with_scipy) {
  const auto near = kolmogorov_smirnov(first_sample(), second_sample(0.8));
  ASSERT_OK(near);
  EXPECT_NEAR(near->distance, 0.14444444444444443, 1e-12);
  EXPECT_NEAR(near->p_value, 0.6131203539274469, 0.06);
  const auto far = kolmogorov_smirnov(first_sample(), second_sample(3));
  ASSERT_OK(far);
  EXPECT_NEAR(far->distance, 0.3388888888888889, 1e-12);
  EXPECT_NEAR(far->p_value / 0.004185361256442244, 1, 0.1);
  EXPECT_EQ(kolmogorov_smirnov(first_sample(), first_sample())->p_value, 1);
}

// Of samples that are alike, one in a hundred has p below 0.01.
TEST(TwoSample, alarms_as_rarely_as_it_says) {
  SeededRandom random{7};
  int below = 0;
  constexpr int kTrials = 4000;
  for (int t = 0; t < kTrials; ++t) {
    std::vector<double> a(120), b(50);
    for (double& v : a) v = static_cast<double>(random.uniform(1'000'000)) * 1e-6;
    for (double& v : b) v = static_cast<double>(random.uniform(1'000'000)) * 1e-6;
    below += kolmogorov_smirnov(a, b)->p_value < 0.01 ? 1 : 0;
  }
  EXPECT_GT(below, kTrials / 250);  // 0.4 %
  EXPECT_LT(below, kTrials / 50);   // 2 %
}

// SciPy 1.17.1: wasserstein_distance.
TEST(TwoSample, wasserstein_agrees_with_scipy) {
  EXPECT_NEAR(*wasserstein_distance(first_sample(), second_sample(0.8)), 0.8606790123456791, 1e-12);
  EXPECT_NEAR(*wasserstein_distance(std::vector<double>{1, 2, 2, 5}, std::vector<double>{0, 2.5}), 1.5, 1e-12);
  EXPECT_EQ(*wasserstein_distance(first_sample(), first_sample()), 0);
}

// SciPy 1.17.1: chi2_contingency without correction, chi2.sf, fisher_exact, jensenshannon with base 2.
TEST(TwoSample, counts_agree_with_scipy) {
  const std::vector<std::uint64_t> a{30, 40, 50}, b{45, 35, 20};
  const auto test = chi_square(a, b);
  ASSERT_OK(test);
  EXPECT_NEAR(test->statistic, 14.492063492063487, 1e-12);
  EXPECT_EQ(test->degrees_of_freedom, 2U);
  EXPECT_NEAR(test->p_value, 0.0007129981401549269, 1e-14);
  EXPECT_NEAR(chi_square_tail(12.3, 4), 0.015254394655769615, 1e-14);
  EXPECT_NEAR(chi_square_tail(150, 3) / 2.6349139284880416e-32, 1, 1e-10);
  EXPECT_TRUE(std::isnan(chi_square_tail(-1, 3)));
  EXPECT_NEAR(*fisher_exact(3, 100, 12, 100), 0.028671314973177094, 1e-10);
  EXPECT_NEAR(*fisher_exact(8, 10, 1, 6), 0.034965034965034975, 1e-10);
  EXPECT_NEAR(*fisher_exact(1, 101, 10, 910), 1, 1e-9);
  EXPECT_NEAR(
      *jensen_shannon_distance(std::vector<std::uint64_t>{30, 40, 50, 0}, std::vector<std::uint64_t>{45, 35, 20, 3}),
      0.25114073833923484, 1e-12);
}

TEST(TwoSample, rare_categories_are_taken_together) {
  const std::vector<std::uint64_t> a{50, 50, 1, 0, 1}, b{50, 40, 4, 5, 1};
  const auto test = chi_square(a, b);
  ASSERT_OK(test);
  EXPECT_EQ(test->degrees_of_freedom, 2U);  // 2 and 10 make a third category
  const auto one = chi_square(std::vector<std::uint64_t>{20, 0}, std::vector<std::uint64_t>{30, 1});
  ASSERT_OK(one);
  EXPECT_EQ(one->degrees_of_freedom, 0U);
  EXPECT_EQ(one->p_value, 1);
}

// By hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 may not fall below what came before it.
TEST(TwoSample, holm_by_hand) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto adjusted = holm(std::vector<double>{0.01, 0.04, none, 0.03, 0.005});
  EXPECT_NEAR(adjusted[0], 0.03, 1e-15);
  EXPECT_NEAR(adjusted[1], 0.06, 1e-15);
  EXPECT_TRUE(std::isnan(adjusted[2]));
  EXPECT_NEAR(adjusted[3], 0.06, 1e-15);
  EXPECT_NEAR(adjusted[4], 0.02, 1e-15);
}

TEST(TwoSample, refuses_what_it_cannot_compare) {
  const std::vector<double> none, one{1}, bad{1, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_EQ(kolmogorov_smirnov(none, one).error().code(), Code::invalid);
  EXPECT_EQ(wasserstein_distance(one, bad).error().code(), Code::invalid);
  const std::vector<std::uint64_t> zero{0, 0}, some{1, 2}, three{1, 2, 3};
  EXPECT_EQ(chi_square(zero, some).error().code(), Code::invalid);
  EXPECT_EQ(chi_square(some, three).error().code(), Code::invalid);
  EXPECT_EQ(jensen_shannon_distance(some, zero).error().code(), Code::invalid);
  EXPECT_EQ(fisher_exact(3, 2, 1, 2).error().code(), Code::invalid);
  EXPECT_EQ(fisher_exact(0, 0, 1, 2).error().code(), Code::invalid);
}

}  // namespace
}  // namespace aceso::stats
