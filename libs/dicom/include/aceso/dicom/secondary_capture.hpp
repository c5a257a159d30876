// Pictures as Secondary Capture Image objects (PS3.3 A.8.1): what every viewer can show.
#pragma once

#include <string>

#include "aceso/base/result.hpp"
#include "aceso/dicom/derived.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::dicom {

inline constexpr std::string_view kSecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";

struct CapturedPicture {
  imaging::Image image;     // 8 bits, grey or RGB
  std::string description;  // Derivation Description: what was done to the source
  std::string comment;      // Image Comments
};

// A derived secondary image, conversion type WSD, that refers to its source image; uncompressed. Burned In Annotation
// and earlier lossy compression are said as the source says them. Errors: invalid (the picture's fields contradict each
// other, more than 65535 rows or columns), unsupported (not 8 bits, or with opacity).
Result<Dataset> make_secondary_capture(const Dataset& source, const DerivedObject& object,
                                       const CapturedPicture& picture);

}  // namespace aceso::dicom
