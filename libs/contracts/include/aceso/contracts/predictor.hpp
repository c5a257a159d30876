// Predictions by registered models, for services that have an image, a signal or a table and want an answer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
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

// Thread-safe.
class Predictor {
 public:
  virtual ~Predictor() = default;
  virtual Result<learn::ModelSignature> signature(const ModelRef& model) const = 0;
  virtual Result<Prediction> predict(const ModelRef& model,
                                     const learn::NamedArrays& batch) = 0;  // batch checked against the signature
};

}  // namespace aceso::contracts
