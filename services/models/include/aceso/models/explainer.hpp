// What other services ask of answers: maps of influence, verdicts of people, and who reads blinded
// (contracts::Explainer, VerdictSink, BlindedReads).
#pragma once

#include <chrono>
#include <memory>

#include "aceso/base/clock.hpp"
#include "aceso/contracts/explainer.hpp"
#include "aceso/contracts/marks.hpp"
#include "aceso/contracts/verdicts.hpp"
#include "aceso/models/models.hpp"

namespace aceso::models {

// Grad-CAM in the worker for explanations, as a job like any other: `wait` is how long it may take, with the jobs
// before it; then it is cancelled. Clock and models outlive it.
std::unique_ptr<contracts::Explainer> make_explainer(Models& models, const Clock& clock,
                                                     std::chrono::milliseconds wait);

// Models::put_verdict(). Models outlive it.
std::unique_ptr<contracts::VerdictSink> make_verdict_sink(Models& models);

// Models::waits_blinded(). Models outlive it.
std::unique_ptr<contracts::BlindedReads> make_blinded_reads(const Models& models);

}  // namespace aceso::models
