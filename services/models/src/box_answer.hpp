// What is kept and shown of an answer that is boxes: where they are, how sure the model is of each, and how far that
// can be trusted.
#pragma once

#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/boxes.hpp"

namespace aceso::models {

// The boxes from the threshold on, the highest score first, at most learn::kMaxFound: {kind: "boxes", shape,
// spacing_mm, threshold, boxes: [{label, score, low, high, size_mm, uncertainty}], largest: [{label, score}] of each
// label, whether it is above the threshold or not, slice: of volumes the one through the middle of the first box}. low
// and high: edges in pixels along (depth,) height, width. size_mm: of each axis, null without a spacing. `table` as
// evaluate_boxes() has it under validation_boxes; null is none.
Json describe_boxes(const std::vector<std::string>& labels, const std::vector<learn::FoundBox>& found, double threshold,
                    const learn::Shape& shape, const std::vector<double>& spacing_mm, const Json& table);

// Of one box: the validation marks with about this score and how many of them lay on a finding, with its 95 % Wilson
// interval: {kind: "validation-marks", marks, hits, observed, low, high, level, score_low, score_high, outside, text};
// {kind: "none", text} where the table is null, too small, or has another shape.
Json box_uncertainty(const Json& table, double score);
// Of the whole answer, with what was found and missed on validation images: {kind: "by-box", images, findings, found,
// false_marks, text}; {kind: "none", text}. `marked`: whether a box is shown.
Json boxes_uncertainty(const Json& table, bool marked);

}  // namespace aceso::models
