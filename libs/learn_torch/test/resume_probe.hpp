#pragma once

#include <string_view>

#include "aceso/learn/trainer.hpp"

namespace aceso::learn_torch::test {

// Everything that has a state of its own: momentum, averages, accumulation, schedule, augmentation, mix-up.
inline learn::TrainConfig probe_config(std::string_view task = "classes") {
  learn::TrainConfig config;
  config.architecture = task == "outlines" ? "unet" : task == "boxes" ? "centernet" : "article_cnn";
  config.patch = task == "outlines" ? 16 : 0;
  config.epochs = 3;
  config.batch = 8;
  config.accumulate = 2;
  config.loaders = 2;
  config.augment.rotate = 10;
  config.augment.noise = 0.05;
  config.augment.mixup = task == "boxes" ? 0 : 0.2;
  config.schedule.schedule = learn::Schedule::one_cycle;
  config.options.optimiser = learn::Optimiser::adamw;
  config.options.average_decay = 0.9;
  config.options.clip_norm = 1;
  config.options.threads = 2;
  return config;
}

}  // namespace aceso::learn_torch::test
