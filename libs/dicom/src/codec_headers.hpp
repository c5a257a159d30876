// The headers of JPEG (ITU-T T.81 B.2), JPEG-LS (T.87 C.1) and JPEG 2000 (T.800 Annex A) codestreams: only what says
// how large the image is and how it is coded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/base/result.hpp"
#include "aceso/dicom/pixel.hpp"

namespace aceso::dicom {

struct JpegHeader {
  std::uint8_t process = 0;  // low byte of the start-of-frame marker: 0xC0 baseline, 0xC3 lossless, 0xF7 JPEG-LS
  std::uint8_t precision = 0;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  std::uint8_t components = 0;
  bool jfif = false;
  bool adobe = false;
  std::uint8_t adobe_transform = 0;
};
// Errors: invalid.
Result<JpegHeader> read_jpeg_header(std::span<const std::byte> encoded);

struct Jpeg2000Header {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint16_t components = 0;
  std::uint16_t precision = 0;  // the largest of the components
  bool is_signed = false;
  bool subsampled = false;
  bool reversible = false;
  bool high_throughput = false;       // a CAP marker that announces T.814
  std::span<const std::byte> stream;  // the codestream inside a JP2 file, else all
};
// Errors: invalid, unsupported (components of different depth).
Result<Jpeg2000Header> read_jpeg_2000_header(std::span<const std::byte> encoded);

// Errors: invalid when a codestream is not of the size the object declares.
Status check_size(const PixelFormat& format, std::uint64_t rows, std::uint64_t columns, unsigned components,
                  unsigned precision);

}  // namespace aceso::dicom
