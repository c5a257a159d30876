#include "aceso/stats/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "scored.hpp"

namespace aceso::stats {
namespace {

constexpr int kMostBins = 1000;

Status check_probabilities(std::span<const double> probabilities, std::span<const int> labels) {
  ACESO_TRY_OK(detail::check(probabilities, labels));
  if (probabilities.empty()) return Error{Code::invalid, "there are no samples"};
  const bool inside =
      std::all_of(probabilities.begin(), probabilities.end(), [](double p) { return p >= 0 && p <= 1; });
  if (!inside) return Error{Code::invalid, "a probability lies outside 0 to 1"};
  return {};
}

}  // namespace

Result<double> brier_score(std::span<const double> probabilities, std::span<const int> labels) {
  ACESO_TRY_OK(check_probabilities(probabilities, labels));
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double miss = probabilities[i] - labels[i];
    sum += miss * miss;
  }
  return sum / static_cast<double>(labels.size());
}

Result<std::vector<ReliabilityBin>> reliability(std::span<const double> probabilities, std::span<const int> labels,
                                                int bins) {
  ACESO_TRY_OK(check_probabilities(probabilities, labels));
  if (bins < 1 || bins > kMostBins) return Error{Code::invalid, "there are 1 to 1000 bins"};
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return probabilities[a] < probabilities[b]; });
  std::vector<ReliabilityBin> result;
  const auto wanted = static_cast<std::size_t>(bins);
  std::size_t begin = 0;
  for (std::size_t bin = 1; bin <= wanted; ++bin) {
    std::size_t end = std::max(begin, order.size() * bin / wanted);
    if (end == begin) continue;
    while (end < order.size() && probabilities[order[end]] == probabilities[order[end - 1]]) ++end;
    double predicted = 0;
    std::uint64_t positives = 0;
    for (std::size_t i = begin; i < end; ++i) {
      predicted += probabilities[order[i]];
      positives += labels[order[i]] == 1 ? 1U : 0U;
    }
    const std::uint64_t count = end - begin;
    ACESO_TRY(const Interval interval, wilson_interval(positives, count));
    const auto n = static_cast<double>(count);
    result.push_back({predicted / n, static_cast<double>(positives) / n, interval, count});
    begin = end;
  }
  return result;
}

Result<double> expected_calibration_error(std::span<const double> probabilities, std::span<const int> labels,
                                          int bins) {
  ACESO_TRY(const auto table, reliability(probabilities, labels, bins));
  double sum = 0;
  for (const ReliabilityBin& bin : table) {
    sum += static_cast<double>(bin.count) * std::abs(bin.observed - bin.mean_predicted);
  }
  return sum / static_cast<double>(labels.size());
}

}  // namespace aceso::stats
