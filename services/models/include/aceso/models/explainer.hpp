// What other services ask of answers: maps of influence, and verdicts of people (contracts::Explainer, VerdictSink).
#pragma once

#include <chrono>
#include <memory>

#include "aceso/base/clock.hpp"
#include "aceso/contracts/explainer.hpp"
#include "aceso/contracts/verdicts.hpp"
#include "aceso/models/models.hpp"

namespace aceso::models {

// Grad-CAM in the worker for explanations, as a job like any other: `wait` is how long it may take, with the jobs
// before it; then it is cancelled. Clock and models outlive it.
std::unique_ptr<contracts::Explainer> make_explainer(Models& models, const Clock& clock,
                                                     std::chrono::milliseconds wait);

// Models::put_verdict(). Models outlive it.
std::unique_ptr<contracts::VerdictSink> make_verdict_sink(Models& models);

}  // namespace aceso::models
