// Text that devices burn into pictures.
#pragma once

#include <string>
#include <vector>

#include "aceso/dicom/parse.hpp"
#include "aceso/privacy/deidentify.hpp"

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

// Decodes every frame, blanks, and puts native little endian pixels into `out`. Errors: those of decode_frame,
// too_large (2 GiB), unsupported.
Status rewrite_pixels(const dicom::Object& object, std::span<const std::byte> bytes, const Blanking& blanking,
                      dicom::Dataset& out);

}  // namespace aceso::privacy
