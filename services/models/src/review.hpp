// Which stored answers a reader should look at first: those the model is least sure of (uncertainty sampling, Lewis and
// Gale 1994), and now and then one by chance, so that labels do not come from the border alone.
#pragma once

#include <string_view>

#include "context.hpp"
#include "predictions.hpp"
#include "registry.hpp"

namespace aceso::models {

// How near an answer is to the one it did not give, 0 (far) to 1 (could be either). Of one output: the distance of the
// probability to the threshold, as a share of what there is on that side. Of more: the second probability over the
// first.
double ambiguity_of(const StoredPrediction& p);

// Thread-safe.
class ReviewQueue {
 public:
  ReviewQueue(const Context& context, Registry& registry) : context_{context}, registry_{registry} {}

  // {items: [{prediction, version, created, ambiguity, why}], waiting, considered}: of the newest 20,000 answers those
  // whose input has fewer than `readers` verdicts with a label, no verdict at all by this reader, no later truth and no
  // blinded read that waits; each input
  // once, the least certain first, every fifth one by chance. No item says what the model found. Errors: not_found,
  // unsupported (models of outlines, several labels or numbers).
  Result<Json> list(const Actor& reader, std::string_view model, std::size_t readers, std::size_t limit) const;

 private:
  const Context& context_;
  Registry& registry_;
};

}  // namespace aceso::models
