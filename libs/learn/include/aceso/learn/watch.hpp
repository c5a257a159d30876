// Watching a model without labels: what is noted of each answer, the reference it is compared with, and the verdict on
// a window of answers: drift of inputs, of embeddings and of scores with correction for many tests, and the
// performance to be expected from calibrated scores.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/applicability.hpp"
#include "aceso/stats/recalibration.hpp"

namespace aceso::learn {

enum class WatchGroup : std::uint8_t { input, embedding, score };
std::string_view to_string(WatchGroup group) noexcept;

struct WatchFeature {
  std::string name;  // "intensity mean"
  WatchGroup group = WatchGroup::input;
  bool operator==(const WatchFeature&) const = default;
};

// What is noted of each answer of a model, in this order:
//   input: of tables of at most 32 columns each column, of anything else five figures of the sample as the network gets
//     it: mean, standard deviation, 5 % and 95 % quantile, and detail, the mean absolute difference of neighbours along
//     the last axis;
//   embedding: the distances of Applicability, and the first four components of the embedding;
//   score: the first 16 outputs.
// `score_names`: of the outputs. The layout of a bundle never changes: `kWatchLayout` counts changes of this function.
inline constexpr std::int64_t kWatchLayout = 1;
std::vector<WatchFeature> watch_layout(const ModelSignature& signature, const Applicability& applicability,
                                       const std::vector<std::string>& score_names);

// The values of one sample, as many as watch_layout() has names; NaN where a part is not known. `inputs`: the model's
// first input [N, ...], float32, else the input's values are NaN; of more than 65,536 values every n-th row of the last
// axis is looked at. `embedding` and `scores` may be empty.
std::vector<double> watch_values(const ModelSignature& signature, const Applicability& applicability,
                                 const Array& inputs, std::size_t sample, std::span<const float> embedding,
                                 std::span<const double> scores, std::size_t score_count);

struct WatchCase {
  std::vector<double> values;  // as the layout has them
  int finding = -1;            // index into the reference's findings; -1: none of them
  double score = 0;            // of the positive class (two classes), or of the finding
  bool applicable = true;      // the model answered
  bool unusual = false;        // Familiarity::State::unusual or beyond
};

// What answers are compared with. Carried in the bundle (evidence/applicability.json, "watch"), fitted on validation
// data; a version without one is compared with its own first answers.
struct WatchReference {
  std::string source;       // "validation" or "first answers"
  std::uint64_t cases = 0;  // that it was fitted on
  std::vector<WatchFeature> features;
  std::vector<std::vector<double>> values;    // of each feature, rising: at most kWatchSample, evenly picked by rank
  std::vector<std::string> findings;          // what a model may decide for
  std::vector<std::uint64_t> finding_counts;  // of each
  std::uint64_t not_applicable = 0, unusual = 0;
  // How often the model is right at a score, where the truth was known. `two_classes`: the map gives the chance of the
  // positive class, else that the finding is right.
  std::optional<stats::IsotonicMap> calibration;
  bool two_classes = false;
  double threshold = 0.5;
  double expected_accuracy = 0;  // by the map, over the cases it was fitted on: mean chance of being right
  double expected_sd = 0;        // of that chance, over the same cases
};
inline constexpr std::size_t kWatchSample = 500;
inline constexpr std::size_t kWatchMinimum = 50;  // cases of a reference, and of a window

// invalid: fewer than kWatchMinimum cases, or values that do not fit the layout.
Result<WatchReference> fit_watch_reference(std::string source, std::vector<WatchFeature> layout,
                                           std::vector<std::string> findings, std::span<const WatchCase> cases);
// Adds calibration. `right`: of two classes 1 for the positive class, else 1 where the finding was right.
void calibrate_watch(WatchReference& reference, std::span<const WatchCase> cases, std::span<const int> right,
                     bool two_classes, double threshold);

Json to_json(const WatchReference& reference);
Result<WatchReference> parse_watch_reference(const Json& json);  // bounded; names the field

enum class WatchState : std::uint8_t { waiting, steady, warning, alarm };  // waiting: too few cases
std::string_view to_string(WatchState state) noexcept;

// An alarm needs both: a difference that chance explains too seldom, and one that is large enough to matter.
struct WatchRules {
  double alarm_level = 0.001;  // chance of one false alarm or more in a window, over all its tests (Holm)
  double warning_level = 0.01;
  double min_distance = 0.1;  // of features in standard deviations of the reference; of findings Jensen-Shannon
  double min_share = 0.05;    // of shares, and of a fall of the expected accuracy
  std::size_t min_cases = kWatchMinimum;
};

struct WatchTest {
  std::string name, group, method;    // group: input, embedding, score, quality, performance
  double reference = 0, current = 0;  // means, or shares
  double effect = 0;
  double p_value = 1, p_adjusted = 1;
  WatchState state = WatchState::steady;
};

// From scores alone (confidence-based estimation: Bialek et al., arXiv:2407.08649, 2024): right as long as the same
// score means the same chance as in validation, whatever mix of cases arrives; blind to a change of what scores mean.
struct EstimatedPerformance {
  double accuracy = 0, low = 0, high = 0;                 // 95 % of what chance makes of this many cases
  double expected = 0;                                    // in validation, by the same map
  std::optional<double> auroc, sensitivity, specificity;  // two classes
};

struct WatchVerdict {
  WatchState state = WatchState::waiting;
  std::size_t cases = 0;
  std::vector<WatchTest> tests;  // the surest first
  std::optional<EstimatedPerformance> performance;
};

// Kolmogorov and Smirnov's test for each feature, chi-square for findings and for the mean of the embedding's
// components together, Fisher's for shares of inputs that were unusual or not applicable, and a one-sided z test for
// the expected accuracy. Thread-safe.
WatchVerdict judge_window(const WatchReference& reference, std::span<const WatchCase> cases,
                          const WatchRules& rules = {});
Json to_json(const WatchVerdict& verdict);

}  // namespace aceso::learn
