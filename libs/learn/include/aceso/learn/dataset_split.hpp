// New splits of a dataset, as a new version of it: the pack is shared, the old version stays as it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/dataset_check.hpp"

namespace aceso::learn {

// patient: the groups given at import stay whole. block: runs of `block` neighbours of one class, in the dataset's
// order, stay whole; a run goes on while its next neighbour is a twin. stratified: each sample for itself.
enum class SplitBy : std::uint8_t { patient, block, stratified };
Result<SplitBy> parse_split_by(std::string_view name);
std::string_view to_string(SplitBy by) noexcept;

// Twins that would come to lie on two sides: stay together; or the one that is not held out is left out of every split
// ("unassigned"); or nothing is done, and the check that follows refuses the split.
enum class TwinPolicy : std::uint8_t { together, leave_out, ignore };
Result<TwinPolicy> parse_twin_policy(std::string_view name);  // together, leave-out, ignore
std::string_view to_string(TwinPolicy policy) noexcept;

struct SplitOptions {
  std::string name;  // of the new version
  SplitBy by = SplitBy::patient;
  TwinPolicy twins = TwinPolicy::together;
  std::int64_t block = 20;
  double validation = 0.15, test = 0.15;  // shares of the labelled samples; the rest is for training
  int folds = 0;                          // 2..100: the samples outside test also get folds, stratified, groups whole
  std::uint64_t seed = 1;
};

// All labelled samples are split anew, in the same way for the same seed. Errors: invalid (no groups to split by,
// shares that leave a split without two classes), precondition (a patient or a twin stands on two sides: the split
// leaks), exists, exhausted, cancelled.
Result<Dataset> split_dataset(const Dataset& source, const std::filesystem::path& source_folder,
                              const std::filesystem::path& target, const SplitOptions& options, ProgressSink& progress,
                              const std::stop_token& stop);

}  // namespace aceso::learn
