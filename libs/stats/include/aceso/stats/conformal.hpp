// Split conformal prediction: sets of classes that hold the truth with a chosen probability, whatever the model, as
// long as new cases are exchangeable with the calibration cases (Vovk, Gammerman and Shafer, Algorithmic Learning in a
// Random World, 2005; Angelopoulos and Bates, Found Trends Mach Learn 16:494-591, 2023).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::stats {

// The ceil((n + 1) * coverage)-th smallest score: with it P(new score <= quantile) >= coverage. +infinity when n is too
// small for that (n < coverage / (1 - coverage)): every class is then in the set. Errors: invalid for NaN or a coverage
// outside (0, 1). Thread-safe.
Result<double> conformal_quantile(std::span<const double> scores, double coverage);

// The nonconformity of a class is 1 - its probability. `marginal`: one quantile over all cases; `per_class[k]`: over
// the cases of class k, so that each class is covered on its own (Mondrian).
struct ConformalThresholds {
  double coverage;
  double marginal;
  std::vector<double> per_class;
  std::vector<std::size_t> cases;  // of each class
};
// One row of class probabilities a case, labels 0 .. width - 1. Errors: invalid for none, ragged rows, labels or
// coverage out of range.
Result<ConformalThresholds> fit_conformal(const std::vector<std::vector<double>>& probabilities,
                                          std::span<const int> labels, double coverage);
// Classes with 1 - p <= the class's own threshold.
std::vector<std::size_t> conformal_set(const ConformalThresholds& thresholds, std::span<const double> probabilities);

}  // namespace aceso::stats
