// What a search over training configurations tries: the section `search` of a training configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"

namespace aceso::learn {

struct TrainConfig;

// random: every trial is trained to the end. halving: all are trained a little, the best 1 / eta of them eta times as
// long, and so on (successive halving: Jamieson & Talwalkar, AISTATS 2016; Li et al., JMLR 18:185, 2018).
enum class SearchMethod : std::uint8_t { halving, random };

struct SearchParameter {
  enum class Kind : std::uint8_t { uniform, log_uniform, integer, choice };
  std::string key;  // of the training configuration: "learning_rate", "augment.rotate"
  Kind kind = Kind::uniform;
  double low = 0, high = 0;          // both possible; whole numbers of integer
  std::vector<std::string> choices;  // JSON texts
};

inline constexpr int kMaxTrials = 200;

struct SearchConfig {
  SearchMethod method = SearchMethod::halving;
  int trials = 9;
  int eta = 3;
  int min_epochs = 1;           // of halving's first rung
  int max_epochs = 0;           // of a trial that is never stopped; 0: the configuration's epochs
  std::string metric = "auto";  // of the epoch that a trial keeps: validation_auc, validation_accuracy,
                                // validation_loss, validation_dice, validation_rmse, validation_mae or validation_ap;
                                // auto: the one by which the epoch is kept
  std::uint64_t seed = 1;       // of the values; the trainings have the configuration's own
  std::vector<SearchParameter> parameters;  // in the order of their keys
};

// From the JSON form of the section. `why` names the key below `search` and what is wrong with it.
Result<SearchConfig> parse_search(const Json& json);
Json to_json(const SearchConfig& search);

struct TrialPlan {
  int number = 1;
  std::vector<std::pair<std::string, std::string>> values;  // key and JSON text
};
// What the trials try: trial and key decide alone, with the seed (Philox), so a further trial or parameter changes none
// of the others. No two trials are alike. Numbers are rounded to five significant digits. invalid: more trials than
// there are combinations.
Result<std::vector<TrialPlan>> draw_trials(const SearchConfig& search);
// The configuration of one trial: without `search`, with max_epochs. invalid: the values do not go together.
Result<TrainConfig> trial_config(const TrainConfig& config, const TrialPlan& trial);
// Epochs up to which trials are trained before the best of them go on; the last is max_epochs.
std::vector<int> search_rungs(const TrainConfig& config);
// How many trials take part in each rung.
std::vector<int> trials_by_rung(const TrainConfig& config);

}  // namespace aceso::learn
