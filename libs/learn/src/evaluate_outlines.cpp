// Figures of outlines, and the trivial model beside them.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/learn/outlines.hpp"
#include "aceso/learn/trainer.hpp"
#include "aceso/stats/interval.hpp"
#include "figures.hpp"
#include "resize.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kLevels = 64;    // of grey that the trivial model tries
constexpr std::size_t kMinCases = 20;  // of one group of the table of validation cases
constexpr std::size_t kMaxGroups = 5;
constexpr std::size_t kMaxListed = 2000;
constexpr std::size_t kMaxFitted = 500;  // training samples that the trivial model looks at
constexpr double kTail = 0.1;            // tails of the range of validation cases

Figures figures_of(const OutlineCases& cases, std::uint64_t seed) {
  Predictions samples;
  samples.labels.assign(cases.cases.size(), 0);
  for (const OutlineCase& c : cases.cases) samples.groups.push_back(c.group);
  return Figures{samples, seed};
}

// Mean over those cases that have a value.
Json mean_figure(const std::vector<std::optional<double>>& values, const Figures& figures, std::uint64_t stream) {
  Json json = figures.bootstrapped(
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        double sum = 0, count = 0;
        for (const std::size_t i : indices) {
          if (!values[i]) continue;
          sum += *values[i];
          count += 1;
        }
        if (count == 0) return std::nullopt;
        return sum / count;
      },
      stream);
  if (json.is_null()) return json;
  json["method"] = figures.by_group() ? "bootstrap by group" : "bootstrap";
  json["samples"] = std::count_if(values.begin(), values.end(), [](const auto& v) { return v.has_value(); });
  return json;
}

// A share of parts or samples, counted over the cases.
Json share_figure(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& counts, const Figures& figures,
                  std::uint64_t stream) {
  Json json = figures.bootstrapped(
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        std::uint64_t good = 0, all = 0;
        for (const std::size_t i : indices) {
          good += counts[i].first;
          all += counts[i].second;
        }
        if (all == 0) return std::nullopt;
        return static_cast<double>(good) / static_cast<double>(all);
      },
      stream);
  std::uint64_t good = 0, all = 0;
  for (const auto& [g, a] : counts) {
    good += g;
    all += a;
  }
  if (json.is_null() || all == 0) return nullptr;
  json["method"] = figures.by_group() ? "bootstrap by group" : "bootstrap";
  json["successes"] = good;
  json["trials"] = all;
  return json;
}

// Figures of one label, or of the mean over all where `label` is past the last.
Json figures_json(const OutlineCases& cases, std::size_t label, const Figures& figures) {
  const bool all = label >= cases.labels.size();
  std::vector<std::optional<double>> dice, iou, hd95, false_parts;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts, empty;
  for (const OutlineCase& c : cases.cases) {
    std::array<double, 3> sums{}, counts{};
    std::pair<std::uint64_t, std::uint64_t> found{0, 0}, left{0, 0};
    double wrong = 0;
    for (std::size_t k = all ? 0 : label; k < (all ? c.labels.size() : label + 1); ++k) {
      const auto& one = c.labels[k];
      if (one.overlap.truth > 0) {
        sums[0] += one.overlap.dice();
        sums[1] += one.overlap.iou();
        counts[0] += 1;
        counts[1] += 1;
      } else {
        ++left.second;
        left.first += one.overlap.drawn == 0 ? 1U : 0U;
      }
      if (one.hd95) {
        sums[2] += *one.hd95;
        counts[2] += 1;
      }
      found.first += one.detection.found;
      found.second += one.detection.parts;
      wrong += static_cast<double>(one.detection.false_parts);
    }
    const auto mean = [&](std::size_t i) { return counts[i] > 0 ? std::optional{sums[i] / counts[i]} : std::nullopt; };
    dice.push_back(mean(0));
    iou.push_back(mean(1));
    hd95.push_back(mean(2));
    false_parts.emplace_back(wrong);
    parts.push_back(found);
    empty.push_back(left);
  }
  const std::uint64_t stream = all || cases.labels.size() == 1 ? 0 : 10 * (label + 1);
  return Json{{"dice", mean_figure(dice, figures, stream)},
              {"iou", mean_figure(iou, figures, stream + 1)},
              {"hd95", mean_figure(hd95, figures, stream + 2)},
              {"part_sensitivity", share_figure(parts, figures, stream + 3)},
              {"false_parts", mean_figure(false_parts, figures, stream + 4)},
              {"left_empty", share_figure(empty, figures, stream + 5)}};
}

