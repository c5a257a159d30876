// Predictions by registered models, for services that have an image, a signal or a table and want an answer.
#pragma once

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

// What a model says of one picture, with all that must stand beside it wherever it is shown.
struct PictureAnswer {
  std::string prediction_id;  // of the stored prediction, on which verdicts are given
  std::string model_name;
  int model_version = 0;
  std::string model_hash;  // the bundle's id
  std::string stage;       // "candidate", "shadow", "live"
  std::string intended_use;
  std::string engine;
  std::vector<std::pair<std::string, double>> outputs = {};  // class, probability
  std::string finding;                                       // the class that the model decides for
  std::string class_name;                                    // the class that `probability` speaks of
  double probability = 0;
  std::optional<double> threshold = {};  // of models that decide between two classes
  Uncertainty uncertainty = {};
  // Why the model may not be asked about this picture; not empty: there is no finding and no number.
  std::vector<std::string> not_applicable = {};
  std::vector<std::string> warnings = {};  // "This version is not live: ..."
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
};

}  // namespace aceso::contracts
