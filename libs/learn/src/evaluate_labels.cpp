// Figures of several labels, each decided on its own.
#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/stats/roc.hpp"
#include "figures.hpp"
#include "scores.hpp"

namespace aceso::learn {
namespace {

Json over_samples(const Figures& figures, const stats::Statistic& statistic, std::uint64_t stream) {
  Json json = figures.bootstrapped(statistic, stream);
  if (json.is_object() && !figures.by_group()) json["method"] = "bootstrap";
  return json;
}

// What was decided of one label of one sample.
struct LabelDecision {
  bool known = false, holds = false, decided = false;
};

class LabelDecisions {
 public:
  LabelDecisions(const Predictions& predictions, std::span<const double> thresholds)
      : width_{predictions.probabilities.empty() ? 0 : predictions.probabilities.front().size()} {
    for (std::size_t i = 0; i < predictions.probabilities.size(); ++i) {
      for (std::size_t k = 0; k < width_; ++k) {
        const double truth = predictions.targets[i][k];
        const double threshold = k < thresholds.size() ? thresholds[k] : 0.5;
        all_.push_back({!std::isnan(truth), truth > 0.5, predictions.probabilities[i][k] >= threshold});
      }
    }
  }
  std::size_t width() const { return width_; }
  const LabelDecision& at(std::size_t sample, std::size_t label) const { return all_[sample * width_ + label]; }

  // Right and all decisions, over every label.
  std::pair<std::uint64_t, std::uint64_t> right(std::span<const std::size_t> indices) const {
    std::pair<std::uint64_t, std::uint64_t> n{0, 0};
    for (const std::size_t i : indices) {
      for (std::size_t k = 0; k < width_; ++k) {
        const LabelDecision& d = at(i, k);
        if (!d.known) continue;
        ++n.second;
        n.first += d.holds == d.decided ? 1U : 0U;
      }
    }
    return n;
  }
  bool all_right(std::size_t sample) const {
    for (std::size_t k = 0; k < width_; ++k) {
      if (const LabelDecision& d = at(sample, k); d.known && d.holds != d.decided) return false;
    }
    return true;
  }
  // Mean over the labels of a figure of true and false positives and negatives; labels without one are left out.
  struct Counts {
    double tp = 0, fp = 0, tn = 0, fn = 0;
  };
  std::optional<double> mean(std::span<const std::size_t> indices,
                             const std::function<std::optional<double>(const Counts&)>& of) const {
    double sum = 0, labels = 0;
    for (std::size_t k = 0; k < width_; ++k) {
      Counts c;
      for (const std::size_t i : indices) {
        const LabelDecision& d = at(i, k);
        if (d.known) (d.holds ? d.decided ? c.tp : c.fn : d.decided ? c.fp : c.tn) += 1;
      }
      const auto value = of(c);
      if (!value) continue;
      sum += *value;
      labels += 1;
    }
    if (labels == 0) return std::nullopt;
    return sum / labels;
  }

 private:
  std::size_t width_;
  std::vector<LabelDecision> all_;
};

std::optional<double> ratio(double part, double whole) {
  if (whole == 0) return std::nullopt;
  return part / whole;
}

Json mean_auroc(const Predictions& p, const Figures& figures, bool precision, std::uint64_t stream) {
  return over_samples(
      figures,
      [&](std::span<const std::size_t> i) { return mean_over_labels(p.probabilities, p.targets, i, precision); },
      stream);
}

Json mean_figures(const Predictions& p, const LabelDecisions& d, const Figures& figures) {
  using Counts = LabelDecisions::Counts;
  const auto mean = [&](std::uint64_t stream, const std::function<std::optional<double>(const Counts&)>& of) {
    return over_samples(figures, [&](std::span<const std::size_t> i) { return d.mean(i, of); }, stream);
  };
  return Json{{"auroc", mean_auroc(p, figures, false, 2)},
              {"auprc", mean_auroc(p, figures, true, 3)},
              {"accuracy", over_samples(
                               figures,
                               [&](std::span<const std::size_t> i) {
                                 const auto [right, all] = d.right(i);
                                 return ratio(static_cast<double>(right), static_cast<double>(all));
                               },
                               4)},
              {"sensitivity", mean(5, [](const Counts& c) { return ratio(c.tp, c.tp + c.fn); })},
              {"specificity", mean(6, [](const Counts& c) { return ratio(c.tn, c.tn + c.fp); })},
              {"f1", mean(7, [](const Counts& c) { return ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn); })},
              {"exact", figures.proportion(
                            [&](std::span<const std::size_t> indices) {
                              std::pair<std::uint64_t, std::uint64_t> n{0, indices.size()};
                              for (const std::size_t i : indices) n.first += d.all_right(i) ? 1U : 0U;
                              return n;
                            },
                            8)}};
}

// The gain in mean AUROC of a over b.
Json auroc_gain(const Predictions& a, const Predictions& b, const Figures& figures) {
  Json difference = over_samples(
      figures,
      [&](std::span<const std::size_t> i) -> std::optional<double> {
        const auto x = mean_over_labels(a.probabilities, a.targets, i, false);
        const auto y = mean_over_labels(b.probabilities, b.targets, i, false);
        return x && y ? std::optional{*x - *y} : std::nullopt;
      },
      31);
  if (difference.is_null()) return nullptr;
  return Json{{"difference", std::move(difference)}, {"p_value", nullptr}};
}

bool above_zero(const Json& gain) {
  return gain.is_object() && gain["difference"]["low"].get<double>() > 0;
}

Json labels_baseline(const Predictions& predictions, const BaselineAnswer& baseline, const Figures& figures) {
  if (baseline.predictions.ids != predictions.ids) return nullptr;
  Json json = baseline.about;
  json["auroc"] = mean_auroc(baseline.predictions, figures, false, 41);
  json["gain_auroc"] = auroc_gain(predictions, baseline.predictions, figures);
  json["adds_nothing"] = !above_zero(json["gain_auroc"]);
  return json;
}

Json label_json(const Predictions& predictions, std::size_t k, double threshold, const std::string& name,
                std::uint64_t seed, const EvaluationParts& parts) {
  const Predictions judged = one_label(predictions, k);
  std::optional<Predictions> validation;
  std::optional<BaselineAnswer> baseline;
  if (parts.validation != nullptr) validation = one_label(*parts.validation, k);
  if (parts.baseline != nullptr && parts.baseline->predictions.ids == predictions.ids) {
    const auto& thresholds = parts.baseline->thresholds;
    baseline = BaselineAnswer{one_label(parts.baseline->predictions, k), k < thresholds.size() ? thresholds[k] : 0.5,
                              parts.baseline->about};
  }
  Json json =
      evaluate(judged, threshold, {"without", name}, seed,
               {.validation = validation ? &*validation : nullptr, .baseline = baseline ? &*baseline : nullptr});
  json["label"] = name;
  json["known"] = judged.labels.size();
  json["positive"] = std::count(judged.labels.begin(), judged.labels.end(), 1);
  return json;
}

}  // namespace

