#include "aceso/stats/descriptive.hpp"

#include <cmath>
#include <vector>

#include "aceso/base/testing.hpp"

namespace aceso::stats {
namespace {

const std::vector<double> kSample{3.1, -2.0, 7.5, 7.5, 0.25, 11, 4.75, 1e-3};

// NumPy 2.4.6: mean, std(ddof=1), quantile.
TEST(Descriptive, agrees_with_numpy) {
  EXPECT_NEAR(*mean(kSample), 4.012625, 1e-14);
  EXPECT_NEAR(*sd(kSample), 4.486897207823178, 1e-14);
  EXPECT_EQ(*quantile(kSample, 0), -2);
  EXPECT_NEAR(*quantile(kSample, 0.1), -0.5992999999999998, 1e-14);
  EXPECT_NEAR(*quantile(kSample, 0.25), 0.18775, 1e-14);
  EXPECT_NEAR(*median(kSample), 3.925, 1e-14);
  EXPECT_NEAR(*quantile(kSample, 0.9), 8.55, 1e-14);
  EXPECT_EQ(*quantile(kSample, 1), 11);
}

// Numerical Accuracy test of NIST's Statistical Reference Datasets, NumAcc4: 10000000.2, then 500 pairs of 10000000.1
// and 10000000.3; certified mean 10000000.2 and standard deviation 0.1.
TEST(RunningMoments, loses_no_digits_to_a_large_mean) {
  RunningMoments all;
  RunningMoments first;
  RunningMoments second;
  for (int i = 0; i < 1001; ++i) {
    const double x = i == 0 ? 10000000.2 : i % 2 == 1 ? 10000000.1 : 10000000.3;
    all.add(x);
    (i < 300 ? first : second).add(x);
  }
  EXPECT_NEAR(all.mean(), 10000000.2, 1e-7);
  EXPECT_NEAR(all.sd(), 0.1, 1e-8);
  first.merge(second);
  EXPECT_EQ(first.count(), all.count());
  EXPECT_NEAR(first.mean(), all.mean(), 1e-8);
  EXPECT_NEAR(first.sd(), all.sd(), 1e-10);
}

TEST(RunningMoments, merging_nothing_changes_nothing) {
  RunningMoments some;
  some.add(3);
  some.merge(RunningMoments{});
  EXPECT_EQ(some.count(), 1U);
  RunningMoments none;
  none.merge(some);
  EXPECT_EQ(none.mean(), 3);
  EXPECT_EQ(none.variance(), 0);
}

TEST(Descriptive, refuses_nothing_and_nan) {
  EXPECT_CODE(mean({}), Code::invalid);
  EXPECT_CODE(sd(std::vector{1.0}), Code::invalid);
  EXPECT_CODE(mean(std::vector{1.0, std::nan("")}), Code::invalid);
  EXPECT_CODE(quantile(kSample, 1.5), Code::invalid);
  EXPECT_CODE(quantile(std::vector{std::nan("")}, 0.5), Code::invalid);
  EXPECT_EQ(*quantile(std::vector{4.0}, 0.3), 4);
}

}  // namespace
}  // namespace aceso::stats
