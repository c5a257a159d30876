// Training: the loop, neutral of any engine. Batches, augmentation, schedules, validation AUC, early stopping,
// checkpoints, history.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/learn/augment.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/learn/schedule.hpp"
#include "aceso/learn/search_config.hpp"
#include "aceso/learn/signature.hpp"
#include "aceso/learn/start_options.hpp"

namespace aceso::learn {

// automatic: outlines with architecture unet, boxes with centernet, else what the dataset is labelled with.
enum class TrainTask : std::uint8_t { automatic, classes, outlines, multi_label, regression, boxes };

struct TrainConfig {
  std::string architecture = "article_cnn";
  TrainTask task = TrainTask::automatic;
  std::vector<std::string> outline_labels;  // names of the masks' values from 1 on; empty: "outline", "outline 2"...
  double spacing_mm = 0;  // outlines of volumes with patch: the spacing that the network sees; 0: the data set's median
  std::int64_t patch = 0;  // outlines: side of the windows that the network sees, drawn at random in training, slid
                           // over the whole afterwards; 0: it sees the whole sample
  int epochs = 10;
  int batch = 32;
  int folds = 0;          // cross-validation over so many folds, which the data set has (ensemble.hpp); 0: none
  int seeds = 1;          // runs with seed, seed + 1...
  bool ensemble = false;  // the runs together are the model
  int fold = -1;          // of one run: validated on this fold, trained on the others; -1: the data set's own splits
  int accumulate = 1;     // batches whose gradients make one step
  std::uint64_t seed = 1;
  std::int64_t image_size = 0;  // 0: as in the dataset
  std::int64_t channels = 0;    // 0: as in the dataset
  bool flip = true;             // random left-right flips of training images
  Augmentation augment;
  bool flip_average = false;     // predictions are the mean over an image and its mirror image, here and in serving
  bool balance_classes = false;  // class weights from the training split: samples / (classes * samples of the class);
                                 // of several labels, each label's two sides weigh the same
  int patience = 0;  // stop after so many epochs without a better validation AUC (Dice, average precision, squared
                     // error); 0: never
  int loaders = 1;   // threads that prepare batches ahead; results do not depend on it
  LearningRate schedule;
  TrainingOptions options = {};
  bool automatic_loss = true;  // binary_cross_entropy in `options` stands for the loss that the task usually takes
  StartOptions start = {};
  std::optional<SearchConfig> search = {};  // many trainings, of which the best is the model (search.hpp)
};
// From YAML text (configuration file of `aceso train`): unknown keys are errors that name file, line and key.
Result<TrainConfig> parse_train_config(std::string_view yaml, std::string_view file_name);
Json to_json(const TrainConfig& config);
Result<TrainConfig> parse_train_config_json(const Json& json);
// What parse_train_config() reads back as the same; only keys that are not the default.
std::string to_yaml(const TrainConfig& config);

struct EpochRecord {
  int epoch = 0;
  double train_loss = 0, validation_loss = 0, validation_auc = 0, validation_accuracy = 0, images_per_second = 0,
         seconds = 0;
  double validation_dice =
      std::numeric_limits<double>::quiet_NaN();  // of outlines: mean over samples and labels at 0.5
  double validation_rmse = std::numeric_limits<double>::quiet_NaN();  // of numbers, in their unit
  double validation_mae = std::numeric_limits<double>::quiet_NaN();
  double validation_ap = std::numeric_limits<double>::quiet_NaN();  // of boxes: average precision at an IoU of 0.5
  double learning_rate = 0;                                         // of its last step
  double waiting = 0;          // share of the training time spent waiting for batches
  double faults_per_step = 0;  // page faults of the whole process
};

struct Usage {  // of the process while it trained, over all runs of a resumed training
  double seconds = 0, cpu_seconds = 0;
  double energy_joules = -1;  // of the processor packages (RAPL), other programs' share included; negative: unknown
  std::uint64_t peak_rss_bytes = 0;
  std::uint64_t peak_device_bytes = 0;  // of a GPU's memory; 0: the CPU trained
};

struct TrainResult {
  Network network;
  Weights weights;  // of the best epoch by validation AUC (several labels: the mean), of outlines by validation Dice,
                    // of boxes by their average precision, of numbers by RMSE; the output of numbers is in their unit
  ModelSignature signature;
  std::vector<std::string> classes;  // as the model card has them; of outlines "background" first
  std::vector<EpochRecord> history;
  int best_epoch = 0;
  Usage usage;
  std::string engine;  // "torch 2.15.0 (CPU: AVX2...)"
  std::string device;  // what stands in brackets there
  int resumed_at = 0;  // epoch that the last checkpoint was taken up in; 0: never interrupted
  std::vector<std::string> warnings;
  std::optional<WeightReport> start = {};  // what was taken of weights from elsewhere
};

struct CheckpointPlan {
  std::filesystem::path file;  // empty: none are written
  double every_seconds = 120;  // and after each epoch, and when the run is stopped
  int stop_after = 0;          // ends after so many epochs of the configuration's, to go on another time; 0: never
};

// With a checkpoint in place the run goes on from it: the same weights, bit for bit, as without the interruption, on
// the same engine and number of threads. Errors: cancelled, invalid (one class only, NaN loss: names epoch and batch),
// exhausted (memory, or the disk for a checkpoint), conflict (the checkpoint is of another configuration or dataset),
// data_loss (a damaged checkpoint).
Result<TrainResult> train(Engine& engine, const Dataset& dataset, const ArchitectureRegistry& registry,
                          const TrainConfig& config, const Clock& clock, ProgressSink& progress,
                          const std::function<void(const EpochRecord&)>& on_epoch, std::stop_token stop,
                          const CheckpointPlan& checkpoints = {});

// Batch of preprocessed samples as the model's first input [N, C, H, W] float (the one place that does it, for training
// and serving).
Result<Array> preprocess(const Preprocessing& how, std::span<const Array> samples);
// A volume [depth, height, width] or with channels behind, whose voxels lie `spacing_mm` apart, as float32 in the
// model's spacing, before preprocess(): the same box in the patient, linear between voxel middles, antialiased where it
// shrinks. As it is where the model has no spacing, the volume's is not known (empty), or they differ by at most 1 %.
// Errors: invalid (shape, spacing, values), too_large (more than 2^28 voxels). Thread-safe.
Result<Array> to_spacing(const Preprocessing& how, const Array& sample, std::span<const double> spacing_mm);

}  // namespace aceso::learn
