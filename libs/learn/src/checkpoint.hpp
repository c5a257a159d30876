// Where a training run stands, in one safetensors file: tensors "weights.<name>", "best.<name>", "state.<name>" of the
// optimiser, and the trainer's own state as JSON in the metadata. docs/formats/checkpoint.md specifies it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

struct Checkpoint {
  int epoch = 1;          // that goes on
  std::int64_t step = 0;  // optimiser steps made in it
  double loss_sum = 0;    // over its samples so far
  std::vector<EpochRecord> history;
  int best_epoch = 0;
  double best_merit = 0;
  Usage usage;
  std::string engine;
  Weights weights, best, state;
};

// What a checkpoint belongs to: the configuration without what cannot change the weights, and the dataset's hash.
Json record_json(const EpochRecord& record);
Result<EpochRecord> parse_record(const Json& json);
std::string checkpoint_identity(const TrainConfig& config, const std::string& dataset_sha256);

// Atomic and durable. exhausted: disk full.
Status write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint, const std::string& identity);
// nullopt: there is none. Errors: conflict (another identity), data_loss (damaged), exhausted.
Result<std::optional<Checkpoint>> read_checkpoint(const std::filesystem::path& file, const std::string& identity);

}  // namespace aceso::learn
