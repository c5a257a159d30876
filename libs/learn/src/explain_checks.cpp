// Checks of a map, after which it is an explanation or not.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/base/random.hpp"
#include "aceso/stats/paired.hpp"
#include "explain_maps.hpp"

namespace aceso::learn {
namespace {

constexpr double kRandomLimit = 0.5;  // |Spearman| with random weights: above it the map shows the input's edges
constexpr double kSameLimit = 0.999;  // of the same computation twice
constexpr double kStableLimit = 0.5;  // under noise of 1 % of the range
constexpr double kCompletenessLimit = 0.05;
constexpr int kDraws = 3;    // of random weights
constexpr int kCascade = 4;  // steps from the last layers to all

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

double correlation(const Array& a, const Array& b) {
  const auto r = stats::spearman(magnitudes(a), magnitudes(b));
  return r ? *r : 0;
}

// Weights with those of the last `share` of the layers that have any drawn anew.
Weights randomised(const Network& network, const Weights& weights, const Weights& fresh, double share) {
  std::vector<std::string> with_weights;
  for (const Layer& layer : network.layers) {
    if (weights.contains(layer.name + ".weight")) with_weights.push_back(layer.name);
  }
  const auto kept = static_cast<std::size_t>(std::floor(static_cast<double>(with_weights.size()) * (1 - share) + 1e-9));
  Weights out = weights;
  for (std::size_t i = kept; i < with_weights.size(); ++i) {
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const auto found = fresh.find(with_weights[i] + part);
      if (found != fresh.end()) out.insert_or_assign(found->first, found->second);
    }
  }
  return out;
}

void report(ProgressSink& progress, int done) {
  ProgressUpdate update;
  update.phase = "check";
  update.done = static_cast<std::uint64_t>(done);
  update.total = kCascade + kDraws;
  progress.update(update);
}

struct Subject {
  Engine& engine;
  const Network& network;
  const Weights& weights;
  std::string name;
  const Array& input;
  const ExplainOptions& options;
  const std::stop_token& stop;

  Result<RawMap> map(const Weights& with, const Array& of) const {
    return compute_map(engine, network, with, name, of, options.method, options.output, stop);
  }
};

Result<Check> randomisation(const Subject& s, const Array& map, ProgressSink& progress) {
  Shape shape = s.input.shape;
  shape[0] = -1;
  ACESO_TRY(const Shapes shapes, infer_shapes(s.network, {{s.name, shape}}));
  Check check{.name = "weight randomisation", .passed = false, .value = 0, .limit = kRandomLimit, .text = {}};
  std::string steps;
  for (int step = 1; step < kCascade; ++step) {
    const Weights fresh = initial_weights(s.network, shapes, s.options.seed + 100);
    const double share = static_cast<double>(step) / kCascade;
    ACESO_TRY(const RawMap other, s.map(randomised(s.network, s.weights, fresh, share), s.input));
    steps += fixed(correlation(map, other.map)) + ", ";
    report(progress, step);
  }
  double sum = 0, similar = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const Weights fresh = initial_weights(s.network, shapes, s.options.seed + 100 + static_cast<std::uint64_t>(draw));
    ACESO_TRY(const RawMap other, s.map(randomised(s.network, s.weights, fresh, 1), s.input));
    sum += std::abs(correlation(map, other.map)) / kDraws;
    similar += structural_similarity(map, other.map) / kDraws;
    report(progress, kCascade + draw);
  }
  check.value = sum;
  check.passed = sum < kRandomLimit;
  check.text = "rank correlation with the map of random weights " + fixed(sum) + " (must stay below " +
               fixed(kRandomLimit) + "); from the last layers down: " + steps + "then all; structural similarity " +
               fixed(similar);
  return check;
}

Result<Check> repeatability(const Subject& s, const Array& map) {
  ACESO_TRY(const RawMap again, s.map(s.weights, s.input));
  Array noisy = s.input;
  const auto [low, high] = std::minmax_element(s.input.f32().begin(), s.input.f32().end());
  const double sd = 0.01 * static_cast<double>(*high - *low);
  const Philox philox{s.options.seed};
  for (std::size_t i = 0; i < noisy.f32().size(); ++i) noisy.f32()[i] += static_cast<float>(sd * philox.normal(7, i));
  ACESO_TRY(const RawMap shaken, s.map(s.weights, noisy));
  const double same = correlation(map, again.map), stable = correlation(map, shaken.map);
  return Check{.name = "repeatability",
               .passed = same >= kSameLimit && stable >= kStableLimit,
               .value = stable,
               .limit = kStableLimit,
               .text = "rank correlation of a second run " + fixed(same) + ", with noise of 1 % " + fixed(stable) +
                       " (must reach " + fixed(kStableLimit) + ")"};
}

Check pointing(const Array& map, const MapBox& box) {
  const auto values = map.f32();
  auto index = static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  bool inside = true;
  for (std::size_t d = map.shape.size(); d-- > 0;) {
    const auto at = static_cast<std::int64_t>(index % static_cast<std::size_t>(map.shape[d]));
    index /= static_cast<std::size_t>(map.shape[d]);
    inside = inside && at >= box.from[d] && at < box.to[d];
  }
  return {.name = "pointing game",
          .passed = inside,
          .value = inside ? 1.0 : 0.0,
          .limit = 1,
          .text = inside ? "the map's largest value lies within the marked finding"
                         : "the map's largest value lies outside of the marked finding"};
}

