// Fields of the bodies that ask for lists, and keys that sort them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::archive {

// Without spaces around it, at most 256 bytes. Errors: invalid, naming the field, never its value.
Result<std::string> text_field(const Json& value, const std::string& name);
Result<std::size_t> count_field(const Json& value, const std::string& name, std::size_t min, std::size_t max);
// True when `name` was one of "ascending", "offset" and "limit" (1 to `most`), which are then set. Errors: invalid.
Result<bool> page_field(const Json& value, const std::string& name, std::size_t most, bool& ascending,
                        std::size_t& offset, std::size_t& limit);
Result<std::vector<std::string>> list_field(const Json& value, const std::string& name);  // of at most 40 texts

// ASCII only: other scripts have no case, or are compared as they are.
std::string lower_ascii(std::string_view text);
std::string padded(std::uint64_t value);  // 20 digits, so that it sorts as text

}  // namespace aceso::archive
