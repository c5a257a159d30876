#include "aceso/learn/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/stats/bootstrap.hpp"
#include "aceso/stats/calibration.hpp"
#include "aceso/stats/confusion.hpp"
#include "aceso/stats/pr.hpp"
#include "aceso/stats/roc.hpp"
#include "progress_update.hpp"
#include "scores.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxRocPoints = 400;
constexpr int kReplicates = 1000;

Json figure(double value, const stats::Interval& interval, const char* method) {
  return Json{{"value", value}, {"low", interval.low}, {"high", interval.high}, {"method", method}};
}

Json proportion(const std::optional<stats::Proportion>& p) {
  if (!p) return nullptr;
  Json json = figure(p->value, p->interval, "Wilson");
  json["successes"] = p->successes;
  json["trials"] = p->trials;
  return json;
}

Json bootstrapped(std::size_t samples, const stats::Statistic& statistic, const std::vector<int>& labels,
                  std::uint64_t seed) {
  const auto estimate =
      stats::bootstrap(samples, statistic, {.seed = seed, .replicates = kReplicates, .strata = labels});
  if (!estimate) return nullptr;
  return figure(estimate->value, estimate->interval, "bootstrap, stratified");
}

template <class T>
std::vector<T> pick(const std::vector<T>& values, std::span<const std::size_t> indices) {
  std::vector<T> out;
  out.reserve(indices.size());
  for (const std::size_t i : indices) out.push_back(values[i]);
  return out;
}

Json auroc_json(const std::vector<double>& scores, const std::vector<int>& labels) {
  const auto estimate = stats::auroc_delong(scores, labels);
  if (!estimate) return nullptr;
  return figure(estimate->value, estimate->interval,
                estimate->method == stats::AurocInterval::delong ? "DeLong" : "Newcombe");
}

Json roc_json(const std::vector<double>& scores, const std::vector<int>& labels) {
  Json points = Json::array();
  const auto curve = stats::roc_curve(scores, labels);
  if (!curve) return points;
  const std::size_t step = std::max<std::size_t>(1, curve->size() / kMaxRocPoints);
  for (std::size_t i = 0; i < curve->size(); ++i) {
    if (i % step != 0 && i + 1 != curve->size()) continue;
    const stats::RocPoint& p = (*curve)[i];
    points.push_back(Json{{"fpr", p.false_positive_rate},
                          {"tpr", p.true_positive_rate},
                          {"threshold", std::isfinite(p.threshold) ? Json(p.threshold) : Json(nullptr)}});
  }
  return points;
}

Json reliability_json(const std::vector<double>& scores, const std::vector<int>& labels) {
  Json bins = Json::array();
  const auto found = stats::reliability(scores, labels);
  if (!found) return bins;
  for (const auto& bin : *found)
    bins.push_back(Json{{"predicted", bin.mean_predicted},
                        {"observed", bin.observed},
                        {"low", bin.interval.low},
                        {"high", bin.interval.high},
                        {"count", bin.count}});
  return bins;
}

// Every figure of one class against the rest.
Json binary_figures(const std::vector<double>& scores, const std::vector<int>& labels,
                    const stats::BinaryCounts& counts, double threshold, std::uint64_t seed) {
  const stats::Statistic f1 = [&](std::span<const std::size_t> indices) -> std::optional<double> {
    const auto drawn = stats::binary_counts(pick(scores, indices), pick(labels, indices), threshold);
    return drawn ? drawn->f1() : std::nullopt;
  };
  const stats::Statistic auprc = [&](std::span<const std::size_t> indices) -> std::optional<double> {
    const auto area = stats::average_precision(pick(scores, indices), pick(labels, indices));
    return area ? std::optional{*area} : std::nullopt;
  };
  const auto brier = stats::brier_score(scores, labels);
  const auto ece = stats::expected_calibration_error(scores, labels);
  return Json{{"accuracy", proportion(counts.accuracy())},
              {"sensitivity", proportion(counts.sensitivity())},
              {"specificity", proportion(counts.specificity())},
              {"ppv", proportion(counts.ppv())},
              {"npv", proportion(counts.npv())},
              {"f1", bootstrapped(scores.size(), f1, labels, seed)},
              {"auroc", auroc_json(scores, labels)},
              {"auprc", bootstrapped(scores.size(), auprc, labels, seed + 1)},
              {"brier", brier ? Json(*brier) : Json(nullptr)},
              {"ece", ece ? Json(*ece) : Json(nullptr)}};
}

