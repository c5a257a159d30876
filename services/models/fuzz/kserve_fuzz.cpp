// KServe v2 requests.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../src/kserve.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = aceso::models::parse_kserve_request({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  for (const auto& [name, array] : request->inputs) {
    const auto count = aceso::learn::element_count(array.shape);
    if (!count || array.data.size() != static_cast<std::size_t>(*count) * aceso::learn::size_of(array.dtype))
      __builtin_trap();
  }
  return 0;
}
