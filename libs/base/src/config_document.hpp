// A YAML value of any shape as JSON.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "aceso/base/result.hpp"

namespace aceso::detail {

// One line. Errors: invalid (deeper than 16, more than 10,000 values, a key that is no text or is given twice, text
// that is not UTF-8). The messages hold no values.
Result<std::string> json_of_yaml(const YAML::Node& value);

}  // namespace aceso::detail
