#include "aceso/stats/confusion.hpp"

#include <cmath>
#include <cstddef>
#include <utility>

#include "aceso/base/assert.hpp"
#include "scored.hpp"

namespace aceso::stats {
namespace {

constexpr int kMostClasses = 4096;

std::optional<Proportion> proportion(std::uint64_t successes, std::uint64_t trials) {
  const auto interval = wilson_interval(successes, trials);
  if (!interval) return std::nullopt;
  return Proportion{static_cast<double>(successes) / static_cast<double>(trials), *interval, successes, trials};
}

}  // namespace

std::optional<Proportion> BinaryCounts::sensitivity() const {
  return proportion(true_positives, true_positives + false_negatives);
}
std::optional<Proportion> BinaryCounts::specificity() const {
  return proportion(true_negatives, true_negatives + false_positives);
}
std::optional<Proportion> BinaryCounts::ppv() const {
  return proportion(true_positives, true_positives + false_positives);
}
std::optional<Proportion> BinaryCounts::npv() const {
  return proportion(true_negatives, true_negatives + false_negatives);
}
std::optional<Proportion> BinaryCounts::accuracy() const {
  return proportion(true_positives + true_negatives,
                    true_positives + true_negatives + false_positives + false_negatives);
}

std::optional<double> BinaryCounts::f1() const {
  const auto hits = 2 * static_cast<double>(true_positives);
  const auto all = hits + static_cast<double>(false_positives) + static_cast<double>(false_negatives);
  if (all == 0) return std::nullopt;
  return hits / all;
}

std::optional<double> BinaryCounts::balanced_accuracy() const {
  const auto of_positives = sensitivity();
  const auto of_negatives = specificity();
  if (!of_positives || !of_negatives) return std::nullopt;
  return 0.5 * (of_positives->value + of_negatives->value);
}

std::optional<double> BinaryCounts::mcc() const {
  const auto tp = static_cast<double>(true_positives);
  const auto fp = static_cast<double>(false_positives);
  const auto tn = static_cast<double>(true_negatives);
  const auto fn = static_cast<double>(false_negatives);
  const double scale = std::sqrt(tp + fp) * std::sqrt(tp + fn) * std::sqrt(tn + fp) * std::sqrt(tn + fn);
  if (scale == 0) return std::nullopt;
  return (tp * tn - fp * fn) / scale;
}

Result<BinaryCounts> binary_counts(std::span<const double> scores, std::span<const int> labels, double threshold) {
  ACESO_TRY_OK(detail::check(scores, labels));
  if (std::isnan(threshold)) return Error{Code::invalid, "the threshold is not a number"};
  BinaryCounts counts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool called = scores[i] >= threshold;
    if (labels[i] == 1) {
      ++(called ? counts.true_positives : counts.false_negatives);
    } else {
      ++(called ? counts.false_positives : counts.true_negatives);
    }
  }
  return counts;
}

Result<ConfusionMatrix> ConfusionMatrix::create(std::span<const int> truth, std::span<const int> decided, int classes) {
  if (truth.size() != decided.size()) return Error{Code::invalid, "truth and decisions differ in number"};
  if (classes < 2 || classes > kMostClasses) return Error{Code::invalid, "a confusion matrix has 2 to 4096 classes"};
  const auto side = static_cast<std::size_t>(classes);
  std::vector<std::uint64_t> counts(side * side);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] < 0 || truth[i] >= classes || decided[i] < 0 || decided[i] >= classes) {
      return Error{Code::invalid, "a class is out of range"};
    }
    ++counts[static_cast<std::size_t>(truth[i]) * side + static_cast<std::size_t>(decided[i])];
  }
  return ConfusionMatrix{classes, std::move(counts)};
}

std::uint64_t ConfusionMatrix::at(int truth, int decided) const {
  ACESO_ASSERT(truth >= 0 && truth < classes_ && decided >= 0 && decided < classes_, "class out of range");
  return counts_[static_cast<std::size_t>(truth) * static_cast<std::size_t>(classes_) +
                 static_cast<std::size_t>(decided)];
}

BinaryCounts ConfusionMatrix::one_against_rest(int cls) const {
  ACESO_ASSERT(cls >= 0 && cls < classes_, "class out of range");
  BinaryCounts counts;
  for (int truth = 0; truth < classes_; ++truth) {
    for (int decided = 0; decided < classes_; ++decided) {
      const std::uint64_t n = at(truth, decided);
      if (truth == cls) {
        (decided == cls ? counts.true_positives : counts.false_negatives) += n;
      } else {
        (decided == cls ? counts.false_positives : counts.true_negatives) += n;
      }
    }
  }
  return counts;
}

std::optional<Proportion> ConfusionMatrix::accuracy() const {
  std::uint64_t right = 0;
  std::uint64_t all = 0;
  for (int cls = 0; cls < classes_; ++cls) right += at(cls, cls);
  for (const std::uint64_t n : counts_) all += n;
  return proportion(right, all);
}

}  // namespace aceso::stats
