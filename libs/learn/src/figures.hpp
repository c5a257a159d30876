// One figure of an evaluation as JSON, {value, low, high, method}, with the interval that the samples allow: by whole
// groups where a group has several samples, else Wilson, DeLong or stratified bootstrap.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/evaluate.hpp"
#include "aceso/stats/bootstrap.hpp"
#include "aceso/stats/confusion.hpp"

namespace aceso::learn {

Json figure(double value, const stats::Interval& interval, const char* method);

template <class T>
std::vector<T> pick(const std::vector<T>& values, std::span<const std::size_t> indices) {
  std::vector<T> out;
  out.reserve(indices.size());
  for (const std::size_t i : indices) out.push_back(values[i]);
  return out;
}

class Figures {
 public:
  Figures(const Predictions& predictions, std::uint64_t seed);
  bool by_group() const noexcept { return !clusters_.empty(); }
  std::size_t groups() const noexcept { return group_count_; }
  std::span<const std::uint32_t> clusters() const noexcept { return clusters_; }
  std::uint64_t seed() const noexcept { return seed_; }

  Json bootstrapped(const stats::Statistic& statistic, std::uint64_t stream) const;
  // A proportion of the decisions; `of` counts successes and trials among the samples drawn.
  using Counter = std::function<std::pair<std::uint64_t, std::uint64_t>(std::span<const std::size_t>)>;
  Json proportion(const Counter& of, std::uint64_t stream) const;
  Json auroc(const std::vector<double>& scores, const std::vector<int>& labels, std::uint64_t stream) const;

 private:
  std::vector<int> labels_;
  std::vector<std::uint32_t> clusters_;  // empty: every sample stands for itself
  std::size_t group_count_ = 0;
  std::uint64_t seed_;
};

// Points of the curves, at most 400.
Json roc_json(const std::vector<double>& scores, const std::vector<int>& labels);
Json pr_json(const std::vector<double>& scores, const std::vector<int>& labels);
Json reliability_json(const std::vector<double>& probabilities, const std::vector<int>& labels);
Json number_or_null(const Result<double>& value);
std::vector<int> one_against_rest(const std::vector<int>& labels, std::size_t cls);

// Parts of evaluate(), each null or empty where it cannot be had.
Json calibration_json(const Predictions& predictions, const Predictions* validation, const Figures& figures);
Json decision_curve_json(const std::vector<double>& scores, const std::vector<int>& labels, const Figures& figures);
Json subgroups_json(const Predictions& predictions, double threshold, std::uint64_t seed);
Json baseline_json(const Predictions& predictions, double threshold, const BaselineAnswer& baseline,
                   const Figures& figures);
// {difference {value, low, high, method}, p_value}: AUROC (macro for several classes) of a minus that of b.
Json auroc_difference(const Predictions& a, const Predictions& b, const Figures& figures);
// {difference, p_value, only_a, only_b} of right decisions, McNemar.
Json decision_difference(const Predictions& a, double threshold_a, const Predictions& b, double threshold_b);

}  // namespace aceso::learn
