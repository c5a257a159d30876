#pragma once

#include "codec.hpp"
#include "codec_headers.hpp"

namespace aceso::dicom {

// Fills out.data, which has the frame's size. Errors: invalid.
Result<Samples> by_openjph(const PixelFormat& format, const Jpeg2000Header& header, Samples out);

}  // namespace aceso::dicom