// Worst first; of each sample the mean over its labels.
Json cases_json(const OutlineCases& cases) {
  std::vector<std::size_t> order(cases.cases.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return mean_dice(cases.cases[a]) < mean_dice(cases.cases[b]); });
  Json out = Json::array();
  for (std::size_t i = 0; i < order.size() && i < kMaxListed; ++i) {
    const OutlineCase& c = cases.cases[order[i]];
    std::uint64_t truth = 0, drawn = 0;
    for (const auto& label : c.labels) {
      truth += label.overlap.truth;
      drawn += label.overlap.drawn;
    }
    out.push_back(Json{{"dice", mean_dice(c)}, {"truth", truth}, {"drawn", drawn}});
  }
  return out;
}

// Validation cases in groups by how sure the model was of its drawing, with the Dice that they reached.
Json validation_json(const OutlineCases* validation) {
  if (validation == nullptr || validation->cases.size() < kMinCases) return nullptr;
  std::vector<std::pair<double, double>> cases;  // sure, Dice
  for (const OutlineCase& c : validation->cases) cases.emplace_back(c.sure, mean_dice(c));
  std::sort(cases.begin(), cases.end());
  const std::size_t groups = std::clamp<std::size_t>(cases.size() / kMinCases, 1, kMaxGroups);
  Json bins = Json::array();
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t from = cases.size() * g / groups, to = cases.size() * (g + 1) / groups;
    std::vector<double> dice;
    for (std::size_t i = from; i < to; ++i) dice.push_back(cases[i].second);
    std::sort(dice.begin(), dice.end());
    const auto at = [&](double q) {
      return dice[static_cast<std::size_t>(std::lround(q * static_cast<double>(dice.size() - 1)))];
    };
    bins.push_back(Json{{"low", cases[from].first},
                        {"high", cases[to - 1].first},
                        {"cases", to - from},
                        {"median", at(0.5)},
                        {"p10", at(kTail)},
                        {"p90", at(1 - kTail)}});
  }
  return Json{{"split", "validation"}, {"cases", cases.size()}, {"bins", std::move(bins)}};
}

Json baseline_json(const OutlineCases& cases, const OutlineBaseline* baseline, const Figures& figures) {
  if (baseline == nullptr || baseline->dice.size() != cases.cases.size()) return nullptr;
  std::vector<std::optional<double>> own, gain;
  for (std::size_t i = 0; i < cases.cases.size(); ++i) {
    own.emplace_back(baseline->dice[i]);
    gain.emplace_back(mean_dice(cases.cases[i]) - baseline->dice[i]);
  }
  Json json = baseline->about;
  json["dice"] = mean_figure(own, figures, 7);
  json["gain"] = mean_figure(gain, figures, 8);
  json["adds_nothing"] = !(json["gain"].is_object() && json["gain"]["low"].get<double>() > 0);
  return json;
}

// Counts of grey levels inside and outside of one sample's outline.
struct Grey {
  std::array<std::uint64_t, kLevels> inside{}, all{};
};

class GreyRange {
 public:
  GreyRange(double low, double high) : low_{low}, step_{(high - low) / static_cast<double>(kLevels)} {}
  std::size_t level(double value) const {
    const double at = (value - low_) / step_;
    return static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(kLevels - 1)));
  }
  double value(std::size_t level) const { return low_ + step_ * static_cast<double>(level); }

 private:
  double low_, step_;
};

// In the grid that the network sees, or the sample's own where it slides.
Status for_grey(const ModelSignature& signature, const Dataset& dataset, std::size_t index,
                const std::function<void(double value, bool inside)>& visit) {
  const Array sample = dataset.array(index);
  ACESO_TRY(const Array input, preprocess(signature.preprocessing, {&sample, 1}));
  const Array mask = *dataset.mask(index);
  const std::vector<float> truth =
      resize_nearest(mask.as<std::uint8_t>(), mask.shape, {input.shape.begin() + 2, input.shape.end()});
  const auto values = input.f32();
  for (std::size_t i = 0; i < truth.size(); ++i) visit(static_cast<double>(values[i]), truth[i] == 1);
  return {};
}

