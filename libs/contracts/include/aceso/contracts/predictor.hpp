// Predictions by registered models, for services that have an image, a volume, a signal or a table and want an answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/applicability.hpp"
#include "aceso/learn/signature.hpp"

namespace aceso::contracts {

struct ModelRef {
  std::string name;  // "pneumonia"
  int version = 0;   // 0: the one promoted to live
};

struct Prediction {
  learn::NamedArrays outputs;
  std::string model_name;
  int model_version = 0;
  std::string model_hash;  // the bundle's id
  std::string stage;       // "candidate", "shadow", "live", "retired"
  std::string intended_use;
  double threshold = 0;
};

// How far an answer can be trusted.
struct Uncertainty {
  std::string text;  // for people, never empty: says so when nothing is known
  // Of validation cases with a like score, the share that was of the class, with its confidence interval.
  struct Interval {
    double observed = 0, low = 0, high = 0;
    double level = 0.95;
  };
  std::optional<Interval> interval = {};
};

// What a model drew into an image or a volume, in the input's own grid: no matter what the network works on, the mask
// has the spatial shape of what was given.
struct Outlines {
  learn::Array mask;           // uint8 [height, width] or [depth, height, width]; 0: background, k: labels[k - 1]
  learn::Array probabilities;  // float32 [labels, spatial...], of each label at each point
  std::vector<std::string> labels;
  std::vector<double> spacing_mm = {};  // of each axis of the mask; empty: unknown
  // One a label, in their order. A label that was not found has 0 points.
  struct Region {
    std::string label;
    std::uint64_t points = 0;     // pixels or voxels
    std::optional<double> size;   // mm2 of an image, mm3 of a volume; none where the spacing is unknown
    std::size_t parts = 0;        // that do not touch, not even at corners
    double mean_probability = 0;  // over its points, 0 when there are none
    double doubtful = 0;          // of the points from half the threshold on, the share that lies below half way
                                  // from the threshold to 1
  };
  std::vector<Region> regions = {};
};

// What a model says of one picture or volume, with all that must stand beside it wherever it is shown.
struct PictureAnswer {
  std::string prediction_id;  // of the stored prediction, on which verdicts are given
  std::string model_name;
  int model_version = 0;
  std::string model_hash;  // the bundle's id
  std::string stage;       // "candidate", "shadow", "live"
  std::string intended_use;
  std::string engine;
  std::vector<std::pair<std::string, double>> outputs = {};  // class, probability
  std::string finding;                                       // the class that the model decides for; of models that
                                                             // draw: the labels found, "none" without one
  std::string class_name;                                    // the class that `probability` speaks of
  double probability = 0;
  std::optional<double> threshold = {};  // of models that decide between two classes
  Uncertainty uncertainty = {};
  // Why the model may not be asked about this picture; not empty: there is no finding and no number.
  std::vector<std::string> not_applicable = {};
  std::vector<std::string> warnings = {};  // "This version is not live: ..."
  // Of models that draw outlines, when they are applicable; then `outputs` has the largest probability of each label,
  // `probability` the largest of all.
  std::optional<Outlines> outlines = {};
};

// A volume, or an image that is no picture: values as the model's data set has them (CT: Hounsfield units), row-major.
struct VolumeInput {
  learn::Array values;                  // [depth, height, width]; [height, width] or [height, width, channels]
  std::vector<double> spacing_mm = {};  // of each spatial axis in the order of the shape; empty: unknown
};

// Thread-safe.
class Predictor {
 public:
  virtual ~Predictor() = default;
  virtual Result<learn::ModelSignature> signature(const ModelRef& model) const = 0;
  virtual Result<Prediction> predict(const ModelRef& model,
                                     const learn::NamedArrays& batch) = 0;  // batch checked against the signature
  // One picture as people see it, grey or RGB, and what is known of it beside its size; scaled and normalised as the
  // signature's preprocessing says. Stored and audited as the node's own. Errors: not_found (no such model),
  // precondition (retired, none is live), unsupported (the model reads no pictures), invalid (the picture is not what
  // the model was made for, and why), unavailable, exhausted, timeout.
  virtual Result<PictureAnswer> predict_picture(const ModelRef& model, const imaging::Image& picture,
                                                const learn::InputFacts& facts) = 0;
  // The same of a volume or of values as they were measured: classes or outlines. The array as NPY is what is stored
  // and hashed. Errors: as predict_picture(); too_large (more values than the node allows).
  virtual Result<PictureAnswer> predict_volume(const ModelRef& /*model*/, const VolumeInput& /*input*/,
                                               const learn::InputFacts& /*facts*/) {
    return Error{Code::unsupported, "no model here reads volumes"};
  }
};

}  // namespace aceso::contracts
