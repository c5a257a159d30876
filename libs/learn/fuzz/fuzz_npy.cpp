// What is accepted must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/learn/array.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto value = aceso::learn::parse_npy(bytes, std::uint64_t{8} << 20);
  if (value.ok() && !aceso::learn::parse_npy(aceso::learn::to_npy(*value), std::uint64_t{8} << 20).ok())
    __builtin_trap();
  return 0;
}
