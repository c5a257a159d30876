// Evaluation of models that answer with several labels, or with a number. Predictions have `targets`; the same input
// gives the same JSON.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/learn/evaluate.hpp"

namespace aceso::learn {

// One a label, as choose_threshold() has it, on the samples of which the label is known; 0.5 where there is none.
std::vector<double> choose_thresholds(const Predictions& validation);

// The samples of which the label is known, as a model of two classes would have answered.
Predictions one_label(const Predictions& predictions, std::size_t label);

// {kind: "multi_label", samples, classes, thresholds, groups, metrics {auroc, auprc, accuracy, sensitivity,
// specificity, f1, exact}, per_label [evaluate() of each, with label, known and positive], baseline, adds_nothing}.
// `metrics` are means over the labels, of accuracy over all decisions; labels without a case of either kind are left
// out. exact: samples all of whose known labels are right. Intervals by bootstrap, of whole groups where there are. The
// parts as evaluate() takes them; the baseline's thresholds are its `thresholds`. Adds nothing: the lower bound of the
// gain in mean AUROC is not above 0.
Json evaluate_labels(const Predictions& predictions, std::span<const double> thresholds,
                     const std::vector<std::string>& names, std::uint64_t seed, const EvaluationParts& parts = {});

// Half the width of intervals around an answer that hold the truth with probability `coverage` (split conformal
// prediction on absolute residuals; conformal.hpp), from validation cases: {split, coverage, cases, half_width}; null
// with too few cases for the coverage.
Json number_interval(const Predictions& validation, double coverage);

// {kind: "regression", samples, name, unit, groups, metrics {mae, rmse, r2, pearson, bias}, agreement {bias, sd, low,
// high, each with its interval}, points [[measured, predicted]] (at most 2000), validation_interval, coverage {stated,
// observed}, baseline {mae, rmse, gain}, adds_nothing}. Intervals by bootstrap, of whole groups where there are. Adds
// nothing: the lower bound of the gain in mean absolute error (paired) is not above 0.
Json evaluate_numbers(const Predictions& predictions, const std::string& name, const std::string& unit,
                      std::uint64_t seed, const EvaluationParts& parts = {}, double coverage = 0.9);

// Two models on the same samples, as compare() has it: the mean AUROC and each label's; mean absolute and root mean
// squared error. invalid when samples or targets differ.
Result<Json> compare_labels(const Predictions& a, std::span<const double> thresholds_a, const Predictions& b,
                            std::span<const double> thresholds_b, const std::vector<std::string>& names,
                            std::uint64_t seed);
Result<Json> compare_numbers(const Predictions& a, const Predictions& b, const std::string& name,
                             const std::string& unit, std::uint64_t seed);

// Those with most wrong labels, or with the largest errors: [{kind: "worst", png, truth, decided}], as gallery() has
// it.
Json target_gallery(const Predictions& predictions, std::span<const double> thresholds, const Dataset& dataset,
                    Split split, std::size_t each = 12);

}  // namespace aceso::learn
