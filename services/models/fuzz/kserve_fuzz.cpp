// KServe v2 requests: a body of JSON, or "#LENGTH\n" as the header's value and then a body with bytes behind its JSON.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../src/kserve.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view body{reinterpret_cast<const char*>(data), size}, header;
  if (const auto line = body.find('\n'); body.starts_with('#') && line != std::string_view::npos) {
    header = body.substr(1, line - 1);
    body.remove_prefix(line + 1);
  }
  const auto request = aceso::models::parse_kserve_request(body, header);
  if (!request) return 0;
  for (const auto& [name, array] : request->inputs) {
    const auto count = aceso::learn::element_count(array.shape);
    if (!count || array.data.size() != static_cast<std::size_t>(*count) * aceso::learn::size_of(array.dtype))
      __builtin_trap();
  }
  return 0;
}
