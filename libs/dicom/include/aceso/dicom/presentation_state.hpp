// Graphics over images as Grayscale Softcopy Presentation States (PS3.3 A.33.1): where something is, without touching
// the image.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/derived.hpp"
#include "aceso/dicom/pixel.hpp"

namespace aceso::dicom {

inline constexpr std::string_view kGrayscalePresentation = "1.2.840.10008.5.1.4.1.1.11.1";

// In pixels of the image, (column, row): the top left corner of the first pixel is (0.5, 0.5), its centre (1, 1)
// (PS3.3 C.10.5.1.2).
using ImagePoint = std::array<double, 2>;

struct GraphicAnnotation {
  std::size_t image = 0;  // of the images given
  enum class Kind : std::uint8_t { point, polyline, ellipse } kind = Kind::polyline;
  // One point; two or more, the first again at the end of a closed line; four ends of the axes, major axis first.
  std::vector<ImagePoint> points = {};
  std::string text = {};  // beside it; empty: none
};

struct PresentationState {
  std::string label = "AI";           // Content Label: 16 capitals, digits, spaces, underscores at most
  std::string description = {};       // Content Description
  std::string notice = {};            // stands in a corner of every image
  std::optional<Window> window = {};  // else the first image's own
  std::vector<GraphicAnnotation> annotations = {};
};

// `images`: grey images of one frame each, of one study. Every image is displayed whole, with the modality LUT's
// rescaling of the first. Errors: invalid (no image; no annotation and no notice; an index out of range, a number of
// points that the kind does not take, points that are not finite; a label that is none), unsupported (colour, several
// frames).
Result<Dataset> make_presentation_state(std::span<const Dataset* const> images, const DerivedObject& object,
                                        const PresentationState& state);

}  // namespace aceso::dicom
