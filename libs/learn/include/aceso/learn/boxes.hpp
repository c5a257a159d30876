// Boxes: what a network finds and where, in the grid of the image or volume that it was given, and how good that is.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/learn/signature.hpp"
#include "aceso/stats/froc.hpp"

namespace aceso::learn {

bool finds_boxes(const ModelSignature& signature) noexcept;
std::vector<std::string> box_labels(const ModelSignature& signature);

// One box found, in the sample's own grid: edges in pixels along (depth,) height, width, as Box has them.
struct FoundBox {
  int label = 0;  // into box_labels()
  double score = 0;
  std::vector<double> low = {}, high = {};
};
inline constexpr std::size_t kMaxFound = 100;    // of one sample: those with the highest scores
inline constexpr double kLeastScore = 0.01;      // less is not answered
inline constexpr double kSuppressOverlap = 0.5;  // of two boxes of one label that overlap more the lower score goes

// Common area or volume as a share of that of either; 0 for boxes without an inside. Equal numbers of axes.
double box_overlap(std::span<const double> low_a, std::span<const double> high_a, std::span<const double> low_b,
                   std::span<const double> high_b) noexcept;

// The boxes that one sample's answer [labels + 2 * axes, cells...] means, the highest score first: cells whose score no
// neighbour exceeds are centres (Zhou et al., arXiv:1904.07850), their boxes are cut at the sample's borders, and what
// overlaps a better one of its label too much is left out (non-maximum suppression). `spatial`: the sample's own size.
// Not finite values are no centre. Thread-safe.
std::vector<FoundBox> decode_boxes(std::span<const float> answer, std::size_t labels, const Shape& cells,
                                   const Shape& spatial);

// Preprocesses samples, runs the network and decodes: of each sample its boxes. Errors: invalid (a sample that the
// model does not take), internal (an answer of another shape, or not finite), those of `forward`.
Result<std::vector<std::vector<FoundBox>>> find_boxes(const Forward& forward, const ModelSignature& signature,
                                                      std::span<const Array> samples);

// One sample with its truth; labels of both are those of the model.
struct BoxCase {
  std::string group;
  std::size_t index = 0;  // into the dataset's samples
  std::vector<FoundBox> found;
  std::vector<Box> truth;
};
struct BoxCases {
  std::vector<std::string> labels;
  std::vector<BoxCase> cases;
  std::size_t without = 0;  // samples of the split of which nobody said where anything is: they are not judged
};
// Samples that have a box, or whose target says that there is nothing to box (box_samples). Errors: invalid (no such
// sample, no box in the whole dataset, or one of a class that the model does not know), cancelled.
Result<BoxCases> judge_boxes(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                             Split split, ProgressSink& progress, const std::stop_token& stop);

// When a box found is the finding: its centre lies in the true box, or both overlap by an IoU of `least_overlap` or
// more. The best score chooses first, among the true boxes of its label that are still free, the one with the largest
// overlap; each is found once. centre: further boxes on what is found already do not count at all, as LUNA16's
// evaluation has it; overlap: they are false, as COCO's has it.
enum class BoxRule : std::uint8_t { centre, overlap };
struct BoxMatch {
  enum class State : std::uint8_t { hit, wrong, again };
  std::vector<State> found;  // of each box found
  std::vector<bool> missed;  // of each true box
};
BoxMatch match_boxes(const BoxCase& one, BoxRule rule, double least_overlap = 0.5);

// Marks of all cases, of one label or of all.
Result<stats::MarkedImages> box_marks(const BoxCases& cases, BoxRule rule, double least_overlap,
                                      std::optional<std::size_t> label = {});

// Average precision at an IoU of 0.5, the mean over the labels that have a true box; nullopt where none has.
std::optional<double> box_average_precision(const BoxCases& cases);

// The score from which on the harmonic mean of sensitivity and positive predictive value (F1, by centres, all labels
// together) is best on these cases, which should be validation; 0.5 where there is no hit.
double choose_box_threshold(const BoxCases& cases);

// What the trivial model finds: the places where training boxes lie most often, the same on every image.
struct BoxBaseline {
  BoxCases cases;  // as the model's, with what the trivial model finds
  Json about;      // {kind, places, training_samples}
};
// invalid: the training split has no boxes of the model's labels.
Result<BoxBaseline> box_baseline(const ModelSignature& signature, const Dataset& training, const Dataset& dataset,
                                 const BoxCases& cases);

// {kind: "boxes", samples, classes, threshold, groups, findings, clear, without_boxes, metrics {froc, ap50, ap,
// sensitivity, ppv, f1, false_marks, left_clear}, sensitivities [{false_positives, sensitivity}], froc
// [{false_positives, sensitivity, threshold}], per_label, sizes, baseline, adds_nothing, validation_boxes}. FROC and
// what is counted at the threshold go by centres, average precision by overlap. Intervals: bootstrap over groups
// (patients) where there are, else over samples. `baseline` and `validation` may be null. Adds nothing: the lower bound
// of the gain in FROC score (paired) is not above 0. The same input gives the same JSON.
Json evaluate_boxes(const BoxCases& cases, double threshold, std::uint64_t seed, const BoxBaseline* baseline,
                    const BoxCases* validation);

// Cases with most wrong, and others, with true and found boxes over the image: [{kind: "worst" | "right", png (base64,
// at most 192 pixels a side), findings, found, false}]; of volumes the slice through the middle of the first box. No
// ids.
Json box_gallery(const BoxCases& cases, double threshold, const Dataset& dataset, std::size_t each = 6);

}  // namespace aceso::learn
