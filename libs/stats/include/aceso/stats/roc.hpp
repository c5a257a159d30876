// Receiver operating characteristic: the curve, the area below it, its interval, and two areas on the same samples
// compared. Everywhere: one score and one label a sample, label 0 (negative) or 1 (positive); a higher score speaks for
// positive; tied scores count half. Errors: invalid for different lengths, other labels, NaN scores, or when one of the
// classes has no sample. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::stats {

struct RocPoint {
  double threshold;            // positive is score >= threshold; +infinity at the first point
  double false_positive_rate;  // 1 - specificity
  double true_positive_rate;   // sensitivity
};

// From (0, 0) to (1, 1), one point a distinct score, thresholds falling.
Result<std::vector<RocPoint>> roc_curve(std::span<const double> scores, std::span<const int> labels);

// Probability that a positive scores above a negative: the Mann-Whitney statistic divided by the number of pairs.
Result<double> auroc(std::span<const double> scores, std::span<const int> labels);

enum class AurocInterval : std::uint8_t { delong, newcombe };

struct AurocEstimate {
  double value;
  double variance;  // DeLong's
  Interval interval;
  AurocInterval method;
};

// Variance by DeLong, DeLong and Clarke-Pearson (Biometrics 44:837-845, 1988), computed in O(n log n) after Sun and Xu
// (IEEE Signal Processing Letters 21:1389-1393, 2014); interval value -+ z sd, cut to [0, 1]. That interval has no
// width when the classes are separated perfectly (variance 0): then the score interval of Newcombe (Statistics in
// Medicine 25:559-573, 2006, method 5) takes its place. invalid when a class has fewer than two samples.
Result<AurocEstimate> auroc_delong(std::span<const double> scores, std::span<const int> labels, double z = kZ95);

struct AurocComparison {
  double value_a;
  double value_b;
  double difference;  // a - b
  double variance;    // of the difference; the scores are paired
  Interval interval;  // of the difference, within [-1, 1]
  double z;           // 0 when both the difference and its variance are 0
  double p_value;     // two-sided
};
// Two scores of the same samples, the same paper. Same errors as auroc_delong.
Result<AurocComparison> compare_auroc(std::span<const double> scores_a, std::span<const double> scores_b,
                                      std::span<const int> labels, double z = kZ95);

// The threshold with the greatest sensitivity + specificity - 1 (Youden, Cancer 3:32-35, 1950); the highest such
// threshold.
Result<double> youden_threshold(std::span<const double> scores, std::span<const int> labels);

}  // namespace aceso::stats
