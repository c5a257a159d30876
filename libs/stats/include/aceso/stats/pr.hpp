// Precision against recall, for rare findings. Scores, labels and errors as in roc.hpp, but only positives must be
// there.
#pragma once

#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::stats {

struct PrPoint {
  double threshold;  // positive is score >= threshold
  double recall;     // sensitivity
  double precision;  // positive predictive value
};

// One point a distinct score, thresholds falling, recall rising to 1.
Result<std::vector<PrPoint>> pr_curve(std::span<const double> scores, std::span<const int> labels);

// Sum of precision times the gain in recall over the points of pr_curve: no interpolation, which would be optimistic
// (Davis and Goadrich, ICML 2006). A classifier that guesses reaches the share of positives. Thread-safe.
Result<double> average_precision(std::span<const double> scores, std::span<const int> labels);

}  // namespace aceso::stats
