// JSON from outside: what is read is written and read again to the same text.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aceso/dicom/json.hpp"

using namespace aceso::dicom;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  JsonReadLimits limits;
  limits.bytes = 1 << 20;
  const auto fetch = [](std::string_view) { return aceso::Result<std::vector<std::byte>>{std::vector<std::byte>(8)}; };
  const auto all = from_json_array(text, limits, fetch);
  if (!all) return 0;
  for (const Dataset& dataset : *all) {
    JsonOptions options;
    options.inline_binary = 1 << 20;
    options.bulk_uri = [](std::string_view path, const Element&) { return std::optional<std::string>{path}; };
    const auto once = from_json(to_json(dataset, options), {}, fetch);  // "1.50" becomes 1.5
    if (!once) std::abort();
    const std::string written = to_json(*once, options);
    const auto again = from_json(written, {}, fetch);
    if (!again || to_json(*again, options) != written) std::abort();
  }
  return 0;
}
