// parse_json: what it accepts is valid UTF-8, not too deep, and survives being written and read again.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "aceso/base/assert.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto value = aceso::parse_json(text, {.bytes = 1 << 16, .depth = 16});
  if (!value) {
    ACESO_ASSERT(value.error().code() == aceso::Code::invalid || value.error().code() == aceso::Code::too_large,
                 "another code");
    return 0;
  }
  ACESO_ASSERT(aceso::is_valid_utf8(text), "malformed UTF-8 was accepted");
  const auto again = aceso::parse_json(aceso::dump_json(*value));
  ACESO_ASSERT(again.ok() && *again == *value, "a value changes when written and read again");
  return 0;
}
