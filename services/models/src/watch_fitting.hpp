// The reference that a bundle carries for the watch, fitted where the model was trained.
#pragma once

#include <stop_token>

#include "aceso/learn/applicability.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/evaluate.hpp"

namespace aceso::models {

// learn::to_json of a learn::WatchReference on the dataset's validation samples, of which `validation` are the model's
// answers in the same order; null when they are others, or too few. The bundle's card and signature are complete.
// cancelled.
Result<Json> fit_watch(const learn::Bundle& bundle, const learn::Applicability& applicability,
                       const learn::Dataset& dataset, const learn::Predictions& validation,
                       const std::stop_token& stop);

}  // namespace aceso::models
