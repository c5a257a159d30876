// Probabilistic principal components by subspace iteration.
#include <algorithm>
#include <cmath>

#include "aceso/base/random.hpp"
#include "aceso/learn/applicability.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMostComponents = 24;
constexpr std::size_t kMinRows = 20;
constexpr std::size_t kMinValidationRows = 100;  // fewer have no conformal 99 % quantile
constexpr int kIterations = 12;

using Matrix = std::vector<double>;

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Modified Gram-Schmidt over the rows; a row that vanishes becomes 0.
void orthonormalise(Matrix& basis, std::size_t count, std::size_t width) {
  for (std::size_t k = 0; k < count; ++k) {
    double* row = basis.data() + k * width;
    for (int twice = 0; twice < 2; ++twice) {
      for (std::size_t j = 0; j < k; ++j) {
        const double* other = basis.data() + j * width;
        const double along = dot(row, other, width);
        for (std::size_t i = 0; i < width; ++i) row[i] -= along * other[i];
      }
    }
    const double norm = std::sqrt(dot(row, row, width));
    for (std::size_t i = 0; i < width; ++i) row[i] = norm > 1e-12 ? row[i] / norm : 0;
  }
}

Result<std::pair<double, double>> median_and_q99(std::vector<double> distances) {
  ACESO_TRY(const double median, stats::conformal_quantile(distances, 0.5));
  ACESO_TRY(const double q99, stats::conformal_quantile(distances, 0.99));
  return std::pair{median, q99};
}

}  // namespace

double Gaussian::distance(std::span<const double> row) const {
  const std::size_t width = mean.size();
  Matrix centred(width);
  for (std::size_t i = 0; i < width; ++i) centred[i] = row[i] - mean[i];
  double sum = 0, rest = dot(centred.data(), centred.data(), width);
  for (std::size_t k = 0; k < variances.size(); ++k) {
    const double along = dot(components.data() + k * width, centred.data(), width);
    sum += along * along / variances[k];
    rest -= along * along;
  }
  return sum + std::max(0.0, rest) / noise;
}

Result<Gaussian> fit_gaussian(std::span<const float> train, std::span<const float> validation, std::size_t width) {
  if (width == 0 || train.size() % width != 0 || validation.size() % width != 0)
    return Error{Code::invalid, "the rows do not have that width"};
  const std::size_t n = train.size() / width, m = validation.size() / width;
  if (n < kMinRows || m < kMinValidationRows)
    return Error{Code::invalid, "20 training rows and 100 validation rows or more are needed"};
  Gaussian g;
  g.mean.assign(width, 0);
  for (std::size_t i = 0; i < train.size(); ++i) g.mean[i % width] += static_cast<double>(train[i]);
  for (double& v : g.mean) v /= static_cast<double>(n);
  Matrix x(train.size());
  double total = 0;
  for (std::size_t i = 0; i < train.size(); ++i) {
    x[i] = static_cast<double>(train[i]) - g.mean[i % width];
    total += x[i] * x[i];
  }
  total /= static_cast<double>(n - 1);
  if (!std::isfinite(total) || !(total > 0)) return Error{Code::invalid, "the rows do not vary"};
  const std::size_t count = std::min({kMostComponents, width > 1 ? width - 1 : 1, n / 4});
  const Philox philox{17};
  g.components.resize(count * width);
  for (std::size_t i = 0; i < g.components.size(); ++i) g.components[i] = philox.normal(0, i);
  orthonormalise(g.components, count, width);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    Matrix next(count * width, 0);
    for (std::size_t r = 0; r < n; ++r) {
      const double* row = x.data() + r * width;
      for (std::size_t k = 0; k < count; ++k) {
        const double along = dot(row, g.components.data() + k * width, width);
        double* to = next.data() + k * width;
        for (std::size_t i = 0; i < width; ++i) to[i] += along * row[i];
      }
    }
    g.components = std::move(next);
    orthonormalise(g.components, count, width);
  }
  double kept = 0;
  const double floor = 1e-6 * total / static_cast<double>(width);
  for (std::size_t k = 0; k < count; ++k) {
    double variance = 0;
    for (std::size_t r = 0; r < n; ++r) {
      const double along = dot(x.data() + r * width, g.components.data() + k * width, width);
      variance += along * along;
    }
    variance /= static_cast<double>(n - 1);
    kept += variance;
    g.variances.push_back(std::max(variance, floor));
  }
  g.noise = std::max((total - kept) / static_cast<double>(std::max<std::size_t>(width - count, 1)), floor);
  std::vector<double> distances;
  Matrix row(width);
  for (std::size_t r = 0; r < m; ++r) {
    for (std::size_t i = 0; i < width; ++i) row[i] = static_cast<double>(validation[r * width + i]);
    distances.push_back(g.distance(row));
  }
  ACESO_TRY(const auto quantiles, median_and_q99(std::move(distances)));
  g.unusual = quantiles.second;
  g.outside = quantiles.second + 2 * (quantiles.second - quantiles.first);
  if (!std::isfinite(g.outside)) return Error{Code::invalid, "the distances are not finite"};
  return g;
}

}  // namespace aceso::learn
