#include "packed_floats.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"

namespace aceso::learn {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");

Json packed_floats(const std::vector<double>& values) {
  std::vector<float> narrow(values.begin(), values.end());
  return crypto::to_base64(std::as_bytes(std::span{narrow}));
}

Result<std::vector<double>> unpacked_floats(const Json& json, const std::string& where, std::size_t max_values) {
  const std::size_t longest = (max_values * sizeof(float) + 2) / 3 * 4;
  if (!json.is_string() || json.get_ref<const std::string&>().size() > longest)
    return Error{Code::invalid, where + " is no text, or longer than " + std::to_string(longest) + " bytes"};
  auto bytes = crypto::from_base64(json.get_ref<const std::string&>());
  if (!bytes || bytes->size() % sizeof(float) != 0) return Error{Code::invalid, where + " is not base64 of float32"};
  std::vector<double> values;
  values.reserve(bytes->size() / sizeof(float));
  for (std::size_t at = 0; at < bytes->size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, bytes->data() + at, sizeof value);
    if (!std::isfinite(value)) return Error{Code::invalid, where + " is not finite"};
    values.push_back(static_cast<double>(value));
  }
  return values;
}

}  // namespace aceso::learn
