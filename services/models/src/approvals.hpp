// What a version needs before it may go live: figures above the gate of its name, and an evaluation on cases of this
// hospital, accepted and signed by a clinician (ADR 0148).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/store/jobs.hpp"
#include "context.hpp"
#include "registry.hpp"

namespace aceso::models {

// One figure of an evaluation ("metrics") that a version must reach.
struct GateFigure {
  std::string figure;              // auroc, sensitivity, dice...
  std::optional<double> at_least;  // one of the two
  std::optional<double> at_most;
  bool bound = false;  // compared is the end of the 95 % interval that is worse, not the value
};
struct Gate {
  std::vector<GateFigure> figures;
  std::size_t min_cases = 0;
  std::string reason;
};
// {figures: [{figure, at_least or at_most, bound?}], min_cases?, reason}. Errors: invalid, naming the field.
Result<Gate> parse_gate(const Json& json);
// Why an evaluation does not pass, in words; empty when it does.
std::vector<std::string> failures(const Gate& gate, const Json& evaluation);

// Thread-safe.
class Approvals {
 public:
  Approvals(const Context& context, const Registry& registry, const crypto::SigningKey& key)
      : context_{context}, registry_{registry}, key_{key} {}

  // {gate: {figures, min_cases, reason, by, time} or null}
  Result<Json> gate(std::string_view model) const;
  Result<Json> set_gate(const Actor& actor, std::string_view model, const Json& request);  // audited
  Result<std::optional<Gate>> parsed_gate(std::string_view model) const;

  // {statement, own_cases: true, unseen?}: the actor, a clinician who has signed in (the caller has checked it),
  // accepts the version for use here on the grounds of a finished evaluation of it. Signed with the node's key. Errors:
  // not_found (no such evaluation), precondition (it is another version's, samples of it were seen in training, nobody
  // knows whether they were and `unseen` does not vouch for it, or it was not declared to be of this hospital's own
  // cases).
  Result<Json> accept(const Actor& actor, const ModelVersion& version, const store::Job& evaluation,
                      const Json& request);
  // {items}, newest first; each says whether its signature holds.
  Result<Json> acceptances(const ModelVersion& version) const;

  // {ready, missing: [text], gate, needs_acceptance, acceptance}: what stands between this version and going live.
  Result<Json> readiness(const ModelVersion& version) const;
  Status may_go_live(const ModelVersion& version) const;  // precondition, naming what is missing

 private:
  // The newest document whose signature holds and that speaks of this very bundle.
  Result<std::optional<Json>> accepted(const ModelVersion& version) const;
  Result<std::vector<std::string>> missing(const ModelVersion& version) const;

  const Context& context_;
  const Registry& registry_;
  const crypto::SigningKey& key_;
};

}  // namespace aceso::models
