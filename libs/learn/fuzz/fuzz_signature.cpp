// Model signatures, as they come with a bundle from elsewhere.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"
#include "aceso/learn/signature.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json =
      aceso::parse_json({reinterpret_cast<const char*>(data), size}, {.bytes = std::size_t{1} << 20, .depth = 32});
  if (!json.ok()) return 0;
  const auto signature = aceso::learn::parse_signature(*json);
  if (signature.ok() && !aceso::learn::parse_signature(to_json(*signature)).ok()) __builtin_trap();
  return 0;
}
