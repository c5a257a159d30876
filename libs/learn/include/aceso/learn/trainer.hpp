// Training: the loop, neutral of any engine. Batches, augmentation, validation AUC, early stopping, history.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/learn/signature.hpp"
#include "aceso/learn/start_options.hpp"

namespace aceso::learn {

struct TrainConfig {
  std::string architecture = "article_cnn";
  int epochs = 10;
  int batch = 32;
  std::uint64_t seed = 1;
  std::int64_t image_size = 0;  // 0: as in the dataset
  std::int64_t channels = 0;    // 0: as in the dataset
  bool flip = true;             // random left-right flips of training images
  int patience = 0;             // stop after so many epochs without a better validation AUC; 0: never
  TrainingOptions options = {};
  StartOptions start = {};
};
// From YAML text (configuration file of `aceso train`): unknown keys are errors that name file, line and key.
Result<TrainConfig> parse_train_config(std::string_view yaml, std::string_view file_name);
Json to_json(const TrainConfig& config);
Result<TrainConfig> parse_train_config_json(const Json& json);

struct EpochRecord {
  int epoch = 0;
  double train_loss = 0, validation_loss = 0, validation_auc = 0, validation_accuracy = 0, images_per_second = 0,
         seconds = 0;
};

struct TrainResult {
  Network network;
  Weights weights;  // of the best epoch by validation AUC
  ModelSignature signature;
  std::vector<EpochRecord> history;
  int best_epoch = 0;
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::string engine;                      // "torch 2.15.0 (CPU: AVX2...)"
  std::optional<WeightReport> start = {};  // what was taken of weights from elsewhere
};

// Errors: cancelled, invalid (one class only, NaN loss: names epoch and batch), exhausted.
Result<TrainResult> train(Engine& engine, const Dataset& dataset, const ArchitectureRegistry& registry,
                          const TrainConfig& config, const Clock& clock, ProgressSink& progress,
                          const std::function<void(const EpochRecord&)>& on_epoch, std::stop_token stop);

// Batch of preprocessed samples as the model's first input [N, C, H, W] float (the one place that does it, for training
// and serving).
Result<Array> preprocess(const Preprocessing& how, std::span<const Array> samples);

}  // namespace aceso::learn
