// Heads of DICOM files as an import reads them, and their planes as a stack.
#include <cstddef>
#include <cstdint>
#include <span>

#include "../src/dicom_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso;
  const auto key = crypto::SecretKey::from_bytes(std::vector<std::byte>(32, std::byte{1}));
  const models::Pseudonyms pseudonyms{*key};
  const auto image = models::read_dicom_image(std::as_bytes(std::span{data, size}), pseudonyms, true);
  if (!image) return 0;
  if (image->planes.size() != image->format.frames) __builtin_trap();
  std::vector<dicom::Plane> planes;
  for (const auto& plane : image->planes) {
    if (plane) planes.push_back(*plane);
  }
  const auto stack = dicom::stack_planes(planes);
  if (stack && (stack->order.size() != planes.size() || !(stack->spacing_mm > 0))) __builtin_trap();
  return 0;
}
