// What is accepted must fit its declared size and survive being written as PNG.
#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/imaging/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const aceso::imaging::ImageLimits limits{.side = 4096, .bytes = std::uint64_t{16} << 20};
  const auto image = aceso::imaging::decode_bmp({reinterpret_cast<const std::byte*>(data), size}, limits);
  if (image.ok() && !aceso::imaging::encode_png(*image).ok()) __builtin_trap();
  return 0;
}
