// Calibration, decision curve, subgroups and baseline of an evaluation.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "aceso/stats/calibration.hpp"
#include "aceso/stats/decision_curve.hpp"
#include "aceso/stats/paired.hpp"
#include "aceso/stats/recalibration.hpp"
#include "aceso/stats/roc.hpp"
#include "figures.hpp"
#include "scores.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMinSubgroup = 20;    // fewer samples give intervals wider than any difference looked for
constexpr std::size_t kMinOfClass = 5;      // of either class, for an AUROC
constexpr std::size_t kMaxSubgroups = 100;  // values of all columns together

// What calibration speaks of: the positive class's probability, or the probability of the class decided for.
struct Confidence {
  std::vector<double> p;
  std::vector<int> y;
};

Confidence confidence_of(const Rows& rows, const std::vector<int>& labels) {
  Confidence out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& row = rows[i];
    const auto top = std::max_element(row.begin(), row.end());
    out.p.push_back(std::clamp(*top, 0.0, 1.0));
    out.y.push_back(row.size() == 1 ? labels[i] : top - row.begin() == labels[i] ? 1 : 0);
  }
  return out;
}

Json quality(const Confidence& c) {
  return Json{{"brier", number_or_null(stats::brier_score(c.p, c.y))},
              {"ece", number_or_null(stats::expected_calibration_error(c.p, c.y))},
              {"reliability", reliability_json(c.p, c.y)}};
}

Json line_json(const Confidence& c) {
  const auto line = stats::calibration_line(c.p, c.y);
  if (!line) return nullptr;
  return Json{{"intercept", figure(line->intercept, line->intercept_interval, "Wald")},
              {"slope", figure(line->slope, line->slope_interval, "Wald")},
              {"in_the_large", figure(line->calibration_in_the_large, line->in_the_large_interval, "Wald")}};
}

Json recalibrated(const Predictions& judged, const Predictions& validation) {
  Json out = Json::array();
  const bool binary = judged.probabilities.front().size() == 1;
  const Confidence fitted = confidence_of(validation.probabilities, validation.labels);
  const auto temperature = binary ? stats::fit_temperature(fitted.p, fitted.y)
                                  : stats::fit_temperature(validation.probabilities, validation.labels);
  if (temperature) {
    Rows rows;
    rows.reserve(judged.probabilities.size());
    for (const auto& row : judged.probabilities)
      rows.push_back(binary ? std::vector{stats::apply_temperature(row[0], *temperature)}
                            : stats::apply_temperature(row, *temperature));
    Json json = quality(confidence_of(rows, judged.labels));
    json["method"] = "temperature";
    json["temperature"] = *temperature;
    out.push_back(std::move(json));
  }
  if (const auto map = stats::fit_isotonic(fitted.p, fitted.y)) {
    Confidence bent = confidence_of(judged.probabilities, judged.labels);
    for (double& p : bent.p) p = std::clamp((*map)(p), 0.0, 1.0);
    Json json = quality(bent);
    json["method"] = "isotonic";
    json["knots"] = map->scores.size();
    out.push_back(std::move(json));
  }
  return out;
}

std::vector<bool> right_of(const Predictions& predictions, double threshold) {
  std::vector<bool> out;
  out.reserve(predictions.labels.size());
  for (std::size_t i = 0; i < predictions.labels.size(); ++i)
    out.push_back(decide(predictions.probabilities[i], threshold) == predictions.labels[i]);
  return out;
}

Predictions subset(const Predictions& all, std::span<const std::size_t> indices) {
  Predictions out;
  out.labels = pick(all.labels, indices);
  out.probabilities = pick(all.probabilities, indices);
  if (all.groups.size() == all.labels.size()) out.groups = pick(all.groups, indices);
  return out;
}

