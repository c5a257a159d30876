// How probabilities would have to be bent to mean what they say, fitted on other cases than those judged.
// Probabilities lie in [0, 1], labels are 0 or 1; errors as in calibration.hpp, and invalid when a class is missing.
// Thread-safe.
#pragma once

#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

// Logistic recalibration (Cox, Biometrika 45:562-565, 1958; Van Calster et al., BMC Medicine 17:230, 2019), logits cut
// to +-16: log odds of the label = intercept + slope * logit. 0 and 1 are perfect; a slope below 1 says that
// probabilities are too extreme. calibration_in_the_large is the intercept with the slope held at 1.
struct CalibrationLine {
  double intercept, slope, calibration_in_the_large;
  Interval intercept_interval, slope_interval, in_the_large_interval;  // 95 %, Wald
};
Result<CalibrationLine> calibration_line(std::span<const double> probabilities, std::span<const int> labels);

// Temperature scaling (Guo et al., ICML 2017): sigmoid(logit / temperature), the temperature in [0.01, 100] that
// minimises the log loss. Above 1: probabilities were too extreme.
Result<double> fit_temperature(std::span<const double> probabilities, std::span<const int> labels);
double apply_temperature(double probability, double temperature) noexcept;
// The same for several classes: one row of class probabilities a sample, softmax(log p / temperature).
Result<double> fit_temperature(const std::vector<std::vector<double>>& probabilities, std::span<const int> labels);
std::vector<double> apply_temperature(const std::vector<double>& probabilities, double temperature);

// Isotonic regression by pool adjacent violators (Zadrozny and Elkan, KDD 2002): a rising step function, linear between
// its knots, constant outside them.
struct IsotonicMap {
  std::vector<double> scores;             // rising
  std::vector<double> values;             // never falling
  double operator()(double score) const;  // needs a knot
};
Result<IsotonicMap> fit_isotonic(std::span<const double> probabilities, std::span<const int> labels);

}  // namespace aceso::stats
