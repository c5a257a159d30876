#include "aceso/stats/recalibration.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>

#include "aceso/stats/calibration.hpp"
#include "scored.hpp"

namespace aceso::stats {
namespace {

constexpr double kEdge = 1e-7;  // probabilities nearer to 0 or 1 are those of a float that ran out of digits

double logit(double p) {
  const double q = std::clamp(p, kEdge, 1 - kEdge);
  return std::log(q / (1 - q));
}
double sigmoid(double z) {
  return 1 / (1 + std::exp(-z));
}

Status check_all(std::span<const double> probabilities, std::span<const int> labels) {
  ACESO_TRY([[maybe_unused]] const double brier, brier_score(probabilities, labels));
  ACESO_TRY([[maybe_unused]] const auto counts, detail::check_both(probabilities, labels));
  return {};
}

struct Line {
  double intercept, slope, intercept_sd, slope_sd;
};

// Newton's method; with `slope_held` only the intercept moves.
Result<Line> fit_line(std::span<const double> probabilities, std::span<const int> labels, bool slope_held) {
  double a = 0, b = 1;
  for (int step = 0; step < 100; ++step) {
    double ga = 0, gb = 0, haa = 0, hab = 0, hbb = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const double x = logit(probabilities[i]), p = sigmoid(a + b * x), w = p * (1 - p), e = labels[i] - p;
      ga += e;
      gb += e * x;
      haa += w;
      hab += w * x;
      hbb += w * x * x;
    }
    const double det = slope_held ? haa : haa * hbb - hab * hab;
    if (!(det > 1e-12)) return Error{Code::invalid, "the calibration line does not exist: the classes are separated"};
    const double da = slope_held ? ga / haa : (hbb * ga - hab * gb) / det;
    const double db = slope_held ? 0 : (haa * gb - hab * ga) / det;
    const double cut = std::min(1.0, 5 / std::max({std::abs(da), std::abs(db), 1e-300}));
    a += cut * da;
    b += cut * db;
    if (std::max(std::abs(da), std::abs(db)) < 1e-10)
      return Line{a, b, std::sqrt((slope_held ? 1 : hbb) / det), slope_held ? 0 : std::sqrt(haa / det)};
  }
  return Error{Code::invalid, "the calibration line does not exist: the classes are separated"};
}

// Golden section over log temperature: the log loss has one minimum there.
double best_temperature(const std::function<double(double)>& loss) {
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.01), high = std::log(100.0);
  double x1 = high - ratio * (high - low), x2 = low + ratio * (high - low);
  double f1 = loss(std::exp(x1)), f2 = loss(std::exp(x2));
  while (high - low > 1e-9) {
    if (f1 <= f2) {
      high = x2;
      x2 = x1;
      f2 = f1;
      f1 = loss(std::exp(x1 = high - ratio * (high - low)));
    } else {
      low = x1;
      x1 = x2;
      f1 = f2;
      f2 = loss(std::exp(x2 = low + ratio * (high - low)));
    }
  }
  return std::exp(0.5 * (low + high));
}

}  // namespace

Result<CalibrationLine> calibration_line(std::span<const double> probabilities, std::span<const int> labels) {
  ACESO_TRY_OK(check_all(probabilities, labels));
  ACESO_TRY(const Line both, fit_line(probabilities, labels, false));
  ACESO_TRY(const Line held, fit_line(probabilities, labels, true));
  const auto around = [](double value, double sd) { return Interval{value - kZ95 * sd, value + kZ95 * sd}; };
  return CalibrationLine{.intercept = both.intercept,
                         .slope = both.slope,
                         .calibration_in_the_large = held.intercept,
                         .intercept_interval = around(both.intercept, both.intercept_sd),
                         .slope_interval = around(both.slope, both.slope_sd),
                         .in_the_large_interval = around(held.intercept, held.intercept_sd)};
}

double apply_temperature(double probability, double temperature) noexcept {
  return sigmoid(logit(probability) / temperature);
}

Result<double> fit_temperature(std::span<const double> probabilities, std::span<const int> labels) {
  ACESO_TRY_OK(check_all(probabilities, labels));
  return best_temperature([&](double t) {
    double sum = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const double z = logit(probabilities[i]) / t;
      sum += std::log1p(std::exp(labels[i] == 1 ? -z : z));
    }
    return sum;
  });
}

std::vector<double> apply_temperature(const std::vector<double>& probabilities, double temperature) {
  std::vector<double> out;
  double top = -1e300, sum = 0;
  for (const double p : probabilities) {
    out.push_back(std::log(std::max(p, kEdge)) / temperature);
    top = std::max(top, out.back());
  }
  for (double& v : out) sum += v = std::exp(v - top);
  for (double& v : out) v /= sum;
  return out;
}

Result<double> fit_temperature(const std::vector<std::vector<double>>& probabilities, std::span<const int> labels) {
  if (probabilities.empty() || probabilities.size() != labels.size())
    return Error{Code::invalid, "one row of probabilities a label is needed"};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& row = probabilities[i];
    if (row.size() < 2 || labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= row.size())
      return Error{Code::invalid, "a label has no probability"};
    if (!std::all_of(row.begin(), row.end(), [](double p) { return p >= 0 && p <= 1; }))
      return Error{Code::invalid, "a probability lies outside 0 to 1"};
  }
  return best_temperature([&](double t) {
    double sum = 0;
    for (std::size_t i = 0; i < labels.size(); ++i)
      sum -= std::log(std::max(apply_temperature(probabilities[i], t)[static_cast<std::size_t>(labels[i])], 1e-300));
    return sum;
  });
}

double IsotonicMap::operator()(double score) const {
  const auto after = std::lower_bound(scores.begin(), scores.end(), score);
  if (after == scores.begin()) return values.front();
  if (after == scores.end()) return values.back();
  const auto i = static_cast<std::size_t>(after - scores.begin());
  const double part = (score - scores[i - 1]) / (scores[i] - scores[i - 1]);
  return values[i - 1] + part * (values[i] - values[i - 1]);
}

Result<IsotonicMap> fit_isotonic(std::span<const double> probabilities, std::span<const int> labels) {
  ACESO_TRY_OK(check_all(probabilities, labels));
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return probabilities[a] < probabilities[b]; });
  struct Block {
    double low, high, positives, count;
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < order.size();) {
    Block block{probabilities[order[i]], probabilities[order[i]], 0, 0};
    for (; i < order.size() && probabilities[order[i]] == block.low; ++i) {
      block.positives += labels[order[i]];
      block.count += 1;
    }
    while (!blocks.empty() && blocks.back().positives * block.count >= block.positives * blocks.back().count) {
      block.low = blocks.back().low;
      block.positives += blocks.back().positives;
      block.count += blocks.back().count;
      blocks.pop_back();
    }
    blocks.push_back(block);
  }
  IsotonicMap map;
  for (const Block& block : blocks) {
    map.scores.push_back(block.low);
    map.values.push_back(block.positives / block.count);
    if (block.high > block.low) {
      map.scores.push_back(block.high);
      map.values.push_back(block.positives / block.count);
    }
  }
  return map;
}

}  // namespace aceso::stats