Json confusion_json(const stats::ConfusionMatrix& matrix) {
  Json rows = Json::array();
  for (int t = 0; t < matrix.classes(); ++t) {
    Json row = Json::array();
    for (int d = 0; d < matrix.classes(); ++d) row.push_back(matrix.at(t, d));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json macro_auroc_json(const Predictions& predictions, std::uint64_t seed) {
  const auto value = macro_auroc(predictions.probabilities, predictions.labels);
  if (!value) return nullptr;
  const stats::Statistic statistic = [&](std::span<const std::size_t> indices) {
    return macro_auroc(pick(predictions.probabilities, indices), pick(predictions.labels, indices));
  };
  return bootstrapped(predictions.labels.size(), statistic, predictions.labels, seed);
}

}  // namespace

Result<Predictions> predict_split(InferenceSession& session, const ModelSignature& signature, const Dataset& dataset,
                                  Split split, int batch, ProgressSink& progress, std::stop_token stop) {
  if (batch < 1 || signature.inputs.empty())
    return Error{Code::invalid, "batch must be 1 or more, and the model needs an input"};
  const std::vector<std::size_t> indices = dataset.indices(split);
  if (indices.empty()) return Error{Code::invalid, "the dataset has no " + std::string{to_string(split)} + " samples"};
  Predictions predictions;
  for (std::size_t at = 0; at < indices.size(); at += static_cast<std::size_t>(batch)) {
    if (stop.stop_requested()) return Error{Code::cancelled, "evaluation cancelled"};
    progress.update(progress_update("evaluate", at, indices.size()));
    const std::size_t end = std::min(indices.size(), at + static_cast<std::size_t>(batch));
    std::vector<Array> samples;
    for (std::size_t i = at; i < end; ++i) {
      const Sample& sample = dataset.manifest().samples[indices[i]];
      predictions.ids.push_back(sample.id);
      predictions.labels.push_back(sample.label);
      samples.push_back(dataset.array(indices[i]));
    }
    ACESO_TRY(Array inputs, preprocess(signature.preprocessing, samples));
    const NamedArrays named{{signature.inputs[0].name, std::move(inputs)}};
    ACESO_TRY_OK(check_inputs(signature, named));
    ACESO_TRY(const NamedArrays outputs, session.run(named));
    const auto found = outputs.find("output");
    if (found == outputs.end()) return Error{Code::internal, "the engine gave no array named output"};
    ACESO_TRY_OK(append_rows(found->second, end - at, predictions.probabilities));
  }
  progress.update(progress_update("evaluate", indices.size(), indices.size()));
  return predictions;
}

double choose_threshold(const Predictions& validation) {
  if (validation.probabilities.empty() || validation.probabilities.front().size() != 1) return 0.5;
  const auto threshold = stats::youden_threshold(column(validation.probabilities, 0), validation.labels);
  return threshold ? *threshold : 0.5;
}

Json evaluate(const Predictions& predictions, double threshold, const std::vector<std::string>& classes,
              std::uint64_t seed) {
  const std::size_t width = predictions.probabilities.empty() ? 0 : predictions.probabilities.front().size();
  const bool binary = width == 1;
  std::vector<int> decided;
  for (const auto& row : predictions.probabilities) decided.push_back(decide(row, threshold));
  const int count = static_cast<int>(std::max<std::size_t>(classes.size(), 2));
  Json json{{"samples", predictions.labels.size()},
            {"classes", classes},
            {"kind", binary ? "binary" : "multiclass"},
            {"threshold", binary ? Json(threshold) : Json(nullptr)}};
  const auto matrix = stats::ConfusionMatrix::create(predictions.labels, decided, count);
  if (!matrix || width == 0) {
    json["error"] = matrix ? "no predictions" : matrix.error().message();
    return json;
  }
  json["confusion"] = confusion_json(*matrix);
  if (binary) {
    const std::vector<double> scores = column(predictions.probabilities, 0);
    json["metrics"] = binary_figures(scores, predictions.labels, matrix->one_against_rest(1), threshold, seed);
    json["roc"] = roc_json(scores, predictions.labels);
    json["reliability"] = reliability_json(scores, predictions.labels);
    return json;
  }
  json["metrics"] = Json{{"accuracy", proportion(matrix->accuracy())}, {"auroc", macro_auroc_json(predictions, seed)}};
  Json each = Json::array();
  for (std::size_t c = 0; c < width && c < classes.size(); ++c) {
    std::vector<int> is_class;
    for (const int label : predictions.labels) is_class.push_back(label == static_cast<int>(c) ? 1 : 0);
    const std::vector<double> scores = column(predictions.probabilities, c);
    const stats::BinaryCounts counts = matrix->one_against_rest(static_cast<int>(c));
    const auto f1 = counts.f1();
    each.push_back(Json{{"class", classes[c]},
                        {"sensitivity", proportion(counts.sensitivity())},
                        {"specificity", proportion(counts.specificity())},
                        {"ppv", proportion(counts.ppv())},
                        {"f1", f1 ? Json{{"value", *f1}} : Json(nullptr)},
                        {"auroc", auroc_json(scores, is_class)},
                        {"roc", roc_json(scores, is_class)},
                        {"reliability", reliability_json(scores, is_class)}});
  }
  json["per_class"] = std::move(each);
  return json;
}

}  // namespace aceso::learn
