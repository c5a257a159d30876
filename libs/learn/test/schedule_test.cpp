// Learning rates against PyTorch 2.15: torch.optim.lr_scheduler with peak 0.4, 40 steps, 5 an epoch
// (libs/learn_torch/test/golden/generate_training.py).
#include "aceso/learn/schedule.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace aceso::learn {
namespace {

void expect_rates(const LearningRate& how, const std::vector<std::pair<std::int64_t, double>>& expected) {
  for (const auto& [step, rate] : expected) EXPECT_NEAR(learning_rate_at(how, 0.4, step, 5, 40), rate, 1e-12) << step;
}

TEST(LearningRate, one_cycle_is_pytorchs) {
  expect_rates({.schedule = Schedule::one_cycle}, {{0, 0.016000000000000014},
                                                   {3, 0.08226673908250526},
                                                   {10, 0.3922226509339835},
                                                   {11, 0.4},
                                                   {12, 0.3987424470088807},
                                                   {20, 0.30640678967740614},
                                                   {39, 1.6e-06}});
}

TEST(LearningRate, cosine_is_pytorchs_with_and_without_warm_up) {
  expect_rates({.schedule = Schedule::cosine, .final_fraction = 0.1},
               {{0, 0.4}, {3, 0.39502658567158183}, {10, 0.3472792206135786}, {20, 0.22}, {39, 0.04055487992803697}});
  expect_rates({.schedule = Schedule::cosine, .warmup_epochs = 2},
               {{0, 0.04}, {3, 0.16}, {10, 0.4}, {11, 0.39890437907365467}, {20, 0.3}, {39, 0.00109562092634532}});
}

TEST(LearningRate, steps_and_a_constant_are_pytorchs) {
  expect_rates({.schedule = Schedule::step, .step_epochs = 3}, {{0, 0.4}, {14, 0.4}, {15, 0.04}, {39, 0.004}});
  expect_rates({}, {{0, 0.4}, {39, 0.4}});
}

TEST(LearningRate, is_finite_for_the_shortest_runs) {
  for (const Schedule kind : {Schedule::constant, Schedule::step, Schedule::cosine, Schedule::one_cycle}) {
    for (std::int64_t total = 1; total < 6; ++total) {
      for (std::int64_t step = 0; step < total; ++step) {
        const double rate = learning_rate_at({.schedule = kind}, 0.4, step, 1, total);
        EXPECT_GE(rate, 0) << static_cast<int>(kind) << ' ' << step << " of " << total;
        EXPECT_LE(rate, 0.4 + 1e-12) << static_cast<int>(kind) << ' ' << step << " of " << total;
      }
    }
  }
}

}  // namespace
}  // namespace aceso::learn
