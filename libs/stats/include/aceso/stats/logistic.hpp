// Logistic regression: the trivial model that any other has to beat.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::stats {

struct LogisticOptions {
  double c = 1.0;  // inverse strength of the L2 penalty, as in scikit-learn; the intercept is not penalised
  int max_iterations = 300;
  double tolerance = 1e-5;  // on the largest component of the gradient, divided by the number of samples
};

// Two classes: one row of weights; more: softmax over one row a class.
struct LogisticModel {
  std::size_t features = 0, classes = 0;
  std::vector<double> weights;    // [rows][features]
  std::vector<double> intercept;  // [rows]
  bool converged = false;
  // Two classes: the probability of class 1 alone; more: one a class. `x` has `features` values.
  std::vector<double> predict(std::span<const float> x) const;
};

// Minimises 1/2 |w|^2 + c * sum of log losses by L-BFGS (Liu and Nocedal, Math Program 45:503-528, 1989), one thread,
// the same bits on every run. `x`: samples * features, row by row. Errors: invalid for sizes that do not fit, labels
// out of 0 .. classes - 1, fewer than two classes seen, values that are not finite. Thread-safe.
Result<LogisticModel> fit_logistic(std::span<const float> x, std::span<const int> labels, std::size_t classes,
                                   const LogisticOptions& options = {});

}  // namespace aceso::stats