Status check_request(const Network& network, const NamedArrays& sample, const ExplainOptions& options) {
  std::size_t inputs = 0;
  for (const Layer& layer : network.layers) inputs += layer.op == Op::input ? 1U : 0U;
  if (inputs != 1 || sample.size() != 1)
    return Error{Code::unsupported, "only networks with one input can be explained"};
  const Array& input = sample.begin()->second;
  if (input.dtype != DType::f32 || input.shape.size() < 4 || input.shape.size() > 5 || input.shape[0] != 1)
    return Error{Code::unsupported, "only a single image or volume [1, C, spatial...] can be explained"};
  if (options.finding) {
    const std::size_t dims = input.shape.size() - 2;
    bool fits = options.finding->from.size() == dims && options.finding->to.size() == dims;
    for (std::size_t d = 0; fits && d < dims; ++d)
      fits = options.finding->from[d] >= 0 && options.finding->from[d] < options.finding->to[d] &&
             options.finding->to[d] <= input.shape[d + 2];
    if (!fits) return Error{Code::invalid, "the box does not lie within the model's input"};
  }
  return {};
}

}  // namespace

double structural_similarity(const Array& a, const Array& b) {
  if (a.shape != b.shape || a.shape.size() < 2) return 0;
  const auto scaled = [](const Array& map) {
    std::vector<double> v = magnitudes(map);
    const auto [low, high] = std::minmax_element(v.begin(), v.end());
    const double from = *low, width = std::max(*high - *low, 1e-12);
    for (double& x : v) x = (x - from) / width;
    return v;
  };
  const std::vector<double> x = scaled(a), y = scaled(b);
  const std::int64_t height = a.shape[a.shape.size() - 2], width = a.shape.back();
  const auto slices = static_cast<std::int64_t>(x.size()) / (height * width);
  const std::int64_t side = std::min<std::int64_t>({8, height, width});
  constexpr double c1 = 1e-4, c2 = 9e-4;  // (0.01)^2 and (0.03)^2 of a range of 1
  double sum = 0, windows = 0;
  for (std::int64_t z = 0; z < slices; ++z) {
    for (std::int64_t top = 0; top + side <= height; top += std::max<std::int64_t>(side / 2, 1)) {
      for (std::int64_t left = 0; left + side <= width; left += std::max<std::int64_t>(side / 2, 1)) {
        double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
        for (std::int64_t r = 0; r < side; ++r) {
          for (std::int64_t c = 0; c < side; ++c) {
            const auto i = static_cast<std::size_t>((z * height + top + r) * width + left + c);
            mx += x[i];
            my += y[i];
            xx += x[i] * x[i];
            yy += y[i] * y[i];
            xy += x[i] * y[i];
          }
        }
        const auto n = static_cast<double>(side * side);
        mx /= n;
        my /= n;
        const double vx = xx / n - mx * mx, vy = yy / n - my * my, cov = xy / n - mx * my;
        sum += (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2));
        windows += 1;
      }
    }
  }
  return windows > 0 ? sum / windows : 0;
}

Json to_json(const Explanation& e) {
  Json checks = Json::array();
  for (const Check& c : e.checks)
    checks.push_back(
        Json{{"name", c.name}, {"passed", c.passed}, {"value", c.value}, {"limit", c.limit}, {"text", c.text}});
  return Json{{"method", to_string(e.method)},
              {"output", e.output},
              {"logit", e.logit},
              {"passed", e.passed},
              {"checks", std::move(checks)}};
}

Result<Explanation> explain(Engine& engine, const Network& network, const Weights& weights, const NamedArrays& sample,
                            const ExplainOptions& options, ProgressSink& progress, std::stop_token stop) {
  ACESO_TRY_OK(check_request(network, sample, options));
  const Subject subject{engine, network, weights, sample.begin()->first, sample.begin()->second, options, stop};
  ACESO_TRY(RawMap raw, subject.map(weights, subject.input));
  Explanation out{.method = options.method,
                  .output = options.output,
                  .logit = raw.logit,
                  .map = std::move(raw.map),
                  .checks = {},
                  .passed = false};
  const auto values = out.map.f32();
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const bool varies = std::isfinite(*low) && std::isfinite(*high) && *high > *low;
  out.checks.push_back({.name = "not flat",
                        .passed = varies,
                        .value = static_cast<double>(*high - *low),
                        .limit = 0,
                        .text = varies ? "the map varies" : "every place has the same value: the map says nothing"});
  if (!varies) return out;
  if (options.method == ExplainMethod::integrated_gradients)
    out.checks.push_back({.name = "completeness",
                          .passed = raw.completeness_error <= kCompletenessLimit,
                          .value = raw.completeness_error,
                          .limit = kCompletenessLimit,
                          .text = "the map's sum misses the logit's difference by " +
                                  fixed(100 * raw.completeness_error) + " % (at most 5 %)"});
  ACESO_TRY(Check repeated, repeatability(subject, out.map));
  out.checks.push_back(std::move(repeated));
  ACESO_TRY(Check random, randomisation(subject, out.map, progress));
  out.checks.push_back(std::move(random));
  if (options.finding) out.checks.push_back(pointing(out.map, *options.finding));
  out.passed = std::all_of(out.checks.begin(), out.checks.end(), [](const Check& c) { return c.passed; });
  return out;
}

}  // namespace aceso::learn
