// Which series go to which archive: the rules of aceso.yaml (forward.rules).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "routing_rules.hpp"
#include "tag_changes.hpp"

namespace aceso::archive {

struct ForwardRule {
  RoutingRule match;  // its name, and what it matches; no model
  std::string destination;
  TagChanges changes;
};

// `json`: [{"name", "match": {"modality", "body_part", "description", "calling_ae"}, "to": "PACS",
// "change": {...}}], as parse_tag_changes() has it. A rule without a name is called after its destination and its
// place. Errors: invalid, "rule 2: ...".
Result<std::vector<ForwardRule>> parse_forward_rules(std::string_view json);

}  // namespace aceso::archive
