#include "aceso/stats/roc.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "ranks.hpp"
#include "scored.hpp"

namespace aceso::stats {
namespace {

// Below the least variance of areas that differ in one pair of 10^7 by 10^7 samples, above rounding.
constexpr double kNoVariance = 1e-30;

// Placement values: for each positive the share of negatives it scores above, for each negative the share of positives
// that score above it. Their mean is the area, their spread its variance (Sun and Xu 2014, equations 5 to 8).
struct Placements {
  double area = 0;
  std::vector<double> positives;
  std::vector<double> negatives;
};

Placements placements(std::span<const double> scores, std::span<const int> labels) {
  std::vector<double> positive;
  std::vector<double> negative;
  for (std::size_t i = 0; i < labels.size(); ++i) (labels[i] == 1 ? positive : negative).push_back(scores[i]);
  std::vector<double> all = positive;
  all.insert(all.end(), negative.begin(), negative.end());
  const auto ranks = detail::midranks(all);
  const auto positive_ranks = detail::midranks(positive);
  const auto negative_ranks = detail::midranks(negative);
  const auto m = static_cast<double>(positive.size());
  const auto n = static_cast<double>(negative.size());
  Placements result;
  for (std::size_t i = 0; i < positive.size(); ++i) {
    result.positives.push_back((ranks[i] - positive_ranks[i]) / n);
    result.area += result.positives.back();
  }
  for (std::size_t i = 0; i < negative.size(); ++i) {
    result.negatives.push_back(1 - (ranks[positive.size() + i] - negative_ranks[i]) / m);
  }
  result.area /= m;
  return result;
}

// Sample covariance around a mean that both know, divided by the number: the part of one class in a covariance of
// areas.
double covariance_part(std::span<const double> a, double mean_a, std::span<const double> b, double mean_b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  const auto n = static_cast<double>(a.size());
  return sum / (n - 1) / n;
}

double covariance(const Placements& a, const Placements& b) {
  return covariance_part(a.positives, a.area, b.positives, b.area) +
         covariance_part(a.negatives, a.area, b.negatives, b.area);
}

// Half the width at which a true area `area` would just reach the estimate.
double newcombe_sd(double area, double positives, double negatives) {
  const double more = 0.5 * (positives + negatives) - 1;
  return std::sqrt(area * (1 - area) * (1 + more * (1 - area) / (2 - area) + more * area / (1 + area)) /
                   (positives * negatives));
}

Interval newcombe_interval(double value, double positives, double negatives, double z) {
  const auto bound = [&](double outer) {  // between the estimate and `outer`, where |value - area| = z sd(area)
    double inside = value;
    double outside = outer;
    for (int step = 0; step < 100; ++step) {
      const double middle = 0.5 * (inside + outside);
      (std::abs(value - middle) <= z * newcombe_sd(middle, positives, negatives) ? inside : outside) = middle;
    }
    return inside;
  };
  return {value > 0 ? bound(0) : 0, value < 1 ? bound(1) : 1};
}

}  // namespace

Result<std::vector<RocPoint>> roc_curve(std::span<const double> scores, std::span<const int> labels) {
  ACESO_TRY(const auto counts, detail::check_both(scores, labels));
  std::vector<RocPoint> points{{std::numeric_limits<double>::infinity(), 0, 0}};
  for (const detail::Step& step : detail::steps(scores, labels)) {
    points.push_back({step.score, static_cast<double>(step.false_positives) / static_cast<double>(counts.negatives),
                      static_cast<double>(step.true_positives) / static_cast<double>(counts.positives)});
  }
  return points;
}

Result<double> auroc(std::span<const double> scores, std::span<const int> labels) {
  ACESO_TRY(const auto counts, detail::check_both(scores, labels));
  const auto ranks = detail::midranks(scores);
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) sum += labels[i] == 1 ? ranks[i] : 0;
  const auto m = static_cast<double>(counts.positives);
  const auto n = static_cast<double>(counts.negatives);
  return (sum - m * (m + 1) / 2) / (m * n);
}

Result<AurocEstimate> auroc_delong(std::span<const double> scores, std::span<const int> labels, double z) {
  ACESO_TRY(const auto counts, detail::check_both(scores, labels, 2));
  if (!(z > 0)) return Error{Code::invalid, "an interval needs z > 0"};
  const Placements p = placements(scores, labels);
  const double variance = covariance(p, p);
  if (variance < kNoVariance) {
    const auto interval =
        newcombe_interval(p.area, static_cast<double>(counts.positives), static_cast<double>(counts.negatives), z);
    return AurocEstimate{p.area, 0, interval, AurocInterval::newcombe};
  }
  const double half = z * std::sqrt(variance);
  return AurocEstimate{
      p.area, variance, {std::max(0.0, p.area - half), std::min(1.0, p.area + half)}, AurocInterval::delong};
}

Result<AurocComparison> compare_auroc(std::span<const double> scores_a, std::span<const double> scores_b,
                                      std::span<const int> labels, double z) {
  ACESO_TRY_OK(detail::check_both(scores_a, labels, 2));
  ACESO_TRY_OK(detail::check_both(scores_b, labels, 2));
  if (!(z > 0)) return Error{Code::invalid, "an interval needs z > 0"};
  const Placements a = placements(scores_a, labels);
  const Placements b = placements(scores_b, labels);
  const double difference = a.area - b.area;
  const double variance = std::max(0.0, covariance(a, a) + covariance(b, b) - 2 * covariance(a, b));
  const double sd = std::sqrt(variance);
  const double statistic = difference == 0 ? 0 : difference / sd;
  const Interval interval{std::max(-1.0, difference - z * sd), std::min(1.0, difference + z * sd)};
  return AurocComparison{
      a.area, b.area, difference, variance, interval, statistic, std::min(1.0, 2 * normal_cdf(-std::abs(statistic)))};
}

Result<double> youden_threshold(std::span<const double> scores, std::span<const int> labels) {
  ACESO_TRY(const auto points, roc_curve(scores, labels));
  const auto gain = [](const RocPoint& p) { return p.true_positive_rate - p.false_positive_rate; };
  const auto best = std::max_element(points.begin() + 1, points.end(),
                                     [&](const RocPoint& a, const RocPoint& b) { return gain(a) < gain(b); });
  return best->threshold;
}

}  // namespace aceso::stats
