// Outlines: masks that a network draws, in the grid of the image or volume that it was given, and how good they are.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/learn/overlap.hpp"
#include "aceso/learn/signature.hpp"

namespace aceso::learn {

bool draws_outlines(const ModelSignature& signature) noexcept;
std::vector<std::string> outline_labels(const ModelSignature& signature);  // without the background

// [n, outputs, spatial...] for the model's input [n, channels, spatial...].
using Forward = std::function<Result<Array>(const Array& inputs)>;
Forward forward_of(InferenceSession& session, const ModelSignature& signature);

// Brings samples to the signature's spacing, preprocesses, runs the network, slides it over the sample where the
// signature has a window, and brings the answer back to the sample's own grid: for each sample [outputs, spatial...]
// float32. `spacings_mm`: of each sample by axis; empty, for one or for all, where it is not known. Errors: invalid (a
// sample that the model does not take), too_large, cancelled, those of `forward`.
Result<std::vector<Array>> outline_probabilities(const Forward& forward, const ModelSignature& signature,
                                                 std::span<const Array> samples,
                                                 std::span<const std::vector<double>> spacings_mm,
                                                 const std::stop_token& stop);

// uint8 [spatial...]. One output: 1 where it reaches the threshold; several: the largest.
Array draw_mask(const Array& probabilities, double threshold);

// What was drawn of one label.
struct Region {
  std::uint64_t points = 0;
  std::size_t parts = 0;        // that do not touch, not even at corners
  double mean_probability = 0;  // over its points, 0 without one
  double doubtful = 0;  // of all points from half the threshold on, the share below half way from the threshold to 1
};
// One a label. The threshold of several labels counts as 0.5.
std::vector<Region> regions_of(const Array& probabilities, const Array& mask, double threshold);
// How sure a drawing is as a whole: the mean probability over all points drawn; where nothing was drawn, 1 minus the
// largest probability.
double sureness(const Array& probabilities, const Array& mask);

// One sample judged.
struct OutlineCase {
  std::string group;
  std::size_t index = 0;  // into the dataset's samples
  struct Label {
    Overlap overlap;
    std::optional<double> hd95;
    Detection detection;
  };
  std::vector<Label> labels;
  double sure = 0;
};
double mean_dice(const OutlineCase& judged);  // over labels
struct OutlineCases {
  std::vector<std::string> labels;
  bool in_mm = false;  // distances; only where all samples have a spacing
  std::vector<OutlineCase> cases;
  std::size_t without_mask = 0;  // samples of the split that nobody outlined: they are not judged
};
// Errors: invalid (no sample of the split has a mask, or one has a label that the model does not know), cancelled.
Result<OutlineCases> judge_outlines(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                                    Split split, double threshold, ProgressSink& progress, const std::stop_token& stop);

// Of the thresholds 0.05, 0.1 ... 0.95 the one with the best mean Dice on the split, which should be validation; 0.5
// for several labels.
Result<double> choose_outline_threshold(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                                        Split split, const std::stop_token& stop);

// Mean Dice over samples and labels, for the choice of an epoch; without distances, and so quicker.
Result<double> mean_dice(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                         std::span<const std::size_t> samples, int batch, const std::stop_token& stop);

// What the trivial model of outlines gives on the same samples: one threshold on the grey value, chosen on the training
// split.
struct OutlineBaseline {
  std::vector<double> dice;  // of each case
  Json about;                // {kind, threshold, side}
};
// Only for one label and one channel; invalid otherwise.
Result<OutlineBaseline> outline_baseline(const ModelSignature& signature, const Dataset& training,
                                         const Dataset& dataset, const OutlineCases& cases,
                                         const std::stop_token& stop);

// {kind: "outlines", samples, classes, threshold, unit, groups, metrics {dice, iou, hd95, part_sensitivity,
// false_parts}, per_label, cases, empty, baseline, adds_nothing, validation_outlines}. Intervals: bootstrap over groups
// (patients) where there are, else over samples; Wilson for shares of samples. `baseline` and `validation` may be null.
// The same input gives the same JSON.
Json evaluate_outlines(const OutlineCases& cases, double threshold, std::uint64_t seed, const OutlineBaseline* baseline,
                       const OutlineCases* validation);

// The worst, middle and best cases with both outlines over the image: [{kind: "worst" | "middle" | "best", png (base64,
// at most 192 pixels a side), dice, hd95}]; of volumes the slice in which the truth is largest. No ids.
Json outline_gallery(const Forward& forward, const ModelSignature& signature, const OutlineCases& cases,
                     double threshold, const Dataset& dataset, const std::stop_token& stop, std::size_t each = 4);

}  // namespace aceso::learn
