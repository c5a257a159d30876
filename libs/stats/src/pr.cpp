#include "aceso/stats/pr.hpp"

#include "scored.hpp"

namespace aceso::stats {

Result<std::vector<PrPoint>> pr_curve(std::span<const double> scores, std::span<const int> labels) {
  ACESO_TRY(const auto counts, detail::check(scores, labels));
  if (counts.positives == 0) return Error{Code::invalid, "too few positive samples"};
  std::vector<PrPoint> points;
  for (const detail::Step& step : detail::steps(scores, labels)) {
    const auto hits = static_cast<double>(step.true_positives);
    points.push_back({step.score, hits / static_cast<double>(counts.positives),
                      hits / static_cast<double>(step.true_positives + step.false_positives)});
  }
  return points;
}

Result<double> average_precision(std::span<const double> scores, std::span<const int> labels) {
  ACESO_TRY(const auto points, pr_curve(scores, labels));
  double sum = 0;
  double recall = 0;
  for (const PrPoint& point : points) {
    sum += (point.recall - recall) * point.precision;
    recall = point.recall;
  }
  return sum;
}

}  // namespace aceso::stats
