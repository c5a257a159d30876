// Recalls: a version whose answers are not to be relied on stops answering, and whom it concerned is listed (ADR 0148).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/contracts/recalls.hpp"
#include "context.hpp"
#include "registry.hpp"

namespace aceso::models {

// Thread-safe.
class Recalls {
 public:
  Recalls(const Context& context, Registry& registry) : context_{context}, registry_{registry} {}

  // {reason}: from here on the version answers nobody, whatever its stage was; its share ends. Repeated, the first
  // recall stands. Audited. Answers recall_of() with {affected: {predictions, readers, first, last}}.
  Result<Json> recall(const Actor& actor, std::string_view model, int version, const Json& request);
  // {reason}: a recall that was a mistake ends; the version is retired and may be promoted again. Audited.
  Result<Json> lift(const Actor& actor, std::string_view model, int version, const Json& request);

  // {reason, by, time, affected}; not_found without a recall.
  Result<Json> show(std::string_view model, int version) const;
  // What the version answered, newest first: {items: [{id, created, source, asked_by, judged}], next}. No findings:
  // a blinded reading stays blinded. Shadows' answers, which nobody was shown, are left out.
  Result<Json> affected(std::string_view model, int version, std::string_view cursor, std::size_t limit) const;

  Result<std::vector<contracts::Recall>> all() const;  // in force, oldest first
  // "model NAME version N was recalled on DATE: REASON"; none when it is not recalled.
  Result<std::optional<std::string>> words(std::string_view model, int version) const;

 private:
  Result<std::optional<contracts::Recall>> find(std::string_view model, int version) const;
  Result<Json> counts(const ModelVersion& version) const;

  const Context& context_;
  Registry& registry_;
};

}  // namespace aceso::models
