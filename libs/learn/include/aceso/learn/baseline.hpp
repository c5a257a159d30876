// The trivial baseline: logistic regression (of numbers ridge regression) on few pixels, or the values of a signal or
// table. A network that does not beat it adds nothing.
#pragma once

#include <stop_token>

#include "aceso/learn/evaluate.hpp"

namespace aceso::learn {

class Baseline {
 public:
  // Fitted on the train split: images grey and at most 28 pixels a side, at most 5000 samples (of numbers 2000) evenly
  // picked; the penalty is chosen on validation among four by AUROC (without validation: 1), of numbers among seven by
  // RMSE. unsupported when the samples cannot be made a short row of numbers; cancelled. Deterministic.
  static Result<Baseline> fit(const Dataset& dataset, const ModelSignature& signature, const std::stop_token& stop);
  ~Baseline();
  Baseline(Baseline&&) noexcept;
  Baseline& operator=(Baseline&&) noexcept;

  // Any dataset with the same classes and kind of samples.
  Result<BaselineAnswer> answer(const Dataset& dataset, Split split) const;

 private:
  struct Impl;
  explicit Baseline(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::learn
