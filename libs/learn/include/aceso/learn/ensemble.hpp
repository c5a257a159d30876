// Several runs of one training: folds of a cross-validation, repeated seeds, and ensembles of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/learn/evaluate.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

struct TrainRun {
  int fold = -1;  // validated on this fold of the data set, trained on its others; -1: the data set's own splits
  std::uint64_t seed = 1;
  bool served = true;  // takes part in the model; false: a run for the figures of a cross-validation only
};
// What `folds`, `seeds` and `ensemble` mean: every fold with every seed; without folds every seed on the data set's own
// splits. Folds without an ensemble end with one more run on the data set's own splits, which alone is served; seeds
// without one are all candidates. invalid: the data set does not have that many folds (`aceso dataset split --folds`).
Result<std::vector<TrainRun>> plan_runs(const Dataset& dataset, const TrainConfig& config);
TrainConfig config_of(const TrainConfig& config, const TrainRun& run);  // of that run alone

// All runs, one after the other, by train(). With several, each that has ended is kept in `folder`/runs and not
// repeated when the job goes on; the one that was cut off goes on from `folder`/checkpoint.safetensors. Progress counts
// all runs. Errors: those of train(), with the run named; conflict: what `folder` holds is of another configuration.
Result<std::vector<TrainResult>> train_runs(Engine& engine, const Dataset& dataset,
                                            const ArchitectureRegistry& registry, const TrainConfig& config,
                                            const std::vector<TrainRun>& runs, const Clock& clock,
                                            ProgressSink& progress,
                                            const std::function<void(const EpochRecord&)>& on_epoch,
                                            const std::stop_token& stop, const std::filesystem::path& folder);

// The figure by which epochs are chosen, of the epoch that was: AUROC, Dice or RMSE; NaN without validation data.
double validation_figure(const TrainResult& result);
std::string figure_name(Task task);

// One network that answers with the mean of its members', whose answers stand side by side in the layer
// kMembersLayer ([N, members * outputs], member by member; of outlines along dimension 1). The members share the
// inputs; their parameters are "m1.<name>", "m2.<name>"... invalid: none, or members with other inputs or outputs.
struct Ensemble {
  Network network;
  Weights weights;
};
inline constexpr const char* kMembersLayer = "members";
Result<Ensemble> make_ensemble(const std::vector<const TrainResult*>& members);
std::size_t ensemble_size(const Network& network) noexcept;  // 0: no ensemble

// What is served: the ensemble; without one the last run of a cross-validation, or the seed with the best validation
// figure. Its history is that run's (of an ensemble the first one's).
Result<TrainResult> served_result(std::vector<TrainResult>& results, const std::vector<TrainRun>& runs,
                                  const TrainConfig& config);

// Each sample outside of test answered by the runs that did not learn from it, the mean over seeds: predictions as if
// of a validation split, in the data set's order. Not for outlines.
Result<Predictions> out_of_fold(Engine& engine, const Dataset& dataset, const std::vector<TrainResult>& results,
                                const std::vector<TrainRun>& runs, int batch, int threads, ProgressSink& progress,
                                const std::stop_token& stop);

// AUROC (several classes or labels: the mean), of numbers the RMSE; none where it does not exist.
std::optional<double> main_figure(const Predictions& predictions, Task task);
Json mean_and_sd(const std::vector<double>& values);  // {mean, sd}, null for none
// The figures that need no threshold, with intervals: {samples, groups, metrics {auroc, auprc or mae, rmse, r2,
// pearson}}.
Json pooled_figures(const Predictions& out_of_fold, const Manifest& manifest, std::uint64_t seed);

// {folds, seeds, ensemble, figure, runs [{fold, seed, served, best_epoch, validation}], validation {mean, sd}}.
Json runs_json(const std::vector<TrainResult>& results, const std::vector<TrainRun>& runs, const TrainConfig& config);

}  // namespace aceso::learn
