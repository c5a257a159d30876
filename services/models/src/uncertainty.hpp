// How far a score can be trusted: what validation cases with a similar score turned out to be.
#pragma once

#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/evaluate.hpp"

namespace aceso::models {

// Validation predictions cut into at most ten groups of about equal size by score (at least 20 cases each; equal scores
// stay together). One output: score = probability of the positive class, counted: cases of that class. More: score =
// the largest probability, counted: cases where that class was right.
// {"split":"validation","kind":"positive"|"top-label","cases":N,"bins":[{"low","high","cases","counted"}]}; null with
// fewer than 20 cases.
Json calibration_table(const learn::Predictions& validation);

// The group that `score` falls into with its observed frequency and 95 % Wilson interval:
// {"kind":"validation-calibration","cases","positives","observed","low","high","level","score_low","score_high","outside","text"};
// {"kind":"none","text"} when the table is null. `name` is the class that the score speaks of.
Json uncertainty(const Json& table, double score, const std::string& name);

}  // namespace aceso::models
