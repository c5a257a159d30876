#include "aceso/imaging/image.hpp"

#include <array>
#include <cstring>

#include "tiff.hpp"

namespace aceso::imaging {
namespace {

constexpr std::array<unsigned char, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::array<unsigned char, 3> kJpeg{0xFF, 0xD8, 0xFF};

template <std::size_t N>
bool begins_with(std::span<const std::byte> bytes, const std::array<unsigned char, N>& magic) noexcept {
  return bytes.size() >= N && std::memcmp(bytes.data(), magic.data(), N) == 0;
}

constexpr std::array<unsigned char, 4> kTiffLittle{'I', 'I', 42, 0};
constexpr std::array<unsigned char, 4> kTiffBig{'M', 'M', 0, 42};
constexpr std::array<unsigned char, 4> kBigTiffLittle{'I', 'I', 43, 0};
constexpr std::array<unsigned char, 4> kBigTiffBig{'M', 'M', 0, 43};
constexpr std::array<unsigned char, 2> kBmp{'B', 'M'};

}  // namespace

ImageFormat detect_format(std::span<const std::byte> bytes) noexcept {
  if (begins_with(bytes, kPng)) return ImageFormat::png;
  if (begins_with(bytes, kJpeg)) return ImageFormat::jpeg;
  for (const auto& magic : {kTiffLittle, kTiffBig, kBigTiffLittle, kBigTiffBig}) {
    if (begins_with(bytes, magic)) return ImageFormat::tiff;
  }
  if (begins_with(bytes, kBmp)) return ImageFormat::bmp;
  return ImageFormat::unknown;
}

Result<Image> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits) {
  switch (detect_format(bytes)) {
    case ImageFormat::png:
      return decode_png(bytes, limits);
    case ImageFormat::jpeg:
      return decode_jpeg(bytes, limits);
    case ImageFormat::tiff:
      return decode_tiff(bytes, limits);
    case ImageFormat::bmp:
      return decode_bmp(bytes, limits);
    case ImageFormat::unknown:
      break;
  }
  return Error{Code::unsupported, "no PNG, JPEG, TIFF or BMP image"};
}

Result<int> image_bits(std::span<const std::byte> bytes) {
  constexpr std::size_t kPngDepthAt = 24;
  switch (detect_format(bytes)) {
    case ImageFormat::png:
      if (bytes.size() <= kPngDepthAt) return Error{Code::invalid, "PNG: the file ends too early"};
      return bytes[kPngDepthAt] == std::byte{16} ? 16 : 8;
    case ImageFormat::tiff:
      return tiff_bits(bytes);
    case ImageFormat::jpeg:
    case ImageFormat::bmp:
      return 8;
    case ImageFormat::unknown:
      break;
  }
  return Error{Code::unsupported, "no PNG, JPEG, TIFF or BMP image"};
}

}  // namespace aceso::imaging