Json subgroup_figures(const Predictions& part, double threshold, std::uint64_t seed) {
  const Figures figures{part, seed};
  const bool binary = part.probabilities.front().size() == 1;
  const auto count = [&](bool wanted_only, int wanted) {
    return [&part, threshold, wanted_only, wanted](std::span<const std::size_t> indices) {
      std::pair<std::uint64_t, std::uint64_t> n{0, 0};
      for (const std::size_t i : indices) {
        if (wanted_only && part.labels[i] != wanted) continue;
        ++n.second;
        n.first += decide(part.probabilities[i], threshold) == part.labels[i] ? 1U : 0U;
      }
      return n;
    };
  };
  Json json{{"accuracy", figures.proportion(count(false, 0), 1)}};
  if (!binary) return json;
  json["sensitivity"] = figures.proportion(count(true, 1), 2);
  json["specificity"] = figures.proportion(count(true, 0), 3);
  const auto positives = static_cast<std::size_t>(std::count(part.labels.begin(), part.labels.end(), 1));
  if (positives >= kMinOfClass && part.labels.size() - positives >= kMinOfClass)
    json["auroc"] = figures.auroc(column(part.probabilities, 0), part.labels, 4);
  return json;
}

// Two-sided p of the difference between the AUROC of a subgroup and that of the rest: different samples, so the
// variances add.
std::optional<double> against_the_rest(const Predictions& part, const Predictions& rest) {
  if (part.probabilities.front().size() != 1 || rest.labels.empty()) return std::nullopt;
  const auto a = stats::auroc_delong(column(part.probabilities, 0), part.labels);
  const auto b = stats::auroc_delong(column(rest.probabilities, 0), rest.labels);
  if (!a || !b || a->variance + b->variance <= 0) return std::nullopt;
  return 2 * stats::normal_cdf(-std::abs(a->value - b->value) / std::sqrt(a->variance + b->variance));
}

// Holm's correction (Scand J Stat 6:65, 1979) over all subgroups that were tested.
void correct_for_many(Json& rows) {
  std::vector<std::pair<double, std::size_t>> tested;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].contains("p_value")) tested.emplace_back(rows[i]["p_value"].get<double>(), i);
  }
  std::sort(tested.begin(), tested.end());
  double running = 0;
  for (std::size_t k = 0; k < tested.size(); ++k) {
    running = std::max(running, std::min(1.0, tested[k].first * static_cast<double>(tested.size() - k)));
    rows[tested[k].second]["p_corrected"] = running;
  }
}

}  // namespace

Json calibration_json(const Predictions& predictions, const Predictions* validation, const Figures& figures) {
  const bool binary = predictions.probabilities.front().size() == 1;
  const Confidence c = confidence_of(predictions.probabilities, predictions.labels);
  Json json = quality(c);
  json["of"] = binary ? "probability of the positive class" : "probability of the class decided for";
  json["brier"] = figures.bootstrapped(
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        const auto score = stats::brier_score(pick(c.p, indices), pick(c.y, indices));
        return score ? std::optional{*score} : std::nullopt;
      },
      11);
  json["line"] = line_json(c);
  json["recalibrated"] = Json::array();
  if (validation != nullptr && !validation->labels.empty()) {
    json["fitted_on"] = validation->labels.size();
    json["recalibrated"] = recalibrated(predictions, *validation);
  }
  return json;
}

Json decision_curve_json(const std::vector<double>& scores, const std::vector<int>& labels, const Figures& figures) {
  Json points = Json::array();
  const auto curve = stats::decision_curve(scores, labels,
                                           {.first = 0.02,
                                            .last = 0.98,
                                            .step = 0.02,
                                            .replicates = 300,
                                            .seed = figures.seed() + 12,
                                            .clusters = figures.clusters()});
  if (!curve) return points;
  for (const stats::NetBenefit& p : *curve) {
    points.push_back(Json{{"threshold", p.threshold},
                          {"model", p.model},
                          {"low", p.interval.low},
                          {"high", p.interval.high},
                          {"treat_all", p.treat_all}});
  }
  return points;
}

