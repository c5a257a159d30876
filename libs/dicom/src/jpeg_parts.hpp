// The two libraries that decode JPEG: libjpeg-turbo for 8 bits, DCMTK's for 12 bits and for lossless.
#pragma once

#include "codec.hpp"
#include "codec_headers.hpp"

namespace aceso::dicom {

enum class JpegColour : std::uint8_t { none, ycbcr };

Result<Samples> decode_jpeg_8(const PixelFormat& format, std::span<const std::byte> encoded, JpegColour colour);
Result<Samples> decode_jpeg_deep(const PixelFormat& format, std::span<const std::byte> encoded,
                                 const JpegHeader& header);

}  // namespace aceso::dicom
