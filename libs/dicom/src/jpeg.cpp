// Which JPEG process a frame is, by its own header: transfer syntaxes are mislabelled too often to be believed.
#include "jpeg_parts.hpp"

namespace aceso::dicom {
namespace {

// PhotometricInterpretation says what the components are (PS3.5 8.2.1), but for streams that say otherwise themselves:
// Adobe's marker names the transform, and JFIF is YCbCr by definition.
JpegColour colour_of(const PixelFormat& format, const JpegHeader& header) {
  if (header.components != 3) return JpegColour::none;
  if (header.adobe) return header.adobe_transform == 0 ? JpegColour::none : JpegColour::ycbcr;
  if (format.photometric == Photometric::rgb) return header.jfif ? JpegColour::ycbcr : JpegColour::none;
  return JpegColour::ycbcr;
}

}  // namespace

Result<Samples> decode_jpeg(const PixelFormat& format, std::span<const std::byte> encoded) {
  ACESO_TRY(const JpegHeader header, read_jpeg_header(encoded));
  if (header.process == 0xF7) return decode_jpeg_ls(format, encoded);
  ACESO_TRY_OK(check_size(format, header.rows, header.columns, header.components, header.precision));
  const bool lossless = header.process == 0xC3;
  if (header.process > 0xC3) return Error{Code::unsupported, "JPEG: a process no decoder knows"};
  if (!lossless && header.precision == 8) return decode_jpeg_8(format, encoded, colour_of(format, header));
  return decode_jpeg_deep(format, encoded, header);
}

}  // namespace aceso::dicom
