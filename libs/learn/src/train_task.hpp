// What a training run learns: which samples take part, what the network's outputs mean and how they are judged.
#pragma once

#include <string>
#include <vector>

#include "aceso/learn/dataset.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

// Whether a run of this configuration learns boxes, whatever the data set.
bool learns_boxes(const TrainConfig& config) noexcept;

// The samples of a split; where the run has a fold, that fold is validation and the others are train.
std::vector<std::size_t> split_of(const Dataset& dataset, const TrainConfig& config, Split split);

struct TrainPlan {
  Task task = Task::classes;
  std::int64_t outputs = 1;
  std::vector<std::string> classes;  // of the model card; of outlines the background first, of numbers their one name,
                                     // of boxes their labels
  std::string unit;                  // of numbers
  double mean = 0, sd = 1;           // of the training split's numbers: the network learns (number - mean) / sd
  std::vector<std::size_t> train, validation;  // samples that take part
  std::vector<std::string> warnings;
};
// Errors: invalid, unsupported; they name the key or the sample.
Result<TrainPlan> plan_training(const Dataset& dataset, const TrainConfig& config);

// The loss and the class weights that the configuration means. Errors: invalid, unsupported; they name the key.
Result<TrainingOptions> training_options(const TrainPlan& plan, const Dataset& dataset, const TrainConfig& config);

// The weights of a network that learnt standardised numbers, so that it answers in their unit; `back` undoes that.
// invalid: the network's last layer is not dense with a bias.
Status to_unit(const TrainPlan& plan, const Network& network, Weights& weights, bool back = false);

// Boxes: the bias before the sigmoid of the labels' maps becomes -log(9), so that training begins with few centres, as
// almost all cells have none (Lin et al., ICCV 2017; the value of Zhou et al., 2019).
Status start_boxes(const Network& network, Weights& weights);

// The signature's output for a network that takes samples [channels, spatial...].
Port output_port(const TrainPlan& plan, const Shape& sample);

}  // namespace aceso::learn
