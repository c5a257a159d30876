// Pictures as they come from outside: PNG (ISO/IEC 15948), JPEG (ITU-T T.81), TIFF (Adobe TIFF 6.0) and BMP (Windows
// GDI bitmaps) to plain pixels, and pixels to PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::imaging {

// Row-major, channels interleaved, no padding. 16-bit values in the machine's byte order.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  int channels = 1;               // 1 grey, 2 grey + opacity, 3 RGB, 4 RGB + opacity
  int bits = 8;                   // of a value: 8 or 16
  std::vector<std::byte> pixels;  // height * width * channels * bits / 8 bytes
};

struct ImageLimits {
  std::int64_t side = 32768;                       // of either width or height
  std::uint64_t bytes = std::uint64_t{512} << 20;  // of decoded pixels; checked before they are allocated
  std::uint64_t pixels = std::uint64_t{1} << 30;   // width times height, likewise
};

enum class ImageFormat : std::uint8_t { png, jpeg, tiff, bmp, unknown };
// By the first bytes only.
ImageFormat detect_format(std::span<const std::byte> bytes) noexcept;

// PNG of any colour type and depth: palettes become RGB (RGB + opacity with tRNS), 1, 2 and 4 bit grey becomes 8 bit
// over the full range. Gamma and colour profiles are not applied. JPEG: grey stays grey, all else becomes RGB; 8 bit
// only. TIFF: one page, 1, 2, 4, 8 or 16 bits unsigned, grey, palette, RGB or YCbCr, strips or tiles, libtiff's
// compressions; MinIsWhite is inverted, so that 0 is black everywhere. BMP: 1 to 32 bits a pixel, not run-length coded.
// Errors: invalid (no such image, truncated, damaged: "PNG: ..."), too_large (past the limits, before
// allocation), unsupported. Thread-safe.
Result<Image> decode_png(std::span<const std::byte> bytes, const ImageLimits& limits = {});
Result<Image> decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits = {});
Result<Image> decode_tiff(std::span<const std::byte> bytes, const ImageLimits& limits = {});
Result<Image> decode_bmp(std::span<const std::byte> bytes, const ImageLimits& limits = {});
Result<Image> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits = {});  // by detect_format

// 8 or 16, from the header alone: what the decoders give for `bits`. Errors as theirs; a damaged rest is not seen.
Result<int> image_bits(std::span<const std::byte> bytes);

// Errors: invalid when the image's fields contradict each other. Equal images give equal bytes. Thread-safe.
Result<std::vector<std::byte>> encode_png(const Image& image);

}  // namespace aceso::imaging
