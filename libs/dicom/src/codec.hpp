// Decoders of one frame. Each checks the codestream's own header against the image pixel module before a foreign
// library sees a byte, so that what is allocated is bounded by what the object declares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/pixel.hpp"

namespace aceso::dicom {

// Samples as a codec gives them: rows * columns * samples of the expected format, `width` bytes each (1, 2 or 4) in the
// machine's order, interleaved or plane by plane.
struct Samples {
  int width = 1;
  std::uint16_t precision = 8;  // bits of a sample in the codestream
  bool is_signed = false;       // already sign extended
  bool exact = false;           // the coding is reversible
  bool planes = false;
  Photometric photometric = Photometric::monochrome2;
  std::vector<std::byte> data;
};

// Native little endian samples, plane by plane.
Result<std::vector<std::byte>> decode_rle(const PixelFormat& format, std::span<const std::byte> encoded);
Result<Samples> decode_jpeg(const PixelFormat& format,
                            std::span<const std::byte> encoded);  // every process but JPEG-LS
Result<Samples> decode_jpeg_ls(const PixelFormat& format, std::span<const std::byte> encoded);
Result<Samples> decode_jpeg_2000(const PixelFormat& format, std::span<const std::byte> encoded);  // HTJ2K too
// Raw deflate of native little endian data (PS3.5 A.4.14), at most `size` bytes.
Result<std::vector<std::byte>> inflate_frame(std::span<const std::byte> encoded, std::uint64_t size);
// The sizes of all formats are bounded by DecodeLimits before any of these runs.
Result<Frame> native_frame(const PixelFormat& format, std::span<const std::byte> bytes, bool big_endian,
                           std::uint32_t bit_offset);

inline std::uint64_t sample_count(const PixelFormat& format) noexcept {
  return std::uint64_t{format.rows} * format.columns * format.samples;
}

// Bits of a sample in a decoded frame.
inline std::uint16_t frame_bits(const PixelFormat& format) noexcept {
  return format.bits_allocated < 8 ? std::uint16_t{8} : format.bits_allocated;
}

}  // namespace aceso::dicom
