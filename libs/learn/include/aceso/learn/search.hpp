// Runs a search over training configurations: trials, rungs, and the one that is best on validation data.
#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/progress.hpp"
#include "aceso/learn/search_config.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

struct TrialRecord {
  enum class State : std::uint8_t { waiting, promoted, stopped, failed, finished };
  TrialPlan plan;
  State state = State::waiting;
  int rung = 0;  // last one that it was trained to, from 1
  int epochs = 0;
  int best_epoch = 0;                                        // that is kept
  double figure = std::numeric_limits<double>::quiet_NaN();  // of that epoch, by the search's metric
  std::string metric;                                        // that the figure is of
  double seconds = 0;
  std::string error;  // of one that failed
};
std::string to_string(TrialRecord::State state);
// Those that did not fail first, then by rung, by figure (none last), by number.
bool ranks_before(const TrialRecord& a, const TrialRecord& b);
// {trial, state, rung, epochs, best_epoch, metric, figure, seconds, values {key: value}, error?}.
Json to_json(const TrialRecord& trial);

struct SearchResult {
  TrainConfig config;  // of the best trial: trained alone it gives the same weights
  TrainResult best;
  std::vector<TrialRecord> trials;  // by rank
  std::string metric;               // with `auto` resolved
};

struct SearchEvents {
  std::function<void(const TrialRecord&)> on_trial;  // whenever one was trained, stopped or failed
  std::function<void(const EpochRecord&, int trial)> on_epoch;
};

// Trials one after the other, rung by rung, all on the training split and judged on the validation split alone; the
// test split is not read. A trial that goes on does so from its checkpoint, which gives, bit for bit, the weights of a
// training that was never stopped. A trial whose loss is not finite or whose values the network refuses has failed and
// comes last. What has been trained is kept in `folder`/runs: a search that was cut off goes on there and ends with the
// same ranking and the same weights. Ranking: rung, figure, number of the trial.
// Errors: those of train(); invalid: no validation samples, or no trial could be trained; conflict: `folder` holds
// another search's.
Result<SearchResult> run_search(Engine& engine, const Dataset& dataset, const ArchitectureRegistry& registry,
                                const TrainConfig& config, const Clock& clock, ProgressSink& progress,
                                const SearchEvents& events, const std::stop_token& stop,
                                const std::filesystem::path& folder);

// {method, metric, trials [by rank], rungs, best, config (YAML of the best)}, as a version records it.
Json search_json(const SearchResult& result, const TrainConfig& config);

}  // namespace aceso::learn
