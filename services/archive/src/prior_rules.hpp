// Which priors are fetched before which appointments: the rules of aceso.yaml (priors.rules), read and matched.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "scheduled_step.hpp"

namespace aceso::archive {

struct PriorRule {
  std::string name;                                             // unique
  std::vector<std::string> modalities, descriptions, stations;  // patterns of the scheduled step
  std::vector<std::string> sources;                             // AE titles, asked in this order; at least one
  bool move = false;                                            // C-MOVE to this node instead of C-GET
  int hours_before = 24;                                        // the appointment
  std::vector<std::string> prior_modalities, prior_descriptions, prior_body_parts;  // patterns of what is relevant
  std::size_t max_studies = 3;                                                      // the newest ones
  int max_years = 10;  // before the appointment; 0: any age
  std::string text;    // as it was written
};

// `json`: [{"name", "match": {"modality", "description", "station_ae"}, "from": "PACS" | ["PACS", "OLD"], "by": "get" |
// "move", "hours_before", "fetch": {"modality", "description", "body_part", "max_studies", "max_years"}}]. Errors:
// invalid, "rule 2: ...".
Result<std::vector<PriorRule>> parse_prior_rules(std::string_view json);

// The first that matches; null: none. A description is the step's or its procedure's.
const PriorRule* prior_rule_of(const std::vector<PriorRule>& rules, const ScheduledStep& step);

}  // namespace aceso::archive
