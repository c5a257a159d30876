// What is kept and shown of an answer that is an outline: its mask and probabilities as blobs, sizes, lines, and how
// far it can be trusted.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/contracts/predictor.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/store/blobs.hpp"

namespace aceso::models {

// `probabilities`: [outputs, spatial...] as learn::outline_probabilities() gives them. `spacing_mm`: of each spatial
// axis, empty: unknown. Of several labels the background is left out.
contracts::Outlines make_outlines(const learn::ModelSignature& signature, learn::Array probabilities, double threshold,
                                  std::vector<double> spacing_mm);

// Stores mask and probabilities (in steps of 1/255) and describes them: {kind: "outlines", shape, spacing_mm, unit,
// mask_sha256, probabilities_sha256, regions: [{label, points, size, unit, parts, mean_probability, doubtful,
// largest}], contours: [{label, lines}] of images, null where they would be too many, slice: of volumes, the one with
// the largest outline}.
Result<Json> store_outlines(store::BlobStore& blobs, const contracts::Outlines& outlines);

// The group of validation cases that were drawn about as surely, with the Dice that they reached: {kind:
// "validation-dice", cases, median, low, high, level, sure, sure_low, sure_high, outside, text}; {kind: "none", text}
// when the table (evaluation.validation_outlines) is null or has another shape.
Json outline_uncertainty(const Json& table, double sure);

// The mask of one slice as an 8-bit grey PNG: label k of n is round(255 k / n). `slice` is 0 for images. Errors:
// invalid (no such slice), unsupported.
Result<std::vector<std::byte>> mask_png(const learn::Array& mask, std::size_t labels, std::int64_t slice);

}  // namespace aceso::models
