#include "aceso/stats/decision_curve.hpp"

#include <cmath>
#include <cstddef>

#include "aceso/stats/bootstrap.hpp"
#include "aceso/stats/calibration.hpp"

namespace aceso::stats {

Result<std::vector<NetBenefit>> decision_curve(std::span<const double> probabilities, std::span<const int> labels,
                                               const DecisionCurveOptions& options) {
  ACESO_TRY([[maybe_unused]] const double checked, brier_score(probabilities, labels));
  const bool fits = options.first > 0 && options.last < 1 && options.first <= options.last && options.step > 0 &&
                    (options.last - options.first) / options.step < 200;
  if (!fits) return Error{Code::invalid, "thresholds lie in (0, 1), at most 200"};
  std::vector<NetBenefit> curve;
  const auto steps = static_cast<int>(std::floor((options.last - options.first) / options.step + 1e-9));
  for (int i = 0; i <= steps; ++i) {
    // To twelve digits, so that 0.1 + 2 * 0.1 is the 0.3 that a score of 0.3 reaches.
    const double threshold = std::round((options.first + i * options.step) * 1e12) / 1e12;
    const double odds = threshold / (1 - threshold);
    const Statistic benefit = [&](std::span<const std::size_t> indices) -> std::optional<double> {
      double sum = 0;
      for (const std::size_t s : indices) {
        if (probabilities[s] >= threshold) sum += labels[s] == 1 ? 1.0 : -odds;
      }
      return sum / static_cast<double>(indices.size());
    };
    ACESO_TRY(
        const BootstrapEstimate estimate,
        bootstrap(
            labels.size(), benefit,
            {.seed = options.seed, .replicates = options.replicates, .strata = {}, .clusters = options.clusters}));
    double positives = 0;
    for (const int label : labels) positives += label;
    const double share = positives / static_cast<double>(labels.size());
    curve.push_back({threshold, estimate.value, share - (1 - share) * odds, estimate.interval});
  }
  return curve;
}

}  // namespace aceso::stats
