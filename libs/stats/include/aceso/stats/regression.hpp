// Predicted against measured numbers: errors, correlation, agreement. Errors of all: invalid for different lengths, too
// few values or one that is not finite. Thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

struct RegressionErrors {
  double mae;   // mean absolute error
  double rmse;  // root of the mean squared error
  double bias;  // mean of predicted - measured
  double r2;    // 1 - squared error / squared distance from the mean of the measured; NaN when they do not vary
};
// At least one value.
Result<RegressionErrors> regression_errors(std::span<const double> predicted, std::span<const double> measured);

// Product-moment correlation (Pearson). At least two values; invalid when either does not vary.
Result<double> pearson(std::span<const double> a, std::span<const double> b);

// Limits of agreement (Bland and Altman, Lancet 327:307-310, 1986): bias -+ z sd of the differences predicted -
// measured (divisor n - 1), with 95 % intervals of the bias (sd / sqrt(n)) and of each limit (its standard error sd *
// sqrt(1 / n + z^2 / (2 (n - 1))), Bland and Altman, Stat Methods Med Res 8:135-160, 1999), both by the normal quantile
// z. At least two values.
struct Agreement {
  double bias, sd, low, high;
  Interval bias_interval, low_interval, high_interval;
};
Result<Agreement> limits_of_agreement(std::span<const double> predicted, std::span<const double> measured,
                                      double z = kZ95);

// Ridge regression: minimises |y - X w - b|^2 + penalty |w|^2, the intercept not penalised, as scikit-learn's Ridge.
struct RidgeModel {
  std::vector<double> weights;
  double intercept = 0;
  double predict(std::span<const float> x) const;  // `weights.size()` values
};
// `x`: samples * features, row by row. Solved by Cholesky in the smaller of the two spaces. One model a penalty.
// Errors: invalid for sizes that do not fit, penalties not above 0; exhausted: more than 8192 both of samples and of
// features.
Result<std::vector<RidgeModel>> fit_ridge(std::span<const float> x, std::span<const double> y,
                                          std::span<const double> penalties);

}  // namespace aceso::stats
