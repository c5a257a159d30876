// Decision curve: is acting on the model better than acting on everyone or on no one?
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

struct NetBenefit {
  double threshold;   // probability from which one would act: harm / (harm + benefit)
  double model;       // true positives / n - false positives / n * threshold / (1 - threshold)
  double treat_all;   // the same when everyone is called positive; treating no one is 0
  Interval interval;  // of `model`, percentile bootstrap, 95 %
};

// At thresholds first, first + step, ... up to last, all in (0, 1), at most 200 (Vickers and Elkin, Med Decis Making
// 26:565-574, 2006). `clusters` as in bootstrap(). Errors: invalid for those of brier_score() and for thresholds out of
// range. Thread-safe.
struct DecisionCurveOptions {
  double first = 0.01, last = 0.99, step = 0.01;
  int replicates = 500;
  std::uint64_t seed = 0;
  std::span<const std::uint32_t> clusters = {};
};
Result<std::vector<NetBenefit>> decision_curve(std::span<const double> probabilities, std::span<const int> labels,
                                               const DecisionCurveOptions& options = {});

}  // namespace aceso::stats
