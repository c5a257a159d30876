// Counts of right and wrong decisions, and the proportions made of them with their Wilson intervals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

struct Proportion {
  double value;
  Interval interval;  // Wilson, 95 %
  std::uint64_t successes;
  std::uint64_t trials;
};

struct BinaryCounts {
  std::uint64_t true_positives = 0;
  std::uint64_t false_positives = 0;
  std::uint64_t true_negatives = 0;
  std::uint64_t false_negatives = 0;

  // nullopt where the denominator is 0: a figure that does not exist is not shown as 0 or 1.
  std::optional<Proportion> sensitivity() const;  // of the positives, found
  std::optional<Proportion> specificity() const;  // of the negatives, left alone
  std::optional<Proportion> ppv() const;          // of those called positive, right; depends on the prevalence
  std::optional<Proportion> npv() const;          // of those called negative, right; depends on the prevalence
  std::optional<Proportion> accuracy() const;
  std::optional<double> f1() const;                 // harmonic mean of sensitivity and PPV
  std::optional<double> balanced_accuracy() const;  // mean of sensitivity and specificity
  std::optional<double> mcc() const;                // Matthews correlation (BBA 405:442-451, 1975), [-1, 1]
};

// Positive is score >= threshold. Errors: invalid for different lengths, labels other than 0 and 1, NaN. Thread-safe.
Result<BinaryCounts> binary_counts(std::span<const double> scores, std::span<const int> labels, double threshold);

// Rows are the truth, columns the decision. Reading is thread-safe.
class ConfusionMatrix {
 public:
  // Classes 0 .. classes - 1, at most 4096. Errors: invalid for different lengths or classes out of range.
  static Result<ConfusionMatrix> create(std::span<const int> truth, std::span<const int> decided, int classes);
  int classes() const noexcept { return classes_; }
  std::uint64_t at(int truth, int decided) const;  // asserts the range
  BinaryCounts one_against_rest(int cls) const;    // asserts the range
  std::optional<Proportion> accuracy() const;

 private:
  ConfusionMatrix(int classes, std::vector<std::uint64_t> counts) : classes_{classes}, counts_{std::move(counts)} {}
  int classes_;
  std::vector<std::uint64_t> counts_;
};

}  // namespace aceso::stats
