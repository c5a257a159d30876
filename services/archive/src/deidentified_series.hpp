// Objects of a series without identities (PS3.15 Annex E), for a destination that gets none: `deidentify` of a
// forwarding rule.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/contracts/objects.hpp"
#include "aceso/privacy/deidentify.hpp"

namespace aceso::archive {

// {"options": ["clean-descriptors"], "pixel_rules": [{"name", "match", "blank", "keep"}], "detect_text": "suspicious" |
// "all"}. Errors: invalid, naming the key.
Result<privacy::DeidOptions> parse_deidentify(const Json& json);

// What was done to the objects of a series, and which did not go out. Without values of patients.
class DeidReport {
 public:
  void add(const privacy::Deidentified& object);
  void refuse(std::string reason);
  std::size_t refused() const noexcept;
  // "2 objects were refused: the picture may hold burned-in text (ultrasound)"; "" when none was.
  std::string refusals() const;
  // A line of JSON for objects that were treated alike: {"sop_instances", "actions", "warnings"}; one for each reason
  // of refusal: {"refused", "objects"}.
  std::string manifest() const;

 private:
  std::map<std::string, std::vector<std::string>> treated_;  // by actions and warnings
  std::map<std::string, std::size_t> refused_;
};

// Hands on a few objects at a time, so that a series of any size passes through some 64 megabytes and its largest
// object. `flush` gets their new names and bytes. Objects that `open` does not find any more are left out; those that
// cannot be made free of identities, or are larger than 1 GiB, are refused in the report and never reach `flush`.
// Errors: cancelled, unavailable (open), those of flush.
using OpenObject = std::function<Result<std::unique_ptr<contracts::ObjectBytes>>(std::size_t index)>;
using ObjectList = std::vector<std::unique_ptr<contracts::ObjectBytes>>;
Status deidentify_series(const privacy::Deidentifier& deidentifier, std::size_t count, const OpenObject& open,
                         const std::function<Status(ObjectList& objects)>& flush, const std::stop_token& stop,
                         DeidReport& report);

}  // namespace aceso::archive
