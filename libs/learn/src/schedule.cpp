#include "aceso/learn/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace aceso::learn {
namespace {

constexpr double kOneCycleRise = 0.3;      // share of the steps
constexpr double kOneCycleStart = 25;      // peak / first rate
constexpr double kOneCycleFinal = 10'000;  // first rate / last rate

double cosine(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

double one_cycle(double peak, double step, double total) {
  const double first = peak / kOneCycleStart;
  const double top = std::max(0.0, kOneCycleRise * total - 1);
  if (top > 0 && step <= top) return cosine(first, peak, step / top);
  const double rest = total - 1 - top;
  return cosine(peak, first / kOneCycleFinal, rest > 0 ? (step - top) / rest : 1.0);
}

}  // namespace

double learning_rate_at(const LearningRate& how, double peak, std::int64_t step, std::int64_t per_epoch,
                        std::int64_t total) {
  const auto at = static_cast<double>(step);
  if (how.schedule == Schedule::one_cycle) return one_cycle(peak, at, static_cast<double>(total));
  const double warm = std::floor(how.warmup_epochs * static_cast<double>(per_epoch));
  if (at < warm) return peak * (at + 1) / warm;
  const double since = at - warm;
  switch (how.schedule) {
    case Schedule::step: {
      const double epochs = std::floor(since / static_cast<double>(per_epoch));
      return peak * std::pow(how.step_factor, std::floor(epochs / how.step_epochs));
    }
    case Schedule::cosine:
      return cosine(peak, peak * how.final_fraction, since / std::max(1.0, static_cast<double>(total) - warm));
    case Schedule::constant:
    case Schedule::one_cycle:
      break;
  }
  return peak;
}

}  // namespace aceso::learn
