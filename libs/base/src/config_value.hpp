// One configuration value from its text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aceso/base/config.hpp"
#include "aceso/base/result.hpp"

namespace aceso::detail {

using ConfigValue = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;

// `items` holds the one scalar, or the elements of a list. Errors: invalid, "70000 is above 65535"; never for a
// secret's contents.
Result<ConfigValue> config_value(const ConfigKey& key, const std::vector<std::string>& items);
std::vector<std::string> split_list(std::string_view text);  // at commas; blanks around items are removed
std::string_view type_name(ConfigType type) noexcept;        // "a whole number"

}  // namespace aceso::detail
