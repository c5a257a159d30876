#include "aceso/stats/descriptive.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace aceso::stats {
namespace {

Result<RunningMoments> moments(std::span<const double> values, std::size_t needed) {
  if (values.size() < needed) return Error{Code::invalid, "too few values"};
  RunningMoments result;
  for (const double x : values) {
    if (std::isnan(x)) return Error{Code::invalid, "a value is not a number"};
    result.add(x);
  }
  return result;
}

}  // namespace

void RunningMoments::add(double x) noexcept {
  ++count_;
  const double before = x - mean_;
  mean_ += before / static_cast<double>(count_);
  sum_of_squares_ += before * (x - mean_);
}

void RunningMoments::merge(const RunningMoments& other) noexcept {
  if (other.count_ == 0) return;
  const auto mine = static_cast<double>(count_);
  const auto theirs = static_cast<double>(other.count_);
  const double distance = other.mean_ - mean_;
  count_ += other.count_;
  mean_ += distance * theirs / (mine + theirs);
  sum_of_squares_ += other.sum_of_squares_ + distance * distance * mine * theirs / (mine + theirs);
}

double RunningMoments::variance() const noexcept {
  return count_ < 2 ? 0 : sum_of_squares_ / static_cast<double>(count_ - 1);
}

double RunningMoments::sd() const noexcept {
  return std::sqrt(variance());
}

Result<double> mean(std::span<const double> values) {
  ACESO_TRY(const RunningMoments m, moments(values, 1));
  return m.mean();
}

Result<double> sd(std::span<const double> values) {
  ACESO_TRY(const RunningMoments m, moments(values, 2));
  return m.sd();
}

Result<double> quantile(std::span<const double> values, double q) {
  if (values.empty() || !(q >= 0 && q <= 1)) return Error{Code::invalid, "a quantile needs values and 0 <= q <= 1"};
  if (std::any_of(values.begin(), values.end(), [](double x) { return std::isnan(x); })) {
    return Error{Code::invalid, "a value is not a number"};
  }
  std::vector<double> sorted{values.begin(), values.end()};
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(position);
  std::nth_element(sorted.begin(), sorted.begin() + below, sorted.end());
  const double low = sorted[static_cast<std::size_t>(below)];
  const double share = position - static_cast<double>(below);
  if (share == 0) return low;
  return low + share * (*std::min_element(sorted.begin() + below + 1, sorted.end()) - low);
}

Result<double> median(std::span<const double> values) {
  return quantile(values, 0.5);
}

}  // namespace aceso::stats
