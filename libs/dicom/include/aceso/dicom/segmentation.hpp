// Masks over images as Segmentation objects (PS3.3 A.51, C.8.20).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/derived.hpp"

namespace aceso::dicom {

inline constexpr std::string_view kSegmentationStorage = "1.2.840.10008.5.1.4.1.1.66.4";

struct Segment {
  std::string label = {};                                                           // "nodule"
  std::string description = {};                                                     //
  CodedEntry category = {"49755003", "SCT", "Morphologically Abnormal Structure"};  // PS3.16 CID 7150
  CodedEntry type = {"52988006", "SCT", "Lesion"};                                  // PS3.16 CID 7151
  AlgorithmIdentification algorithm = {};                                           // AUTOMATIC
  std::string tracking_identifier = {}, tracking_uid = {};                          // both or none
  std::array<std::uint8_t, 3> colour_rgb{220, 60, 60};                              // recommended for display
};

// The mask of one segment on one image, row-major: of a binary segmentation 0 or 1, of a fractional one the
// probability times 255.
struct SegmentedFrame {
  std::size_t segment = 0;  // of `segments`
  std::size_t source = 0;   // of the sources given
  std::vector<std::uint8_t> values = {};
};

struct Segmentation {
  bool fractional = false;
  std::string label = "AI";      // Content Label: 16 capitals, digits, spaces, underscores at most
  std::string description = {};  // Content Description
  std::vector<Segment> segments = {};
  // Frames without a voxel may be left out. Written by segment, then in the order of the sources.
  std::vector<SegmentedFrame> frames = {};
};

// `sources`: images of one frame each, of one series and of one size, in ascending position. With a plane and a frame
// of reference the segmentation lies in the patient; without (projections) it refers to its images alone. Uncompressed,
// binary masks one bit a pixel. Errors: invalid (no source, segment or frame; sizes or series that differ; an index out
// of range; a value of a binary mask above 1; two frames of one segment and image; an algorithm without name or
// version), too_large (more than 2 GiB or 65535 segments), unsupported (sources of several frames).
Result<Dataset> make_segmentation(std::span<const Dataset* const> sources, const DerivedObject& object,
                                  const Segmentation& segmentation);

// sRGB (0 to 255, D65) as Recommended Display CIELab Value holds it (PS3.3 C.10.7.1.1): L* 0..100, a* and b* -128..127,
// each scaled to 0..65535.
std::array<std::int64_t, 3> dicom_cielab(std::array<std::uint8_t, 3> rgb);

}  // namespace aceso::dicom
