// Ridge regression by the normal equations, in the space of features or, where there are fewer, of samples.
#include <algorithm>
#include <cmath>

#include "aceso/stats/regression.hpp"

namespace aceso::stats {
namespace {

constexpr std::size_t kMaxSide = 8192;

// Lower triangle, row by row.
struct Square {
  std::size_t n = 0;
  std::vector<double> values;
  double& at(std::size_t i, std::size_t j) { return values[i * n + j]; }
  double at(std::size_t i, std::size_t j) const { return values[i * n + j]; }
};

// Four sums at once, always in the same order.
double dot(const double* a, const double* b, std::size_t n) {
  double sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    sum0 += a[i] * b[i];
    sum1 += a[i + 1] * b[i + 1];
    sum2 += a[i + 2] * b[i + 2];
    sum3 += a[i + 3] * b[i + 3];
  }
  for (; i < n; ++i) sum0 += a[i] * b[i];
  return (sum0 + sum1) + (sum2 + sum3);
}

// a = l l', in place; false when a is not positive definite.
bool cholesky(Square& a) {
  for (std::size_t i = 0; i < a.n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double rest = a.at(i, j) - dot(&a.values[i * a.n], &a.values[j * a.n], j);
      if (i != j) {
        a.at(i, j) = rest / a.at(j, j);
      } else if (rest > 0) {
        a.at(i, i) = std::sqrt(rest);
      } else {
        return false;
      }
    }
  }
  return true;
}

std::vector<double> solve(const Square& l, std::vector<double> b) {
  for (std::size_t i = 0; i < l.n; ++i) b[i] = (b[i] - dot(&l.values[i * l.n], b.data(), i)) / l.at(i, i);
  for (std::size_t i = l.n; i-- > 0;) {
    for (std::size_t k = i + 1; k < l.n; ++k) b[i] -= l.at(k, i) * b[k];
    b[i] /= l.at(i, i);
  }
  return b;
}

// Centred rows of `outer` vectors of `inner` values, and their products with each other.
Square products(const std::vector<double>& rows, std::size_t outer, std::size_t inner) {
  Square out{outer, std::vector<double>(outer * outer, 0)};
  for (std::size_t i = 0; i < outer; ++i) {
    for (std::size_t j = 0; j <= i; ++j) out.at(i, j) = dot(&rows[i * inner], &rows[j * inner], inner);
  }
  return out;
}

}  // namespace

double RidgeModel::predict(std::span<const float> x) const {
  double sum = intercept;
  for (std::size_t f = 0; f < weights.size() && f < x.size(); ++f) sum += weights[f] * static_cast<double>(x[f]);
  return sum;
}

Result<std::vector<RidgeModel>> fit_ridge(std::span<const float> x, std::span<const double> y,
                                          std::span<const double> penalties) {
  const std::size_t n = y.size();
  if (n == 0 || x.empty() || x.size() % n != 0) return Error{Code::invalid, "samples and features do not fit"};
  const std::size_t width = x.size() / n;
  if (std::min(n, width) > kMaxSide)
    return Error{Code::exhausted, "too many samples and features for ridge regression"};
  const bool finite = std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); }) &&
                      std::all_of(y.begin(), y.end(), [](double v) { return std::isfinite(v); });
  if (!finite) return Error{Code::invalid, "a value is not finite"};
  if (!std::all_of(penalties.begin(), penalties.end(), [](double p) { return p > 0 && std::isfinite(p); }))
    return Error{Code::invalid, "penalties are above 0"};
  const bool by_samples = n < width;
  std::vector<double> mean(width, 0);
  for (std::size_t i = 0; i < x.size(); ++i) mean[i % width] += static_cast<double>(x[i]) / static_cast<double>(n);
  double mean_y = 0;
  for (const double v : y) mean_y += v / static_cast<double>(n);
  std::vector<double> rows(x.size());  // samples by features, or turned
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t f = 0; f < width; ++f)
      rows[by_samples ? i * width + f : f * n + i] = static_cast<double>(x[i * width + f]) - mean[f];
  }
  std::vector<double> centred(n);
  for (std::size_t i = 0; i < n; ++i) centred[i] = y[i] - mean_y;
  const std::size_t side = by_samples ? n : width;
  const Square gram = products(rows, side, by_samples ? width : n);
  std::vector<double> right = centred;
  if (!by_samples) {
    right.assign(width, 0);
    for (std::size_t f = 0; f < width; ++f) right[f] = dot(&rows[f * n], centred.data(), n);
  }
  std::vector<RidgeModel> models;
  for (const double penalty : penalties) {
    Square a = gram;
    for (std::size_t i = 0; i < side; ++i) a.at(i, i) += penalty;
    if (!cholesky(a)) return Error{Code::invalid, "the features depend on each other: a larger penalty is needed"};
    RidgeModel model;
    model.weights = solve(a, right);
    if (by_samples) {
      const std::vector<double> alpha = std::move(model.weights);
      model.weights.assign(width, 0);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t f = 0; f < width; ++f) model.weights[f] += alpha[i] * rows[i * width + f];
      }
    }
    model.intercept = mean_y - dot(model.weights.data(), mean.data(), width);
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace aceso::stats
