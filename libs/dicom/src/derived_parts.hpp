// What images and segmentations that the node makes say of the image they were made of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "aceso/dicom/derived.hpp"

namespace aceso::dicom {

// Body Part Examined and Laterality as the source says them. Laterality is type 2C: not there for a part that is not
// paired, empty only when it may be and nobody says.
void set_side(Dataset& d, const Dataset& source);

// Patient Orientation (type 2C of images without a plane) as the source says it, else empty.
void set_orientation(Dataset& d, const Dataset& source);

// An item of Source Image Sequence (PS3.3 C.7.6.1.1.4, C.7.6.16.2.6).
Dataset source_image_item(const Dataset& source);

// The first characters of a text for a VR that takes no more (PS3.5 6.2).
std::string clipped_text(std::string_view utf8, std::size_t characters);

// CS (PS3.5 6.2): 1 to 16 capitals, digits, spaces and underscores.
bool is_content_label(std::string_view text) noexcept;

}  // namespace aceso::dicom
