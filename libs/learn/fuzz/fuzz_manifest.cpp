#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "manifest_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest =
      aceso::learn::parse_manifest({reinterpret_cast<const char*>(data), size}, std::uint64_t{1} << 20);
  if (manifest.ok() &&
      !aceso::learn::parse_manifest(aceso::learn::to_json(*manifest).dump(), std::uint64_t{1} << 20).ok())
    __builtin_trap();
  return 0;
}
