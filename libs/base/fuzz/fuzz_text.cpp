// The small parsers: times, UUIDs, names from outside, and the escaping of whatever they refuse.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "aceso/base/assert.hpp"
#include "aceso/base/clock.hpp"
#include "aceso/base/file.hpp"
#include "aceso/base/id.hpp"
#include "aceso/base/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto time = aceso::parse_utc(text)) {
    const auto written = aceso::format_utc(*time);
    const auto again = aceso::parse_utc(written);
    // An offset may carry the first or last day of the four-digit years over their edge.
    ACESO_ASSERT(written.size() != 27 || (again.ok() && *again == *time), "a time changes when written and read again");
  }
  if (const auto id = aceso::Uuid::parse(text)) {
    ACESO_ASSERT(*aceso::Uuid::parse(id->to_string()) == *id, "a UUID changes when written and read again");
  }
  if (const auto path = aceso::safe_join("/root/of/it", text)) {
    const auto normal = path->lexically_normal().string();
    ACESO_ASSERT(normal.starts_with("/root/of/it/") && normal.size() > 12, "a name leads out of its folder");
  }
  const auto escaped = aceso::escape_controls(text, 256);
  ACESO_ASSERT(aceso::is_valid_utf8(escaped), "escaping leaves malformed UTF-8");
  for (std::size_t at = 0; at < escaped.size();) {
    const auto point = aceso::decode_utf8(escaped, at);
    ACESO_ASSERT(!aceso::is_unsafe_control(point->value), "escaping leaves a control character");
    at += point->bytes;
  }
  return 0;
}
