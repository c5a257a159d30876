// Burned-in text in the frames of an object: found, made black, looked for again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/privacy/deidentify.hpp"
#include "text_detector.hpp"

namespace aceso::privacy {

// What the detector looks at: grey frames over their full range and as a viewer shows them, colour ones by channel,
// lightness and colourfulness. Errors: those of render_frame; unsupported (floating point).
Result<std::vector<Plane>> planes_of(const dicom::Dataset& dataset, const dicom::Frame& frame,
                                     std::uint32_t frame_number);

// Stored values of a black pixel, one for each sample, by photometric interpretation and representation. Of a palette
// its darkest colour.
std::vector<std::int64_t> black_of(const dicom::Dataset& dataset, const dicom::Frame& frame,
                                   std::uint32_t frame_number);
void fill(dicom::Frame& frame, const Rectangle& area, const std::vector<std::int64_t>& value);

struct FoundText {
  Rectangle area;
  std::uint32_t first = 0;  // frames from 0, both included
  std::uint32_t last = 0;
  bool second_look = false;
};

struct CleanedText {
  std::vector<FoundText> found;
  std::size_t partly_searched = 0;  // frames with levels of brightness that the detector skipped as texture
};

// Finds text in all frames and makes it black; what stands in several frames of many becomes black in all of them.
// Then looks again with other settings, and once more at what that changed. Errors: precondition (text is still found),
// cancelled, those of planes_of.
Result<CleanedText> clean_text_of(const dicom::Dataset& dataset, std::vector<dicom::Frame>& frames,
                                  const DeidControl& control);

}  // namespace aceso::privacy
