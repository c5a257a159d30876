// How far a score can be trusted: what validation cases with a similar score turned out to be.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/applicability.hpp"

namespace aceso::models {

// Validation predictions cut into at most ten groups of about equal size by score (at least 20 cases each; equal scores
// stay together). One output: score = probability of the positive class, counted: cases of that class. More: score =
// the largest probability, counted: cases where that class was right.
// {"split":"validation","kind":"positive"|"top-label","cases":N,"bins":[{"low","high","cases","counted"}]}; null with
// fewer than 20 cases.
Json calibration_table(const learn::Predictions& validation);

// Of several labels: [{label, table as above or null}], each from the cases of which it is known.
Json label_calibration(const learn::Predictions& validation, const std::vector<std::string>& names);

// The interval around a number that holds the truth with the coverage stated in evaluate_numbers()'s
// "validation_interval": {"kind":"conformal-interval","coverage","low","high","half_width","cases","text"};
// {"kind":"none","text"} when it is null.
Json number_uncertainty(const Json& interval, double value, const std::string& unit);

// How far the members of an ensemble agree on one output: {count, low, high, sd, text}. `answers` as kMembersLayer has
// them, of one sample; null when they do not fit.
Json members_spread(std::span<const float> answers, std::size_t members, std::size_t output, const std::string& unit);

// The group that `score` falls into with its observed frequency and 95 % Wilson interval:
// {"kind":"validation-calibration","cases","positives","observed","low","high","level","score_low","score_high","outside","text"};
// {"kind":"none","text"} when the table is null. `name` is the class that the score speaks of.
Json uncertainty(const Json& table, double score, const std::string& name);

// Adds to an uncertainty() what the model's applicability says of one answer: "set" {coverage, classes, text} of the
// conformal classes and "familiarity" {state, text, ...}. `probabilities` as the model gave them, one (of classes[1])
// or one a class.
void add_applicability(const learn::Applicability& applicability, const learn::Familiarity& familiarity,
                       std::span<const float> probabilities, const std::vector<std::string>& classes,
                       Json& uncertainty);

// In place of an uncertainty where the model may not answer: {"kind":"not-applicable","reasons","familiarity"?,"text"}.
Json not_applicable(std::vector<std::string> reasons, const learn::Familiarity* familiarity);
bool is_applicable(const Json& uncertainty);

inline constexpr std::string_view kUnlikeTraining =
    "The input is nothing like those that the model was trained on; what the model would say of it means nothing";

}  // namespace aceso::models
