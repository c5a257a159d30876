#include "scored.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aceso::stats::detail {

Result<ClassCounts> check(std::span<const double> scores, std::span<const int> labels) {
  if (scores.size() != labels.size()) return Error{Code::invalid, "scores and labels differ in number"};
  ClassCounts counts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != 0 && labels[i] != 1) return Error{Code::invalid, "a label is neither 0 nor 1"};
    if (std::isnan(scores[i])) return Error{Code::invalid, "a score is not a number"};
    ++(labels[i] == 1 ? counts.positives : counts.negatives);
  }
  return counts;
}

Result<ClassCounts> check_both(std::span<const double> scores, std::span<const int> labels, std::size_t least) {
  ACESO_TRY(const ClassCounts counts, check(scores, labels));
  if (counts.positives < least) return Error{Code::invalid, "too few positive samples"};
  if (counts.negatives < least) return Error{Code::invalid, "too few negative samples"};
  return counts;
}

std::vector<Step> steps(std::span<const double> scores, std::span<const int> labels) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  std::vector<Step> result;
  std::size_t true_positives = 0;
  std::size_t false_positives = 0;
  for (const std::size_t i : order) {
    ++(labels[i] == 1 ? true_positives : false_positives);
    if (result.empty() || result.back().score != scores[i]) result.push_back({scores[i], 0, 0});
    result.back().true_positives = true_positives;
    result.back().false_positives = false_positives;
  }
  return result;
}

}  // namespace aceso::stats::detail
