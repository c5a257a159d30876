// Which series go to which archive: the rules of aceso.yaml (forward.rules).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/privacy/deidentify.hpp"
#include "routing_rules.hpp"
#include "tag_changes.hpp"

namespace aceso::archive {

struct ForwardRule {
  RoutingRule match;  // its name, and what it matches; no model
  std::string destination;
  TagChanges changes;
  std::optional<privacy::DeidOptions> deidentify;  // objects go without identities, and not at all where that fails
};

// `json`: [{"name", "match": {"modality", "body_part", "description", "calling_ae"}, "to": "PACS",
// "change": {...}, "deidentify": {...}}], as parse_tag_changes() and parse_deidentify() have it; not both. A rule
// without a name is called after its destination and its place. A destination that one rule gives objects without
// identities gets none with them from another. Errors: invalid, "rule 2: ...".
Result<std::vector<ForwardRule>> parse_forward_rules(std::string_view json);

}  // namespace aceso::archive
