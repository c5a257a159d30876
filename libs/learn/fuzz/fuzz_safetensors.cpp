// What is accepted must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/learn/array.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto value = aceso::learn::parse_safetensors(bytes);
  if (value.ok() && !aceso::learn::parse_safetensors(aceso::learn::to_safetensors(*value, {})).ok()) __builtin_trap();
  return 0;
}
