// The learning rate of each step of a training run.
#pragma once

#include <cstdint>

namespace aceso::learn {

enum class Schedule : std::uint8_t {
  constant,
  step,      // times step_factor after every step_epochs epochs (PyTorch's StepLR)
  cosine,    // half a cosine from the peak to final_fraction of it (Loshchilov & Hutter, ICLR 2017, without restarts)
  one_cycle  // a cosine up from peak / 25 for the first 30 % of the steps, then down to peak / 250,000 (Smith & Topin,
             // 2019; PyTorch's OneCycleLR with momentum left alone)
};

struct LearningRate {
  Schedule schedule = Schedule::constant;
  double warmup_epochs = 0;  // linear from peak / steps to the peak; the schedule begins after it. Not for one_cycle
  int step_epochs = 10;
  double step_factor = 0.1;
  double final_fraction = 0;
};

// Of optimiser step `step` (from 0) of `total`; `per_epoch` steps make an epoch. Pure. 0 <= step < total, per_epoch >
// 0.
double learning_rate_at(const LearningRate& how, double peak, std::int64_t step, std::int64_t per_epoch,
                        std::int64_t total);

}  // namespace aceso::learn
