// Single keys of a training configuration, for what changes them by name.
#pragma once

#include <string>

#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

// Sets "learning_rate" or "augment.rotate" from a JSON value. The answer says what is wrong, "" when nothing is.
std::string set_train_key(TrainConfig& config, const std::string& key, const Json& value);
// Whether all keys of a configuration go together.
Status check_train_config(const TrainConfig& config);

}  // namespace aceso::learn
