// Checks and orderings that the curves share.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::stats::detail {

struct ClassCounts {
  std::size_t positives = 0;
  std::size_t negatives = 0;
};
// Errors: invalid for different lengths, labels other than 0 and 1, NaN scores.
Result<ClassCounts> check(std::span<const double> scores, std::span<const int> labels);
// The same, and invalid when a class has fewer than `least` samples.
Result<ClassCounts> check_both(std::span<const double> scores, std::span<const int> labels, std::size_t least = 1);

// Samples with one score: the counts at and above it.
struct Step {
  double score;
  std::size_t true_positives;
  std::size_t false_positives;
};
// Distinct scores, falling. The input is checked.
std::vector<Step> steps(std::span<const double> scores, std::span<const int> labels);

}  // namespace aceso::stats::detail
