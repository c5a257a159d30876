// Two models on the same samples.
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate.hpp"
#include "figures.hpp"
#include "scores.hpp"

namespace aceso::learn {
namespace {

// Mean squared distance of the probabilities and the truth over all classes (Brier, 1950).
double brier(const Rows& rows, const std::vector<int>& labels, std::span<const std::size_t> indices) {
  double sum = 0;
  for (const std::size_t i : indices) {
    const auto& row = rows[i];
    for (std::size_t c = 0; c < row.size(); ++c) {
      const int truth = row.size() == 1 ? labels[i] : labels[i] == static_cast<int>(c) ? 1 : 0;
      sum += (row[c] - truth) * (row[c] - truth);
    }
  }
  return sum / static_cast<double>(indices.size());
}

Json of_one(const Predictions& predictions, double threshold, const std::vector<std::string>& classes,
            std::uint64_t seed) {
  Predictions plain = predictions;
  plain.subgroups.clear();
  const Json full = evaluate(plain, threshold, classes, seed);
  Json out;
  for (const char* key : {"metrics", "confusion", "roc", "threshold"}) {
    if (full.contains(key)) out[key] = full[key];
  }
  if (full.contains("calibration") && full["calibration"].is_object()) {
    out["brier"] = full["calibration"]["brier"];
    out["ece"] = full["calibration"]["ece"];
  }
  return out;
}

}  // namespace

Result<Json> compare(const Predictions& a, double threshold_a, const Predictions& b, double threshold_b,
                     const std::vector<std::string>& classes, std::uint64_t seed) {
  if (a.labels.empty() || a.labels != b.labels || a.ids != b.ids)
    return Error{Code::invalid, "the two models were not asked about the same samples"};
  if (a.probabilities.front().size() != b.probabilities.front().size())
    return Error{Code::invalid, "the two models do not answer with the same classes"};
  const Figures figures{a, seed};
  Json json{{"samples", a.labels.size()},
            {"groups", figures.by_group() ? Json(figures.groups()) : Json(nullptr)},
            {"classes", classes},
            {"kind", a.probabilities.front().size() == 1 ? "binary" : "multiclass"},
            {"a", of_one(a, threshold_a, classes, seed)},
            {"b", of_one(b, threshold_b, classes, seed)}};
  json["auroc"] = auroc_difference(a, b, figures);
  json["decisions"] = decision_difference(a, threshold_a, b, threshold_b);
  json["brier"] = figures.bootstrapped(
      [&](std::span<const std::size_t> i) -> std::optional<double> {
        return brier(a.probabilities, a.labels, i) - brier(b.probabilities, b.labels, i);
      },
      51);
  json["log_loss"] = figures.bootstrapped(
      [&](std::span<const std::size_t> i) -> std::optional<double> {
        return log_loss(pick(a.probabilities, i), pick(a.labels, i)) -
               log_loss(pick(b.probabilities, i), pick(b.labels, i));
      },
      52);
  const Json& gain = json["auroc"];
  json["verdict"] = gain.is_null()                                 ? "undecided"
                    : gain["difference"]["low"].get<double>() > 0  ? "a is better"
                    : gain["difference"]["high"].get<double>() < 0 ? "b is better"
                                                                   : "no difference shown";
  return json;
}

}  // namespace aceso::learn
