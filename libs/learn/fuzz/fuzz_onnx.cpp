// Neither depth nor size of what a model claims may matter to the check.
#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/learn/onnx_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto summary = aceso::learn::check_onnx(bytes);
  if (summary.ok() && summary->nodes > size) __builtin_trap();
  return 0;
}
