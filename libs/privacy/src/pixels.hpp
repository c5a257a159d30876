// Text that devices burn into pictures.
#pragma once

#include <string>
#include <vector>

#include "aceso/dicom/parse.hpp"
#include "aceso/privacy/deidentify.hpp"
#include "burned_text.hpp"

namespace aceso::privacy {

// Why the picture may hold text, "" when nothing says so: secondary captures, ultrasound, endoscopy and photography,
// video, BurnedInAnnotation YES, screen shots.
std::string suspicion(const dicom::Object& object);

struct Blanking {
  std::vector<Rectangle> blank;
  std::vector<Rectangle> keep;
  std::vector<std::string> rules;
  bool empty() const noexcept { return blank.empty() && keep.empty(); }
};
// The rules that match, and the image regions that ultrasound objects declare (PS3.3 C.8.5.5), outside of which lie the
// patient's name and the machine's figures.
Blanking blanking_for(const dicom::Object& object, const DeidOptions& options);

// Overlays in the unused bits of pixel cells (PS3.3 C.9.2, retired).
bool has_embedded_overlay(const dicom::Dataset& dataset);

struct PixelWork {
  Blanking blanking;
  bool detect = false;   // search for text after that
  std::string why;       // suspicion()
  bool rewrite = false;  // for another reason, such as overlays in the pixel cells
};
struct CleanedPixels {
  bool changed = false;  // `out` holds native little endian pixels
  CleanedText text;
};
// Decodes every frame, blanks, looks for text, and puts native little endian pixels into `out` when something became
// black or must be rewritten. Errors: those of decode_frame and clean_text_of, too_large (2 GiB), unsupported.
Result<CleanedPixels> clean_pixels(const dicom::Object& object, std::span<const std::byte> bytes, const PixelWork& work,
                                   const DeidControl& control, dicom::Dataset& out);

}  // namespace aceso::privacy