Result<Grey> grey_of(const ModelSignature& signature, const Dataset& dataset, std::size_t index,
                     const GreyRange& range) {
  Grey grey;
  ACESO_TRY_OK(for_grey(signature, dataset, index, [&](double value, bool inside) {
    const std::size_t level = range.level(value);
    ++grey.all[level];
    grey.inside[level] += inside ? 1U : 0U;
  }));
  return grey;
}

// Dice of calling everything from (above) or below (not above) `level` the outline.
double dice_at(const Grey& grey, std::size_t level, bool above) {
  Overlap o;
  for (std::size_t k = 0; k < kLevels; ++k) {
    o.truth += grey.inside[k];
    if ((k >= level) != above) continue;
    o.drawn += grey.all[k];
    o.both += grey.inside[k];
  }
  return o.dice();
}

}  // namespace

Result<OutlineBaseline> outline_baseline(const ModelSignature& signature, const Dataset& training,
                                         const Dataset& dataset, const OutlineCases& cases,
                                         const std::stop_token& stop) {
  if (cases.labels.size() != 1 || signature.inputs.front().shape.front() != 1)
    return Error{Code::invalid, "a threshold on the grey value outlines one label in grey images only"};
  std::vector<std::size_t> train;
  for (const std::size_t i : training.indices(Split::train))
    if (training.manifest().samples[i].mask) train.push_back(i);
  if (train.empty()) return Error{Code::invalid, "the training split has no outlines"};
  if (train.size() > kMaxFitted) {
    const std::size_t all = train.size();
    for (std::size_t i = 0; i < kMaxFitted; ++i) train[i] = train[i * all / kMaxFitted];
    train.resize(kMaxFitted);
  }
  double low = INFINITY, high = -INFINITY;
  for (const std::size_t i : train) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
    ACESO_TRY_OK(for_grey(signature, training, i, [&](double value, bool) {
      low = std::min(low, value);
      high = std::max(high, value);
    }));
  }
  if (!(high > low)) return Error{Code::invalid, "the training images are all of one grey"};
  const GreyRange range{low, high};
  std::array<std::array<double, kLevels>, 2> sums{};
  for (const std::size_t i : train) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
    ACESO_TRY(const Grey grey, grey_of(signature, training, i, range));
    for (std::size_t k = 1; k < kLevels; ++k)
      for (const std::size_t side : {0U, 1U}) sums[side][k] += dice_at(grey, k, side == 1);
  }
  std::size_t side = 1, level = 1;
  for (const std::size_t s : {1U, 0U})
    for (std::size_t k = 1; k < kLevels; ++k)
      if (sums[s][k] > sums[side][level]) {
        side = s;
        level = k;
      }
  OutlineBaseline out;
  for (const OutlineCase& c : cases.cases) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
    ACESO_TRY(const Grey grey, grey_of(signature, dataset, c.index, range));
    out.dice.push_back(dice_at(grey, level, side == 1));
  }
  out.about = Json{{"kind", "one threshold on the grey value"},
                   {"threshold", range.value(level)},
                   {"side", side == 1 ? "above" : "below"},
                   {"training_samples", train.size()}};
  return out;
}

Json evaluate_outlines(const OutlineCases& cases, double threshold, std::uint64_t seed, const OutlineBaseline* baseline,
                       const OutlineCases* validation) {
  const Figures figures = figures_of(cases, seed);
  Json each = Json::array();
  for (std::size_t k = 0; k < cases.labels.size(); ++k) {
    Json one = figures_json(cases, k, figures);
    one["label"] = cases.labels[k];
    each.push_back(std::move(one));
  }
  Json json{{"samples", cases.cases.size()},
            {"classes", cases.labels},
            {"kind", "outlines"},
            {"threshold", cases.labels.size() == 1 ? Json(threshold) : Json(nullptr)},
            {"unit", cases.in_mm ? "mm" : "pixels"},
            {"groups", figures.by_group() ? Json(figures.groups()) : Json(nullptr)},
            {"without_outline", cases.without_mask},
            {"metrics", figures_json(cases, cases.labels.size(), figures)},
            {"per_label", std::move(each)},
            {"cases", cases_json(cases)},
            {"baseline", baseline_json(cases, baseline, figures)},
            {"validation_outlines", validation_json(validation)}};
  if (json["baseline"].is_object()) json["adds_nothing"] = json["baseline"]["adds_nothing"];
  return json;
}

}  // namespace aceso::learn
