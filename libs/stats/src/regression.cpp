#include "aceso/stats/regression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "aceso/stats/descriptive.hpp"

namespace aceso::stats {
namespace {

Status check_pairs(std::span<const double> a, std::span<const double> b, std::size_t least) {
  if (a.size() != b.size()) return Error{Code::invalid, "predicted and measured differ in number"};
  if (a.size() < least) return Error{Code::invalid, "at least " + std::to_string(least) + " values are needed"};
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::all_of(a.begin(), a.end(), finite) || !std::all_of(b.begin(), b.end(), finite))
    return Error{Code::invalid, "a value is not finite"};
  return {};
}

}  // namespace

Result<RegressionErrors> regression_errors(std::span<const double> predicted, std::span<const double> measured) {
  ACESO_TRY_OK(check_pairs(predicted, measured, 1));
  RunningMoments truth, difference;
  double absolute = 0, squared = 0;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const double d = predicted[i] - measured[i];
    truth.add(measured[i]);
    difference.add(d);
    absolute += std::abs(d);
    squared += d * d;
  }
  const auto n = static_cast<double>(measured.size());
  const double total = truth.variance() * (n - 1);
  return RegressionErrors{absolute / n, std::sqrt(squared / n), difference.mean(),
                          total > 0 ? 1 - squared / total : std::numeric_limits<double>::quiet_NaN()};
}

Result<double> pearson(std::span<const double> a, std::span<const double> b) {
  ACESO_TRY_OK(check_pairs(a, b, 2));
  ACESO_TRY(const double mean_a, mean(a));
  ACESO_TRY(const double mean_b, mean(b));
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  if (!(aa > 0 && bb > 0)) return Error{Code::invalid, "there is no correlation with values that do not vary"};
  return std::clamp(ab / std::sqrt(aa) / std::sqrt(bb), -1.0, 1.0);
}

Result<Agreement> limits_of_agreement(std::span<const double> predicted, std::span<const double> measured, double z) {
  ACESO_TRY_OK(check_pairs(predicted, measured, 2));
  RunningMoments difference;
  for (std::size_t i = 0; i < measured.size(); ++i) difference.add(predicted[i] - measured[i]);
  const auto n = static_cast<double>(measured.size());
  const double bias = difference.mean(), sd = difference.sd();
  const double of_bias = z * sd / std::sqrt(n), of_limit = z * sd * std::sqrt(1 / n + z * z / (2 * (n - 1)));
  const double low = bias - z * sd, high = bias + z * sd;
  return Agreement{bias,
                   sd,
                   low,
                   high,
                   {bias - of_bias, bias + of_bias},
                   {low - of_limit, low + of_limit},
                   {high - of_limit, high + of_limit}};
}

}  // namespace aceso::stats
