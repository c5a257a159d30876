// What a model drew, as a segmentation over its images and as measurements of the segments.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "aceso/dicom/measurement_report.hpp"
#include "analysis_result.hpp"

namespace aceso::archive {

// Of label k (from 0) on image `source`: one byte a pixel, 1 where it was drawn.
using MaskOf = std::function<std::vector<std::uint8_t>(std::size_t label, std::size_t source)>;

// Where a label covers most, and the box around it there.
struct DrawnPlace {
  dicom::ReferencedObject image;
  dicom::ImageRegion box;
};
struct DrawnResult {
  ResultObject object;
  std::vector<std::size_t> segment_of;  // by label: the segment's number, 0 when the label was not found
  std::vector<std::optional<DrawnPlace>> place_of = {};  // by label
  std::size_t key_source = 0;                            // the image with the largest share of what was drawn
};
// A binary segmentation of all labels that were found; nullopt when none was. `sources`: images of one series in
// ascending position. Errors: as make_results(); invalid (masks of another size than their images).
Result<std::optional<DrawnResult>> make_drawn(std::span<const dicom::Dataset* const> sources,
                                              const contracts::PictureAnswer& answer, const MaskOf& mask_of,
                                              const ResultPlan& plan);

// A group of measurements for each label that was found: TID 1410 with the box around it; of volumes TID 1411 with the
// segment, and TID 1410 under the same tracking UID, which viewers that show regions of images can show.
std::vector<dicom::MeasurementGroup> groups_of(const dicom::Dataset& source, const contracts::PictureAnswer& answer,
                                               const DrawnResult& drawn, bool volume, const ResultPlan& plan);

// The picture in colour, what was drawn outlined in the colour of its segment.
imaging::Image with_outlines(const imaging::Image& grey, std::size_t labels, const MaskOf& mask_of, std::size_t source);

// As make_results(), of `source`, the image that shows most of what was drawn.
Result<std::vector<ResultObject>> make_drawn_results(const dicom::Dataset& source, const imaging::Image& picture,
                                                     const contracts::PictureAnswer& answer, const DrawnResult& drawn,
                                                     bool volume, const ResultPlan& plan);

}  // namespace aceso::archive
