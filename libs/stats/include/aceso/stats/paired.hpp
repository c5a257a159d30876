// Two methods on the same cases, or two rankings of the same places.
#pragma once

#include <cstdint>
#include <span>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

struct McNemarTest {
  std::uint64_t only_a;  // cases that a alone got right
  std::uint64_t only_b;
  double difference;  // accuracy of a minus accuracy of b
  Interval interval;  // of the difference, 95 %, Wald with variance from the discordant cases, cut to [-1, 1]
  double p_value;     // exact, two-sided: twice the smaller binomial tail at 1/2 (McNemar, Psychometrika 12:153, 1947)
};
// right_x[i] says whether x got case i right. Errors: invalid for none or different lengths. Thread-safe.
Result<McNemarTest> mcnemar(std::span<const bool> right_a, std::span<const bool> right_b);
// The same from counts of discordant cases among `cases`.
Result<McNemarTest> mcnemar_counts(std::uint64_t only_a, std::uint64_t only_b, std::uint64_t cases);

// Spearman's rank correlation, tied values share the mean of their ranks (Am J Psychol 15:72, 1904). Errors: invalid
// for fewer than two values, different lengths, NaN, or when all values of one side are equal. Thread-safe.
Result<double> spearman(std::span<const double> a, std::span<const double> b);

}  // namespace aceso::stats
