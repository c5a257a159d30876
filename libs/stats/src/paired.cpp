#include "aceso/stats/paired.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "ranks.hpp"

namespace aceso::stats {
namespace {

// P(X <= k) for X binomial(n, 1/2), summed from the larger terms down.
double lower_tail_of_half(std::uint64_t k, std::uint64_t n) {
  const auto total = static_cast<double>(n);
  double sum = 0;
  for (std::uint64_t i = k + 1; i-- > 0;) {
    const auto x = static_cast<double>(i);
    const double term =
        std::exp(std::lgamma(total + 1) - std::lgamma(x + 1) - std::lgamma(total - x + 1) - total * std::log(2.0));
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum;
}

}  // namespace

Result<McNemarTest> mcnemar_counts(std::uint64_t only_a, std::uint64_t only_b, std::uint64_t cases) {
  if (cases == 0 || only_a > cases || only_b > cases - only_a)
    return Error{Code::invalid, "the discordant cases are more than the cases"};
  const auto n = static_cast<double>(cases);
  const double b = static_cast<double>(only_a), c = static_cast<double>(only_b);
  McNemarTest test{.only_a = only_a, .only_b = only_b, .difference = (b - c) / n, .interval = {}, .p_value = 1};
  const double half = kZ95 * std::sqrt(std::max(0.0, b + c - (b - c) * (b - c) / n)) / n;
  test.interval = {std::max(-1.0, test.difference - half), std::min(1.0, test.difference + half)};
  if (only_a + only_b > 0)
    test.p_value = std::min(1.0, 2 * lower_tail_of_half(std::min(only_a, only_b), only_a + only_b));
  return test;
}

Result<McNemarTest> mcnemar(std::span<const bool> right_a, std::span<const bool> right_b) {
  if (right_a.empty() || right_a.size() != right_b.size())
    return Error{Code::invalid, "the two methods need the same cases, one at least"};
  std::uint64_t only_a = 0, only_b = 0;
  for (std::size_t i = 0; i < right_a.size(); ++i) {
    only_a += right_a[i] && !right_b[i] ? 1U : 0U;
    only_b += right_b[i] && !right_a[i] ? 1U : 0U;
  }
  return mcnemar_counts(only_a, only_b, right_a.size());
}

Result<double> spearman(std::span<const double> a, std::span<const double> b) {
  if (a.size() < 2 || a.size() != b.size()) return Error{Code::invalid, "two values or more are needed on both sides"};
  const auto not_number = [](double v) { return std::isnan(v); };
  if (std::any_of(a.begin(), a.end(), not_number) || std::any_of(b.begin(), b.end(), not_number))
    return Error{Code::invalid, "a value is not a number"};
  const auto x = detail::midranks(a), y = detail::midranks(b);
  const double mean = 0.5 * (static_cast<double>(a.size()) + 1);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  if (xx == 0 || yy == 0) return Error{Code::invalid, "all values of one side are equal"};
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

}  // namespace aceso::stats
