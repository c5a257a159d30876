// Frames into transfer syntaxes: for objects the node makes, for transcoding on request and for recompression.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/pixel.hpp"

namespace aceso::dicom {

struct EncodeOptions {
  int jpeg_quality = 90;  // 1 to 100, of JPEG baseline
};

// Explicit little endian (any frame), RLE, JPEG baseline (8 bits, grey or RGB; the only lossy one), JPEG-LS lossless,
// JPEG 2000 lossless, HTJ2K lossless in either progression (integers of at most 16 bits).
bool can_encode(std::string_view syntax_uid) noexcept;

// One frame's bytes, interleaved (RLE by planes, as it must be). Errors: unsupported (see above), invalid (fields of
// the frame contradict each other). Thread-safe.
Result<std::vector<std::byte>> encode_frame(const Frame& frame, std::string_view syntax_uid,
                                            const EncodeOptions& options = {});

// PhotometricInterpretation of an object that holds such frames: JPEG baseline and the JPEG 2000 family transform RGB.
std::string_view encoded_photometric(const Frame& frame, std::string_view syntax_uid) noexcept;

// A picture of 8 bits, grey or RGB, as a JPEG file. Errors as above.
Result<std::vector<std::byte>> encode_jpeg(const imaging::Image& image, int quality = 90);

}  // namespace aceso::dicom
