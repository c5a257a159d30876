// What is wrong with a dataset before anything is learnt from it: copies and near copies, copies across splits,
// patients on both sides, images under two labels, odd sizes and intensities, missing labels, class balance.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

// Two samples of which one is nearly the other: adjacent slices, another compression, brightness or contrast.
struct Twins {
  std::size_t a = 0, b = 0;  // a < b
  double similarity = 1;     // (0, 1]; 1: the same bytes when `exact`
  bool exact = false;
};

// Images and volumes are compared as thumbnails from which the sample's own mean and the dataset's mean thumbnail are
// taken away, so that what all chests have in common does not count: twins have a cosine of at least kTwinSimilarity on
// a 16 x 16 (8 x 8 x 8) grid and of at least 0.5 in the detail that a grid twice as fine adds. Candidates come from
// random-rotation hashing (Andoni et al., NIPS 2015) in 32 bands, so time grows nearly linearly; a pair at the
// threshold is missed with a probability below 1 %. Equal bytes are always found; signals and tables have no others.
constexpr double kTwinSimilarity = 0.95;
struct TwinSearch {
  std::vector<Twins> pairs;  // by descending similarity, then by index; a set of equal samples is a star, not a clique
  bool truncated = false;    // more than kMaxTwins pairs: the rest is left out
};
constexpr std::size_t kMaxTwins = 1'000'000;
// Errors: cancelled. Uses one thread.
Result<TwinSearch> find_twins(const Dataset& dataset, ProgressSink& progress, const std::stop_token& stop);

// none; some: at most 5 % of the samples held out have a twin in another split, figures are a little too good; leak:
// more, or a patient stands on both sides: figures on the samples held out mean nothing.
enum class LeakVerdict : std::uint8_t { none, some, leak };
std::string_view to_string(LeakVerdict verdict) noexcept;
struct Leakage {
  LeakVerdict verdict = LeakVerdict::none;
  std::size_t groups = 0;         // patients or blocks in more than one of train, validation and test
  std::size_t group_samples = 0;  // samples held out of those groups
  std::size_t pairs = 0;          // twins in different splits
  std::size_t held_out = 0;       // samples of validation and test
  std::size_t affected = 0;       // of them, those with a twin or a patient in a split that comes before theirs
  std::optional<Twins> example;
};
Leakage find_leakage(const Manifest& manifest, const std::vector<Twins>& twins);
// The same between the folds of a k-fold assignment: `held_out` are all samples in a fold.
Leakage find_fold_leakage(const Manifest& manifest, const std::vector<Twins>& twins);

// A sample whose label a model that has not seen it thinks unlikely.
struct LabelDoubt {
  std::size_t index = 0;
  double own = 0;          // out-of-fold probability of its own label
  int suggested = -1;      // the most probable class
  double probability = 0;  // of that class
};

struct CheckOptions {
  bool label_errors =
      false;  // out-of-fold logistic regression on thumbnails (confident learning, Northcutt et al. 2021)
  std::uint64_t seed = 1;
};

struct OddSample {
  std::size_t index = 0;
  std::string reason;  // "mean intensity 3.2 is far from the median of 118"
};

struct CheckReport {
  std::size_t samples = 0, unlabelled = 0, unassigned = 0;
  TwinSearch twins;
  std::size_t exact = 0;               // pairs of equal samples
  std::vector<std::size_t> conflicts;  // into twins.pairs: two labels
  std::size_t clusters = 0;            // of twins of twins
  std::size_t largest_cluster = 0;
  Leakage leakage, fold_leakage;
  double imbalance = 1;  // largest class over smallest, of the labelled samples
  std::vector<OddSample> odd_sizes, odd_intensities;
  std::vector<LabelDoubt> label_doubts;  // least likely first
  double label_auc = 0;                  // one class against the rest, out of fold, mean over classes; 0: not asked for
  std::vector<std::string> problems;     // what must be settled before training; empty: nothing
  std::vector<std::string> notes;
};

// Reads every sample once (with label_errors: and fits k small models). Errors: cancelled, invalid (label errors asked
// for a dataset with fewer than 20 labelled samples of a class).
Result<CheckReport> check_dataset(const Dataset& dataset, const CheckOptions& options, ProgressSink& progress,
                                  const std::stop_token& stop);
// At most `limit` entries of each list, with ids and classes; totals are of all.
Json to_json(const CheckReport& report, const Manifest& manifest, std::size_t limit = 200);

}  // namespace aceso::learn
