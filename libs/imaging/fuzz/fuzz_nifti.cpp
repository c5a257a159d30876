// What is accepted must have the voxels that its size promises.
#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/imaging/nifti.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const aceso::imaging::NiftiLimits limits{.side = 4096, .bytes = std::uint64_t{16} << 20};
  const auto image = aceso::imaging::decode_nifti(bytes, limits);
  if (image.ok()) {
    std::uint64_t need = size_of(image->type) * static_cast<std::uint64_t>(image->volumes);
    for (const std::int64_t side : image->size) need *= static_cast<std::uint64_t>(side);
    if (image->data.size() != need || !aceso::imaging::read_nifti_header(bytes).ok()) __builtin_trap();
  }
  return 0;
}
