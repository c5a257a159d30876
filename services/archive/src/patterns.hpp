// What rules of aceso.yaml share: keys that are known, and patterns of texts.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::archive {

// Errors: invalid, naming the unknown key and the nearest known one.
Status known_keys(const Json& object, std::span<const std::string> keys);

// A text or a list of at most 50 texts of 1 to 64 bytes each, in lower case; none when the key is missing. `*` and `?`
// are wildcards, a pattern that begins with `!` excludes. Errors: invalid, "match.modality is ...".
Result<std::vector<std::string>> read_patterns(const Json& object, const std::string& key,
                                               const std::string& where = "match.");

// None of the values is excluded, and one of them matches one of the other patterns, or there is no other. Without case
// (ASCII).
bool any_matches(const std::vector<std::string>& patterns, std::initializer_list<std::string_view> values);

}  // namespace aceso::archive