Predictions one_label(const Predictions& predictions, std::size_t label) {
  Predictions out;
  const bool grouped = predictions.groups.size() == predictions.targets.size();
  for (std::size_t i = 0; i < predictions.targets.size(); ++i) {
    const double truth = predictions.targets[i][label];
    if (std::isnan(truth)) continue;
    if (i < predictions.ids.size()) out.ids.push_back(predictions.ids[i]);
    out.labels.push_back(truth > 0.5 ? 1 : 0);
    out.probabilities.push_back({predictions.probabilities[i][label]});
    if (grouped) out.groups.push_back(predictions.groups[i]);
  }
  return out;
}

std::vector<double> choose_thresholds(const Predictions& validation) {
  const std::size_t width = validation.probabilities.empty() ? 0 : validation.probabilities.front().size();
  std::vector<double> thresholds;
  thresholds.reserve(width);
  for (std::size_t k = 0; k < width; ++k) thresholds.push_back(choose_threshold(one_label(validation, k)));
  return thresholds;
}

Json evaluate_labels(const Predictions& predictions, std::span<const double> thresholds,
                     const std::vector<std::string>& names, std::uint64_t seed, const EvaluationParts& parts) {
  Json json{{"samples", predictions.labels.size()},
            {"classes", names},
            {"kind", "multi_label"},
            {"thresholds", std::vector<double>(thresholds.begin(), thresholds.end())}};
  if (predictions.probabilities.empty() || predictions.probabilities.front().size() != names.size()) {
    json["error"] = "no predictions of these labels";
    return json;
  }
  const Figures figures{predictions, seed};
  json["groups"] = figures.by_group() ? Json(figures.groups()) : Json(nullptr);
  json["metrics"] = mean_figures(predictions, LabelDecisions{predictions, thresholds}, figures);
  json["per_label"] = Json::array();
  for (std::size_t k = 0; k < names.size(); ++k) {
    json["per_label"].push_back(
        label_json(predictions, k, k < thresholds.size() ? thresholds[k] : 0.5, names[k], seed + 100 * (k + 1), parts));
  }
  if (parts.baseline != nullptr) {
    json["baseline"] = labels_baseline(predictions, *parts.baseline, figures);
    if (json["baseline"].is_object()) json["adds_nothing"] = json["baseline"]["adds_nothing"];
  }
  return json;
}

Result<Json> compare_labels(const Predictions& a, std::span<const double> thresholds_a, const Predictions& b,
                            std::span<const double> thresholds_b, const std::vector<std::string>& names,
                            std::uint64_t seed) {
  if (a.ids.empty() || a.ids != b.ids || a.probabilities.front().size() != names.size() ||
      b.probabilities.front().size() != names.size())
    return Error{Code::invalid, "the two models were not asked about the same samples and labels"};
  const Figures figures{a, seed};
  Json json{{"samples", a.ids.size()},
            {"groups", figures.by_group() ? Json(figures.groups()) : Json(nullptr)},
            {"classes", names},
            {"kind", "multi_label"},
            {"a", Json{{"metrics", mean_figures(a, LabelDecisions{a, thresholds_a}, figures)}}},
            {"b", Json{{"metrics", mean_figures(b, LabelDecisions{b, thresholds_b}, figures)}}}};
  json["auroc"] = auroc_gain(a, b, figures);
  json["per_label"] = Json::array();
  for (std::size_t k = 0; k < names.size(); ++k) {
    const Predictions of_a = one_label(a, k), of_b = one_label(b, k);
    const Figures of_label{of_a, seed + 100 * (k + 1)};
    json["per_label"].push_back(
        Json{{"label", names[k]},
             {"a", of_label.auroc(column(of_a.probabilities, 0), of_a.labels, 1)},
             {"b", of_label.auroc(column(of_b.probabilities, 0), of_b.labels, 1)},
             {"auroc", of_a.labels.empty() ? Json(nullptr) : auroc_difference(of_a, of_b, of_label)}});
  }
  const Json& gain = json["auroc"];
  json["verdict"] = gain.is_null()                                 ? "undecided"
                    : gain["difference"]["low"].get<double>() > 0  ? "a is better"
                    : gain["difference"]["high"].get<double>() < 0 ? "b is better"
                                                                   : "no difference shown";
  return json;
}

}  // namespace aceso::learn
