// What is accepted holds arrays that fill their shapes, and no more than the limit.
#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/learn/torch_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kLimit = std::uint64_t{16} << 20;
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto file = aceso::learn::parse_torch_file(bytes, kLimit);
  if (!file.ok()) return 0;
  std::uint64_t total = 0;
  for (const auto& [name, array] : file->weights) {
    const auto count = aceso::learn::element_count(array.shape);
    if (!count.ok() || static_cast<std::uint64_t>(*count) * size_of(array.dtype) != array.data.size()) __builtin_trap();
    total += array.data.size();
  }
  if (total > kLimit) __builtin_trap();
  return 0;
}