Json subgroups_json(const Predictions& predictions, double threshold, std::uint64_t seed) {
  Json rows = Json::array();
  for (const auto& [name, values] : predictions.subgroups) {
    if (values.size() != predictions.labels.size()) continue;
    std::map<std::string, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < values.size(); ++i) members[values[i].empty() ? "not stated" : values[i]].push_back(i);
    for (const auto& [value, indices] : members) {
      if (rows.size() >= kMaxSubgroups) return rows;
      Json row{{"column", name}, {"value", value}, {"samples", indices.size()}};
      if (indices.size() < kMinSubgroup) {
        row["too_few"] = true;
        rows.push_back(std::move(row));
        continue;
      }
      const Predictions part = subset(predictions, indices);
      row.update(subgroup_figures(part, threshold, seed + 20));
      std::vector<std::size_t> others;
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::binary_search(indices.begin(), indices.end(), i)) others.push_back(i);
      }
      if (const auto p = against_the_rest(part, subset(predictions, others)); p && row.contains("auroc"))
        row["p_value"] = *p;
      rows.push_back(std::move(row));
    }
  }
  correct_for_many(rows);
  return rows;
}

Json auroc_difference(const Predictions& a, const Predictions& b, const Figures& figures) {
  const bool binary = a.probabilities.front().size() == 1 && b.probabilities.front().size() == 1;
  if (binary && !figures.by_group()) {
    const auto test = stats::compare_auroc(column(a.probabilities, 0), column(b.probabilities, 0), a.labels);
    if (!test) return nullptr;
    return Json{{"difference", figure(test->difference, test->interval, "DeLong, paired")}, {"p_value", test->p_value}};
  }
  Json difference = figures.bootstrapped(
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        const std::vector<int> labels = pick(a.labels, indices);
        const auto x = macro_auroc(pick(a.probabilities, indices), labels);
        const auto y = macro_auroc(pick(b.probabilities, indices), labels);
        return x && y ? std::optional{*x - *y} : std::nullopt;
      },
      31);
  if (difference.is_null()) return nullptr;
  return Json{{"difference", std::move(difference)}, {"p_value", nullptr}};
}

Json decision_difference(const Predictions& a, double threshold_a, const Predictions& b, double threshold_b) {
  const std::vector<bool> x = right_of(a, threshold_a), y = right_of(b, threshold_b);
  std::uint64_t only_a = 0, only_b = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    only_a += x[i] && !y[i] ? 1U : 0U;
    only_b += y[i] && !x[i] ? 1U : 0U;
  }
  const auto test = stats::mcnemar_counts(only_a, only_b, x.size());
  if (!test) return nullptr;
  return Json{{"difference", figure(test->difference, test->interval, "McNemar")},
              {"p_value", test->p_value},
              {"only_a", only_a},
              {"only_b", only_b}};
}

Json baseline_json(const Predictions& predictions, double threshold, const BaselineAnswer& baseline,
                   const Figures& figures) {
  if (baseline.predictions.labels != predictions.labels) return nullptr;
  Json json = baseline.about;
  const bool binary = predictions.probabilities.front().size() == 1;
  json["auroc"] = binary ? figures.auroc(column(baseline.predictions.probabilities, 0), predictions.labels, 41)
                         : figures.bootstrapped(
                               [&](std::span<const std::size_t> indices) {
                                 return macro_auroc(pick(baseline.predictions.probabilities, indices),
                                                    pick(predictions.labels, indices));
                               },
                               41);
  const std::vector<bool> right = right_of(baseline.predictions, baseline.threshold);
  json["accuracy"] = figures.proportion(
      [&](std::span<const std::size_t> indices) {
        std::pair<std::uint64_t, std::uint64_t> n{0, indices.size()};
        for (const std::size_t i : indices) n.first += right[i] ? 1U : 0U;
        return n;
      },
      42);
  json["gain_auroc"] = auroc_difference(predictions, baseline.predictions, figures);
  json["gain_decisions"] = decision_difference(predictions, threshold, baseline.predictions, baseline.threshold);
  const Json& gain = json["gain_auroc"];
  // Without an AUROC (one class only) nothing was shown to be gained.
  json["adds_nothing"] = gain.is_null() || !(gain["difference"]["low"].get<double>() > 0);
  return json;
}

}  // namespace aceso::learn
