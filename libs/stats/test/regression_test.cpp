#include "aceso/stats/regression.hpp"

#include <cmath>
#include <vector>

#include "aceso/base/testing.hpp"

namespace aceso::stats {
namespace {

// measured = i / 2 + cos 2i, predicted = i / 2 + 3 sin i + 0.25, i = 0..24.
struct MeasuredPairs {
  std::vector<double> measured, predicted;
  MeasuredPairs() {
    for (int i = 0; i < 25; ++i) {
      measured.push_back(0.5 * i + std::cos(2.0 * i));
      predicted.push_back(0.5 * i + 3 * std::sin(static_cast<double>(i)) + 0.25);
    }
  }
};

// scikit-learn 1.9.1, SciPy 1.17.1: mean_absolute_error, root_mean_squared_error, r2_score; scipy.stats.pearsonr.
TEST(Regression, errors_and_correlation_equal_scikit_learns_and_scipys) {
  const MeasuredPairs p;
  const auto errors = regression_errors(p.predicted, p.measured);
  ASSERT_OK(errors);
  EXPECT_NEAR(errors->mae, 1.9638991325686883, 1e-12);
  EXPECT_NEAR(errors->rmse, 2.251510344853783, 1e-12);
  EXPECT_NEAR(errors->r2, 0.6091067485082369, 1e-12);
  EXPECT_NEAR(errors->bias, 0.2615759933912819, 1e-12);
  EXPECT_NEAR(*pearson(p.predicted, p.measured), 0.8222374228815839, 1e-12);
}

// Example of Bland and Altman, Lancet 327:307-310, 1986, table 1: peak expiratory flow by Wright meter and mini meter,
// first readings, l/min. The paper prints mean difference -2.1, sd 38.8, limits -79.7 and 75.5 with 2 sd for 1.96; with
// the paper's t of 2.12 the limits' standard error is 16.3.
TEST(Regression, limits_of_agreement_equal_bland_and_altmans) {
  const std::vector<double> wright{494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427};
  const std::vector<double> mini{512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451};
  const auto a = limits_of_agreement(wright, mini, 2);
  ASSERT_OK(a);
  EXPECT_NEAR(a->bias, -2.1, 0.05);
  EXPECT_NEAR(a->sd, 38.8, 0.05);
  EXPECT_NEAR(a->low, -79.7, 0.1);
  EXPECT_NEAR(a->high, 75.5, 0.1);
  EXPECT_NEAR((a->bias_interval.high - a->bias_interval.low) / 4, 9.4, 0.05);  // standard error of the mean difference
  EXPECT_NEAR((a->low_interval.high - a->low_interval.low) / 4, 38.8 * std::sqrt(1 / 17.0 + 4 / 32.0), 0.05);
}

// scikit-learn 1.9.1, SciPy 1.17.1: Ridge(alpha).
TEST(Regression, ridge_equals_scikit_learns_with_few_and_with_many_features) {
  const auto features = [](std::size_t n, std::size_t width) {
    std::vector<float> x;
    for (std::size_t i = 0; i < n * width; ++i)
      x.push_back(static_cast<float>(std::round(1000 * std::sin(static_cast<double>(i * i))) / 1000));
    return x;
  };
  std::vector<double> y;
  for (int i = 0; i < 12; ++i) y.push_back(std::cos(static_cast<double>(i)) + 0.1 * i);
  const std::vector<double> penalties{0.5, 10};
  const auto few = fit_ridge(features(12, 3), y, penalties);
  ASSERT_OK(few);
  EXPECT_NEAR((*few)[0].intercept, 0.6836328571609701, 1e-9);
  EXPECT_NEAR((*few)[0].weights[1], 0.5455561394085311, 1e-9);
  EXPECT_NEAR((*few)[1].weights[2], -0.14548789798464584, 1e-9);
  const std::vector<double> short_y(y.begin(), y.begin() + 4);
  const auto many = fit_ridge(features(4, 9), short_y, penalties);
  ASSERT_OK(many);
  EXPECT_NEAR((*many)[0].intercept, 0.09307966161126574, 1e-9);
  EXPECT_NEAR((*many)[0].weights[7], -0.24876046482889527, 1e-9);
  EXPECT_NEAR((*many)[1].weights[0], -0.01201121422024041, 1e-9);
  EXPECT_NEAR((*many)[0].predict(features(4, 9)), 0.9001951257687459, 1e-7);
}

TEST(Regression, what_cannot_be_computed_is_refused) {
  const std::vector<double> two{1, 2}, same{3, 3}, one{1}, bad{1, std::nan("")};
  EXPECT_CODE(regression_errors(two, one), Code::invalid);
  EXPECT_CODE(regression_errors(bad, two), Code::invalid);
  EXPECT_CODE(regression_errors({}, {}), Code::invalid);
  EXPECT_TRUE(std::isnan(regression_errors(two, same)->r2));
  EXPECT_CODE(pearson(two, same), Code::invalid);
  EXPECT_CODE(limits_of_agreement(one, one), Code::invalid);
  const std::vector<float> x{1, 2, 3};
  EXPECT_CODE(fit_ridge(x, two, std::vector{1.0}), Code::invalid);
  EXPECT_CODE(fit_ridge(std::vector<float>{1, 2}, two, std::vector{0.0}), Code::invalid);
  EXPECT_CODE(fit_ridge(std::vector<float>{1, NAN}, two, std::vector{1.0}), Code::invalid);
}

}  // namespace
}  // namespace aceso::stats
