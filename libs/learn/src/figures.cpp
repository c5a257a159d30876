#include "figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "aceso/stats/calibration.hpp"
#include "aceso/stats/pr.hpp"
#include "aceso/stats/roc.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxPoints = 400;
constexpr int kReplicates = 1000;

}  // namespace

Json figure(double value, const stats::Interval& interval, const char* method) {
  return Json{{"value", value}, {"low", interval.low}, {"high", interval.high}, {"method", method}};
}

Figures::Figures(const Predictions& predictions, std::uint64_t seed) : labels_{predictions.labels}, seed_{seed} {
  const auto& groups = predictions.groups;
  if (groups.size() != labels_.size()) return;
  std::map<std::string, std::uint32_t> seen;
  std::uint32_t next = 0;
  bool several = false;
  for (const std::string& group : groups) {
    if (group.empty()) {  // unknown: a group of its own
      clusters_.push_back(next++);
      continue;
    }
    const auto [found, fresh] = seen.try_emplace(group, next);
    if (fresh) ++next;
    several = several || !fresh;
    clusters_.push_back(found->second);
  }
  group_count_ = next;
  if (!several) clusters_.clear();
}

Json Figures::bootstrapped(const stats::Statistic& statistic, std::uint64_t stream) const {
  const auto estimate = stats::bootstrap(labels_.size(), statistic,
                                         {.seed = seed_ + stream,
                                          .replicates = kReplicates,
                                          .strata = by_group() ? std::span<const int>{} : std::span<const int>{labels_},
                                          .clusters = clusters_});
  if (!estimate) return nullptr;
  return figure(estimate->value, estimate->interval, by_group() ? "bootstrap by group" : "bootstrap, stratified");
}

Json Figures::proportion(const Counter& of, std::uint64_t stream) const {
  std::vector<std::size_t> all(labels_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto [successes, trials] = of(all);
  if (trials == 0) return nullptr;
  Json json;
  if (by_group()) {
    json = bootstrapped(
        [&](std::span<const std::size_t> indices) -> std::optional<double> {
          const auto [s, t] = of(indices);
          if (t == 0) return std::nullopt;
          return static_cast<double>(s) / static_cast<double>(t);
        },
        stream);
    if (json.is_null()) return json;
  } else {
    const auto interval = stats::wilson_interval(successes, trials);
    if (!interval) return nullptr;
    json = figure(static_cast<double>(successes) / static_cast<double>(trials), *interval, "Wilson");
  }
  json["successes"] = successes;
  json["trials"] = trials;
  return json;
}

Json Figures::auroc(const std::vector<double>& scores, const std::vector<int>& labels, std::uint64_t stream) const {
  if (by_group()) {
    return bootstrapped(
        [&](std::span<const std::size_t> indices) -> std::optional<double> {
          const auto area = stats::auroc(pick(scores, indices), pick(labels, indices));
          return area ? std::optional{*area} : std::nullopt;
        },
        stream);
  }
  const auto estimate = stats::auroc_delong(scores, labels);
  if (!estimate) return nullptr;
  return figure(estimate->value, estimate->interval,
                estimate->method == stats::AurocInterval::delong ? "DeLong" : "Newcombe");
}

Json roc_json(const std::vector<double>& scores, const std::vector<int>& labels) {
  Json points = Json::array();
  const auto curve = stats::roc_curve(scores, labels);
  if (!curve) return points;
  const std::size_t step = std::max<std::size_t>(1, curve->size() / kMaxPoints);
  for (std::size_t i = 0; i < curve->size(); ++i) {
    if (i % step != 0 && i + 1 != curve->size()) continue;
    const stats::RocPoint& p = (*curve)[i];
    points.push_back(Json{{"fpr", p.false_positive_rate},
                          {"tpr", p.true_positive_rate},
                          {"threshold", std::isfinite(p.threshold) ? Json(p.threshold) : Json(nullptr)}});
  }
  return points;
}

Json pr_json(const std::vector<double>& scores, const std::vector<int>& labels) {
  Json points = Json::array();
  const auto curve = stats::pr_curve(scores, labels);
  if (!curve) return points;
  const std::size_t step = std::max<std::size_t>(1, curve->size() / kMaxPoints);
  for (std::size_t i = 0; i < curve->size(); ++i) {
    if (i % step != 0 && i + 1 != curve->size()) continue;
    const stats::PrPoint& p = (*curve)[i];
    points.push_back(Json{{"recall", p.recall}, {"precision", p.precision}, {"threshold", p.threshold}});
  }
  return points;
}

Json reliability_json(const std::vector<double>& probabilities, const std::vector<int>& labels) {
  Json bins = Json::array();
  const auto found = stats::reliability(probabilities, labels);
  if (!found) return bins;
  for (const auto& bin : *found) {
    bins.push_back(Json{{"predicted", bin.mean_predicted},
                        {"observed", bin.observed},
                        {"low", bin.interval.low},
                        {"high", bin.interval.high},
                        {"count", bin.count}});
  }
  return bins;
}

Json number_or_null(const Result<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::vector<int> one_against_rest(const std::vector<int>& labels, std::size_t cls) {
  std::vector<int> out;
  out.reserve(labels.size());
  for (const int label : labels) out.push_back(label == static_cast<int>(cls) ? 1 : 0);
  return out;
}

}  // namespace aceso::learn
