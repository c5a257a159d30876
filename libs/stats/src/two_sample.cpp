#include "aceso/stats/two_sample.hpp"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

namespace aceso::stats {
namespace {

Result<std::vector<double>> in_order(std::span<const double> values) {
  if (values.empty()) return Error{Code::invalid, "a sample is empty"};
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }))
    return Error{Code::invalid, "a value is not a number"};
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// Calls visit(from, to, difference) for each interval between neighbouring values, with the difference of the two
// distribution functions on it, and once more with the last value and infinity.
template <class Visit>
void along(const std::vector<double>& a, const std::vector<double>& b, const Visit& visit) {
  const auto size_a = static_cast<double>(a.size()), size_b = static_cast<double>(b.size());
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const double here = j == b.size() || (i < a.size() && a[i] <= b[j]) ? a[i] : b[j];
    while (i < a.size() && a[i] <= here) ++i;
    while (j < b.size() && b[j] <= here) ++j;
    double next = std::numeric_limits<double>::infinity();
    if (i < a.size()) next = a[i];
    if (j < b.size()) next = std::min(next, b[j]);
    visit(here, next, static_cast<double>(i) / size_a - static_cast<double>(j) / size_b);
  }
}

// 1 - K(x) of Kolmogorov's distribution.
double kolmogorov_tail(double x) {
  if (x < 0.2) return 1;  // 1 - 5e-13 at 0.2
  double sum = 0, sign = 1;
  for (int k = 1; k <= 100; ++k) {
    const double term = std::exp(-2.0 * k * k * x * x);
    sum += sign * term;
    if (term < 1e-17) break;
    sign = -sign;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

std::uint64_t total_of(std::span<const std::uint64_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

Status fitting(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  if (a.size() != b.size()) return Error{Code::invalid, "the two rows need the same categories"};
  if (total_of(a) == 0 || total_of(b) == 0) return Error{Code::invalid, "a sample is empty"};
  return {};
}

double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

}  // namespace

Result<KolmogorovSmirnov> kolmogorov_smirnov(std::span<const double> a, std::span<const double> b) {
  ACESO_TRY(const std::vector<double> x, in_order(a));
  ACESO_TRY(const std::vector<double> y, in_order(b));
  double distance = 0;
  along(x, y, [&](double, double, double difference) { distance = std::max(distance, std::abs(difference)); });
  const auto m = static_cast<double>(x.size()), n = static_cast<double>(y.size());
  const double root = std::sqrt(m * n / (m + n));
  return KolmogorovSmirnov{.distance = distance, .p_value = kolmogorov_tail((root + 0.12 + 0.11 / root) * distance)};
}

Result<double> wasserstein_distance(std::span<const double> a, std::span<const double> b) {
  ACESO_TRY(const std::vector<double> x, in_order(a));
  ACESO_TRY(const std::vector<double> y, in_order(b));
  double area = 0;
  along(x, y, [&](double from, double to, double difference) {
    if (difference != 0) area += std::abs(difference) * (to - from);  // it is 0 after the last value
  });
  return area;
}

double chi_square_tail(double x, double degrees_of_freedom) noexcept {
  if (!(x >= 0) || !(degrees_of_freedom > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(x)) return 0;
  using namespace boost::math::policies;
  using Quiet = policy<domain_error<ignore_error>, pole_error<ignore_error>, overflow_error<ignore_error>,
                       underflow_error<ignore_error>, evaluation_error<ignore_error>>;
  return boost::math::gamma_q(degrees_of_freedom / 2, x / 2, Quiet{});
}

Result<ChiSquare> chi_square(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  ACESO_TRY_OK(fitting(a, b));
  const auto row_a = static_cast<double>(total_of(a)), row_b = static_cast<double>(total_of(b));
  const double smaller = std::min(row_a, row_b) / (row_a + row_b);
  struct Cell {
    double a = 0, b = 0;
  };
  std::vector<Cell> cells;
  Cell rare;
  const auto expected = [&](const Cell& c) { return (c.a + c.b) * smaller; };
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Cell cell{static_cast<double>(a[i]), static_cast<double>(b[i])};
    if (expected(cell) >= 5) {
      cells.push_back(cell);
    } else {
      rare.a += cell.a;
      rare.b += cell.b;
    }
  }
  if (expected(rare) >= 5 || (cells.empty() && rare.a + rare.b > 0)) {
    cells.push_back(rare);
  } else if (rare.a + rare.b > 0) {  // too few even together: they go to the smallest
    auto least = std::min_element(cells.begin(), cells.end(),
                                  [](const Cell& x, const Cell& y) { return x.a + x.b < y.a + y.b; });
    least->a += rare.a;
    least->b += rare.b;
  }
  ChiSquare test{.statistic = 0, .degrees_of_freedom = cells.size() - 1, .p_value = 1};
  if (cells.size() < 2) return test;
  for (const Cell& c : cells) {
    const double share = (c.a + c.b) / (row_a + row_b);
    test.statistic += (c.a - share * row_a) * (c.a - share * row_a) / (share * row_a) +
                      (c.b - share * row_b) * (c.b - share * row_b) / (share * row_b);
  }
  test.p_value = chi_square_tail(test.statistic, static_cast<double>(test.degrees_of_freedom));
  return test;
}

Result<double> fisher_exact(std::uint64_t hits_a, std::uint64_t cases_a, std::uint64_t hits_b, std::uint64_t cases_b) {
  if (cases_a == 0 || cases_b == 0) return Error{Code::invalid, "a sample is empty"};
  if (hits_a > cases_a || hits_b > cases_b) return Error{Code::invalid, "more hits than cases"};
  const auto a = static_cast<double>(cases_a), b = static_cast<double>(cases_b);
  const double hits = static_cast<double>(hits_a) + static_cast<double>(hits_b);
  const double all = log_choose(a + b, hits);
  const auto log_likelihood = [&](double k) { return log_choose(a, k) + log_choose(b, hits - k) - all; };
  const double seen = log_likelihood(static_cast<double>(hits_a));
  double sum = 0;
  for (double k = std::max(0.0, hits - b); k <= std::min(a, hits); ++k) {
    const double here = log_likelihood(k);
    if (here <= seen + 1e-7) sum += std::exp(here);  // equally likely tables differ by rounding
  }
  return std::min(1.0, sum);
}

Result<double> jensen_shannon_distance(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  ACESO_TRY_OK(fitting(a, b));
  const auto row_a = static_cast<double>(total_of(a)), row_b = static_cast<double>(total_of(b));
  double divergence = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double p = static_cast<double>(a[i]) / row_a, q = static_cast<double>(b[i]) / row_b, middle = (p + q) / 2;
    if (p > 0) divergence += 0.5 * p * std::log2(p / middle);
    if (q > 0) divergence += 0.5 * q * std::log2(q / middle);
  }
  return std::sqrt(std::clamp(divergence, 0.0, 1.0));
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<double> adjusted(p_values.begin(), p_values.end());
  std::vector<std::size_t> order;
  order.reserve(p_values.size());
  for (std::size_t i = 0; i < p_values.size(); ++i) {
    if (!std::isnan(p_values[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return p_values[x] < p_values[y]; });
  double floor = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    floor = std::max(floor, std::min(1.0, p_values[order[rank]] * static_cast<double>(order.size() - rank)));
    adjusted[order[rank]] = floor;
  }
  return adjusted;
}

}  // namespace aceso::stats
