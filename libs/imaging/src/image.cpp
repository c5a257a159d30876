#include "aceso/imaging/image.hpp"

#include <array>
#include <cstring>

namespace aceso::imaging {
namespace {

constexpr std::array<unsigned char, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::array<unsigned char, 3> kJpeg{0xFF, 0xD8, 0xFF};

template <std::size_t N>
bool begins_with(std::span<const std::byte> bytes, const std::array<unsigned char, N>& magic) noexcept {
  return bytes.size() >= N && std::memcmp(bytes.data(), magic.data(), N) == 0;
}

}  // namespace

ImageFormat detect_format(std::span<const std::byte> bytes) noexcept {
  if (begins_with(bytes, kPng)) return ImageFormat::png;
  if (begins_with(bytes, kJpeg)) return ImageFormat::jpeg;
  return ImageFormat::unknown;
}

Result<Image> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits) {
  switch (detect_format(bytes)) {
    case ImageFormat::png:
      return decode_png(bytes, limits);
    case ImageFormat::jpeg:
      return decode_jpeg(bytes, limits);
    case ImageFormat::unknown:
      break;
  }
  return Error{Code::unsupported, "neither a PNG nor a JPEG image"};
}

}  // namespace aceso::imaging
