#include "aceso/stats/conformal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace aceso::stats {

Result<double> conformal_quantile(std::span<const double> scores, double coverage) {
  if (!(coverage > 0 && coverage < 1)) return Error{Code::invalid, "the coverage lies in (0, 1)"};
  if (std::any_of(scores.begin(), scores.end(), [](double s) { return std::isnan(s); }))
    return Error{Code::invalid, "a score is not a number"};
  // Rounding must not ask for one case more than the formula does.
  const auto rank = static_cast<std::size_t>(std::ceil((static_cast<double>(scores.size()) + 1) * coverage - 1e-9));
  if (rank > scores.size()) return std::numeric_limits<double>::infinity();
  std::vector<double> sorted(scores.begin(), scores.end());
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), nth, sorted.end());
  return *nth;
}

Result<ConformalThresholds> fit_conformal(const std::vector<std::vector<double>>& probabilities,
                                          std::span<const int> labels, double coverage) {
  if (probabilities.empty() || probabilities.size() != labels.size())
    return Error{Code::invalid, "one row of probabilities a label is needed"};
  const std::size_t width = probabilities.front().size();
  std::vector<double> all;
  std::vector<std::vector<double>> of_class(width);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (probabilities[i].size() != width || labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= width)
      return Error{Code::invalid, "a label has no probability"};
    const auto k = static_cast<std::size_t>(labels[i]);
    all.push_back(1 - probabilities[i][k]);
    of_class[k].push_back(all.back());
  }
  ConformalThresholds out{.coverage = coverage, .marginal = 0, .per_class = {}, .cases = {}};
  ACESO_TRY(out.marginal, conformal_quantile(all, coverage));
  for (const auto& scores : of_class) {
    ACESO_TRY(const double quantile, conformal_quantile(scores, coverage));
    out.per_class.push_back(quantile);
    out.cases.push_back(scores.size());
  }
  return out;
}

std::vector<std::size_t> conformal_set(const ConformalThresholds& thresholds, std::span<const double> probabilities) {
  std::vector<std::size_t> set;
  for (std::size_t k = 0; k < probabilities.size() && k < thresholds.per_class.size(); ++k) {
    if (1 - probabilities[k] <= thresholds.per_class[k]) set.push_back(k);
  }
  return set;
}

}  // namespace aceso::stats
