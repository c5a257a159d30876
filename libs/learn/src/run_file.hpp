// One ended run of several, kept until the job's last has ended: its weights with what else is known of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

// Written beside its place, synced and renamed. `identity` as checkpoint_identity() has it.
Status write_run(const std::filesystem::path& file, const TrainResult& result, const std::string& identity);
// None when there is no such file. conflict: of another configuration or data set; data_loss: damaged.
Result<std::optional<TrainResult>> read_run(const std::filesystem::path& file, const std::string& identity);

}  // namespace aceso::learn
