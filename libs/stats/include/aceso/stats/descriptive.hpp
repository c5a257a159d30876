// Means, spreads and quantiles.
#pragma once

#include <cstdint>
#include <span>

#include "aceso/base/result.hpp"

namespace aceso::stats {

// Mean and variance in one pass without cancellation (Welford, Technometrics 4:419-420, 1962). Not thread-safe.
class RunningMoments {
 public:
  void add(double x) noexcept;
  void merge(const RunningMoments& other) noexcept;  // as if the other's values had been added (Chan et al., 1979)
  std::uint64_t count() const noexcept { return count_; }
  double mean() const noexcept { return mean_; }  // 0 when empty
  double variance() const noexcept;               // divisor count - 1; 0 for fewer than two values
  double sd() const noexcept;

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0;
  double sum_of_squares_ = 0;  // of deviations from the mean
};

// Errors of all: invalid for no values or a NaN; for sd() also for fewer than two values. Thread-safe.
Result<double> mean(std::span<const double> values);
Result<double> sd(std::span<const double> values);  // divisor n - 1
// Linear interpolation between order statistics: type 7 of Hyndman and Fan (Am Stat 50:361-365, 1996), the default of
// R and NumPy. 0 <= q <= 1, else invalid. Values in any order.
Result<double> quantile(std::span<const double> values, double q);
Result<double> median(std::span<const double> values);

}  // namespace aceso::stats
