#include "aceso/stats/logistic.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

namespace aceso::stats {
namespace {

constexpr std::size_t kMemory = 10;  // pairs that L-BFGS keeps

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Parameters lie as [row][features], then the intercepts.
class Objective {
 public:
  Objective(std::span<const float> x, std::span<const int> labels, std::size_t classes, double c)
      : x_{x}, labels_{labels}, rows_{classes == 2 ? 1 : classes}, features_{x.size() / labels.size()}, c_{c} {}
  std::size_t rows() const { return rows_; }
  std::size_t features() const { return features_; }
  std::size_t size() const { return rows_ * (features_ + 1); }

  double operator()(std::span<const double> w, std::vector<double>& gradient) const {
    gradient.assign(size(), 0);
    double loss = 0;
    std::vector<double> z(rows_);
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      const float* row = x_.data() + i * features_;
      for (std::size_t k = 0; k < rows_; ++k) {
        double sum = w[rows_ * features_ + k];
        const double* wk = w.data() + k * features_;
        for (std::size_t f = 0; f < features_; ++f) sum += wk[f] * static_cast<double>(row[f]);
        z[k] = sum;
      }
      loss += errors_of(labels_[i], z);
      for (std::size_t k = 0; k < rows_; ++k) {
        double* gk = gradient.data() + k * features_;
        for (std::size_t f = 0; f < features_; ++f) gk[f] += c_ * z[k] * static_cast<double>(row[f]);
        gradient[rows_ * features_ + k] += c_ * z[k];
      }
    }
    loss *= c_;
    for (std::size_t j = 0; j < rows_ * features_; ++j) {
      loss += 0.5 * w[j] * w[j];
      gradient[j] += w[j];
    }
    return loss;
  }

 private:
  // Log loss of one sample; z becomes probability minus truth.
  double errors_of(int label, std::vector<double>& z) const {
    if (rows_ == 1) {
      const double margin = label == 1 ? z[0] : -z[0];
      const double loss = margin > 0 ? std::log1p(std::exp(-margin)) : std::log1p(std::exp(margin)) - margin;
      z[0] = 1 / (1 + std::exp(-z[0])) - label;
      return loss;
    }
    const double top = *std::max_element(z.begin(), z.end());
    double sum = 0;
    for (double& v : z) sum += v = std::exp(v - top);
    for (double& v : z) v /= sum;
    const auto truth = static_cast<std::size_t>(label);
    const double loss = -std::log(std::max(z[truth], 1e-300));
    z[truth] -= 1;
    return loss;
  }
  std::span<const float> x_;
  std::span<const int> labels_;
  std::size_t rows_, features_;
  double c_;
};

struct Pair {
  std::vector<double> s, y;
  double rho;
};

// Two-loop recursion: minus the inverse Hessian's guess times the gradient.
std::vector<double> direction(const std::deque<Pair>& pairs, const std::vector<double>& gradient) {
  std::vector<double> d(gradient.size());
  std::transform(gradient.begin(), gradient.end(), d.begin(), [](double g) { return -g; });
  std::vector<double> alpha(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].rho * dot(pairs[i].s, d);
    for (std::size_t j = 0; j < d.size(); ++j) d[j] -= alpha[i] * pairs[i].y[j];
  }
  if (!pairs.empty()) {
    const double scale = 1 / (pairs.back().rho * dot(pairs.back().y, pairs.back().y));
    for (double& v : d) v *= scale;
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const double beta = pairs[i].rho * dot(pairs[i].y, d);
    for (std::size_t j = 0; j < d.size(); ++j) d[j] += (alpha[i] - beta) * pairs[i].s[j];
  }
  return d;
}

Status check(std::span<const float> x, std::span<const int> labels, std::size_t classes,
             const LogisticOptions& options) {
  if (labels.empty() || x.empty() || x.size() % labels.size() != 0)
    return Error{Code::invalid, "the features do not fill the samples"};
  if (classes < 2 || !(options.c > 0)) return Error{Code::invalid, "two classes or more and a positive c are needed"};
  std::vector<bool> seen(classes, false);
  for (const int label : labels) {
    if (label < 0 || static_cast<std::size_t>(label) >= classes) return Error{Code::invalid, "a label is out of range"};
    seen[static_cast<std::size_t>(label)] = true;
  }
  if (std::count(seen.begin(), seen.end(), true) < 2) return Error{Code::invalid, "there is one class only"};
  if (!std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); }))
    return Error{Code::invalid, "a feature is not finite"};
  return {};
}

}  // namespace

std::vector<double> LogisticModel::predict(std::span<const float> x) const {
  std::vector<double> z(intercept);
  for (std::size_t k = 0; k < z.size(); ++k) {
    for (std::size_t f = 0; f < features; ++f) z[k] += weights[k * features + f] * static_cast<double>(x[f]);
  }
  if (z.size() == 1) return {1 / (1 + std::exp(-z[0]))};
  const double top = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (double& v : z) sum += v = std::exp(v - top);
  for (double& v : z) v /= sum;
  return z;
}

Result<LogisticModel> fit_logistic(std::span<const float> x, std::span<const int> labels, std::size_t classes,
                                   const LogisticOptions& options) {
  ACESO_TRY_OK(check(x, labels, classes, options));
  const Objective objective{x, labels, classes, options.c};
  std::vector<double> w(objective.size(), 0), gradient, next(w), next_gradient;
  double value = objective(w, gradient);
  std::deque<Pair> pairs;
  const double enough = options.tolerance * options.c * static_cast<double>(labels.size());
  const auto largest = [](const std::vector<double>& g) {
    double top = 0;
    for (const double v : g) top = std::max(top, std::abs(v));
    return top;
  };
  bool converged = largest(gradient) <= enough;
  for (int iteration = 0; iteration < options.max_iterations && !converged; ++iteration) {
    std::vector<double> d = direction(pairs, gradient);
    double slope = dot(d, gradient);
    if (slope >= 0) {  // the guess went wrong: plain descent
      pairs.clear();
      d = direction(pairs, gradient);
      slope = dot(d, gradient);
    }
    double step = pairs.empty() ? std::min(1.0, 1 / std::sqrt(-slope)) : 1.0, next_value = value;
    bool moved = false;
    for (int halvings = 0; halvings < 40 && !moved; ++halvings, step *= 0.5) {
      for (std::size_t j = 0; j < w.size(); ++j) next[j] = w[j] + step * d[j];
      next_value = objective(next, next_gradient);
      moved = next_value <= value + 1e-4 * step * slope;
    }
    if (!moved) break;
    Pair pair{std::vector<double>(w.size()), std::vector<double>(w.size()), 0};
    for (std::size_t j = 0; j < w.size(); ++j) {
      pair.s[j] = next[j] - w[j];
      pair.y[j] = next_gradient[j] - gradient[j];
    }
    if (const double sy = dot(pair.s, pair.y); sy > 1e-12) {
      pair.rho = 1 / sy;
      pairs.push_back(std::move(pair));
      if (pairs.size() > kMemory) pairs.pop_front();
    }
    w.swap(next);
    gradient.swap(next_gradient);
    value = next_value;
    converged = largest(gradient) <= enough;
  }
  const auto split = w.begin() + static_cast<std::ptrdiff_t>(objective.rows() * objective.features());
  return LogisticModel{.features = objective.features(),
                       .classes = classes,
                       .weights = {w.begin(), split},
                       .intercept = {split, w.end()},
                       .converged = converged};
}

}  // namespace aceso::stats
