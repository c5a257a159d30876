#include "optimiser.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace aceso::learn_torch {
namespace {

// Adam written out in double precision, one value at a time.
struct Reference {
  double w, m = 0, v = 0;
  void step(int t, double g, const learn::TrainingOptions& o) {
    const bool decoupled = o.optimiser == learn::Optimiser::adamw;
    if (decoupled) {
      w -= o.learning_rate * o.weight_decay * w;
    } else {
      g += o.weight_decay * w;
    }
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double rate = o.learning_rate * std::sqrt(1 - std::pow(o.beta2, t)) / (1 - std::pow(o.beta1, t));
    w -= rate * m / (std::sqrt(v) + o.epsilon);
  }
};

TEST(Optimiser, adam_follows_the_paper) {
  for (const auto kind : {learn::Optimiser::adam, learn::Optimiser::adamw}) {
    learn::TrainingOptions options;
    options.optimiser = kind;
    options.weight_decay = 0.1;
    OptimiserState state{options, {3}};
    std::vector<float> w{1.0F, -2.0F, 0.5F};
    std::vector<Reference> reference{{1.0}, {-2.0}, {0.5}};
    for (int t = 1; t <= 10; ++t) {
      std::vector<float> g;
      for (std::size_t i = 0; i < 3; ++i) g.push_back(std::sin(static_cast<float>(t) + static_cast<float>(i)));
      state.begin_step();
      state.update(0, w, g, 0, 2);  // in two ranges, as two threads do
      state.update(0, w, g, 2, 3);
      for (std::size_t i = 0; i < 3; ++i) reference[i].step(t, static_cast<double>(g[i]), options);
    }
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(static_cast<double>(w[i]), reference[i].w, 1e-5);
  }
}

TEST(Optimiser, momentum_adds_up) {
  learn::TrainingOptions options;
  options.optimiser = learn::Optimiser::sgd;
  options.learning_rate = 1;
  options.momentum = 0.5;
  OptimiserState state{options, {1}};
  std::vector<float> w{0};
  const std::vector<float> g{1};
  for (int t = 0; t < 3; ++t) {
    state.begin_step();
    state.update(0, w, g, 0, 1);
  }
  EXPECT_FLOAT_EQ(w[0], -(1 + 1.5F + 1.75F));
}

}  // namespace
}  // namespace aceso::learn_torch
