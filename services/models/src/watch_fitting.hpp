// The reference that a bundle carries for the watch, fitted where the model was trained.
#pragma once

#include <span>
#include <stop_token>

#include "aceso/learn/applicability.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/evaluate.hpp"
#include "aceso/learn/watch.hpp"

namespace aceso::models {

// One answer of the model as the watch notes it: `inputs` [1, ...] as the network gets them, `scores` one (of the
// second class) or one an output; `embedding` may be empty.
learn::WatchCase watch_case(const learn::Bundle& bundle, const learn::Applicability& applicability,
                            const learn::Array& inputs, std::span<const float> embedding,
                            std::span<const double> scores);

// learn::to_json of a learn::WatchReference on the dataset's validation samples, of which `validation` are the model's
// answers in the same order; null when they are others, or too few. The bundle's card and signature are complete.
// cancelled.
Result<Json> fit_watch(const learn::Bundle& bundle, const learn::Applicability& applicability,
                       const learn::Dataset& dataset, const learn::Predictions& validation,
                       const std::stop_token& stop);

}  // namespace aceso::models
