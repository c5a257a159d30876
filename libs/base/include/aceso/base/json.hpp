// JSON values (nlohmann/json) and a bounded reader for text from outside. Include <nlohmann/json.hpp> in the .cpp that
// looks inside.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  std::size_t bytes = std::size_t{16} << 20;
  std::size_t depth = 64;
};
// Errors: invalid with line and column (never the text itself), too_large. Duplicate keys and invalid UTF-8 are
// refused.
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

// UTF-8 text; malformed bytes in strings become U+FFFD, where Json::dump() throws. indent < 0: one line.
std::string dump_json(const Json& value, int indent = -1);

}  // namespace aceso
