// Does 0.8 mean that 80 of 100 have the finding? Probabilities lie in [0, 1], labels are 0 or 1.
// Errors: invalid for none, different lengths, other labels, or probabilities out of range. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

// Mean squared distance of probability and label (Brier, Monthly Weather Review 78:1-3, 1950); 0 is perfect.
Result<double> brier_score(std::span<const double> probabilities, std::span<const int> labels);

struct ReliabilityBin {
  double mean_predicted;
  double observed;    // share of positives
  Interval interval;  // of `observed`, Wilson, 95 %
  std::uint64_t count;
};

// Bins of equal numbers of samples (sizes differ by one at most where no probabilities tie), by rising probability;
// equal probabilities share a bin, so there may be fewer bins than asked for. 1 <= bins <= 1000, else invalid.
Result<std::vector<ReliabilityBin>> reliability(std::span<const double> probabilities, std::span<const int> labels,
                                                int bins = 10);

// Expected calibration error over those bins: mean |observed - mean_predicted|, weighted by count (Naeini et al., AAAI
// 2015, with bins of equal numbers). Depends on the number of bins and is biased upwards in small samples.
Result<double> expected_calibration_error(std::span<const double> probabilities, std::span<const int> labels,
                                          int bins = 10);

}  // namespace aceso::stats
