// Rows of numbers in JSON: base64 of float32, little-endian.
#pragma once

#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::learn {

Json packed_floats(const std::vector<double>& values);
// invalid when it is no text, longer than `max_values` make it, no base64 of float32, or not finite; `where` names it.
Result<std::vector<double>> unpacked_floats(const Json& json, const std::string& where, std::size_t max_values);

}  // namespace aceso::learn
