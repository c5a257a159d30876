// Whether a model may answer at all, and how far to trust it: limits of its input that a program can check, how
// familiar an input looks, and conformal sets. Fitted on training and validation data, carried in the bundle
// (evidence/applicability.json), asked at every prediction.
#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/evaluate.hpp"
#include "aceso/learn/signature.hpp"
#include "aceso/stats/conformal.hpp"

namespace aceso::learn {

// Empty lists and absent numbers: no limit. Words are DICOM's codes where there are any (modality "DX", view "PA", body
// part "CHEST") and are compared without regard to case.
struct InputLimits {
  std::vector<std::string> modalities, views, body_parts;
  std::optional<double> age_min_years, age_max_years;
  std::optional<double> spacing_min_mm, spacing_max_mm;  // between pixel centres
  std::optional<std::int64_t> side_min, side_max;        // pixels of the shorter and of the longer side
};
Json to_json(const InputLimits& limits);
Result<InputLimits> parse_input_limits(const Json& json);  // unknown fields are errors; names the field

// What is known of one input; empty, absent or 0: not stated.
struct InputFacts {
  std::string modality = {}, view = {}, body_part = {};
  std::optional<double> age_years = {}, spacing_mm = {};
  std::int64_t height = 0, width = 0;
};
struct LimitsVerdict {
  std::vector<std::string> outside;    // reasons why the model is not applicable
  std::vector<std::string> unchecked;  // limits on something that was not stated
};
LimitsVerdict check_limits(const InputLimits& limits, const InputFacts& facts);

// Probabilistic principal components (Tipping and Bishop, J R Stat Soc B 61:611-622, 1999): the squared Mahalanobis
// distance from the training rows, with `noise` for all directions beyond the components.
struct Gaussian {
  std::vector<double> mean;        // [width]
  std::vector<double> components;  // [count][width], orthonormal
  std::vector<double> variances;   // [count], falling
  double noise = 0;
  double unusual = 0;  // distance that 99 % of validation rows stay below (conformal)
  double outside = 0;  // beyond it an input is nothing like the training data: unusual + 2 * (unusual - median)
  double distance(std::span<const double> row) const;
};
// `train`: rows * width. At most 24 components, by subspace iteration from a fixed start. invalid: fewer than
// 20 training rows or 100 validation rows, a width that does not fit, no variance. Deterministic.
Result<Gaussian> fit_gaussian(std::span<const float> train, std::span<const float> validation, std::size_t width);

struct Applicability {
  InputLimits limits;
  std::optional<Gaussian> appearance;  // of the input, shrunk to 16 x 16 (images), or as it is (at most 1024 values)
  std::optional<Gaussian> embedding;   // of what the last dense layer reads
  std::optional<stats::ConformalThresholds> conformal;  // of each class
};
Json to_json(const Applicability& applicability);
Result<Applicability> parse_applicability(const Json& json);  // bounded; null gives an empty one

// Name of the layer whose value the last dense layer reads; "" when there is none or it is wider than 1024.
std::string embedding_layer(const Network& network, const std::map<std::string, Shape>& inputs);

// The row that `appearance` judges, of sample `index` of the model's first input [N, C, spatial...]; empty when it has
// none.
std::vector<float> appearance_row(const Array& inputs, std::size_t index);

// From at most 2000 training samples, evenly picked, and all of `validation`, which are this session's predictions on
// that split. Parts that cannot be fitted are absent. `session` answers "embedding" when it was loaded with one.
Result<Applicability> fit_applicability(InferenceSession& session, const ModelSignature& signature,
                                        const Dataset& dataset, const Predictions& validation,
                                        const InputLimits& limits, double coverage, const std::stop_token& stop);

struct Familiarity {
  enum class State : std::uint8_t { unknown, usual, unusual, outside };
  State state = State::unknown;
  Json about;  // {state, appearance {distance, unusual, outside}, embedding {...}}
};
// `embedding` may be empty. State is the worse of the two.
Familiarity familiarity(const Applicability& applicability, std::span<const float> appearance,
                        std::span<const float> embedding);

}  // namespace aceso::learn
