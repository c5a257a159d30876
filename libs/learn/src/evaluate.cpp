#include "aceso/learn/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"
#include "aceso/stats/calibration.hpp"
#include "aceso/stats/confusion.hpp"
#include "aceso/stats/pr.hpp"
#include "aceso/stats/roc.hpp"
#include "figures.hpp"
#include "progress_update.hpp"
#include "scores.hpp"
#include "targets.hpp"

namespace aceso::learn {
namespace {

// Decisions of one class against the rest, and what is counted among them.
struct Decisions {
  std::vector<int> truth, decided;  // 0 or 1

  Figures::Counter share(int of_truth, int of_decided, int success) const {  // -1: any
    return [this, of_truth, of_decided, success](std::span<const std::size_t> indices) {
      std::pair<std::uint64_t, std::uint64_t> n{0, 0};
      for (const std::size_t i : indices) {
        if ((of_truth >= 0 && truth[i] != of_truth) || (of_decided >= 0 && decided[i] != of_decided)) continue;
        ++n.second;
        n.first += (success < 0     ? truth[i] == decided[i]
                    : of_truth >= 0 ? decided[i] == success
                                    : truth[i] == success)
                       ? 1U
                       : 0U;
      }
      return n;
    };
  }
  std::optional<double> f1(std::span<const std::size_t> indices) const {
    double both = 0, sum = 0;
    for (const std::size_t i : indices) {
      both += truth[i] & decided[i];
      sum += truth[i] + decided[i];
    }
    if (sum == 0) return std::nullopt;
    return 2 * both / sum;
  }
};

// Every figure of one class against the rest.
Json class_figures(const std::vector<double>& scores, const Decisions& d, const Figures& figures) {
  const stats::Statistic auprc = [&](std::span<const std::size_t> indices) -> std::optional<double> {
    const auto area = stats::average_precision(pick(scores, indices), pick(d.truth, indices));
    return area ? std::optional{*area} : std::nullopt;
  };
  return Json{{"accuracy", figures.proportion(d.share(-1, -1, -1), 4)},
              {"sensitivity", figures.proportion(d.share(1, -1, 1), 5)},
              {"specificity", figures.proportion(d.share(0, -1, 0), 6)},
              {"ppv", figures.proportion(d.share(-1, 1, 1), 7)},
              {"npv", figures.proportion(d.share(-1, 0, 0), 8)},
              {"f1", figures.bootstrapped([&](std::span<const std::size_t> i) { return d.f1(i); }, 0)},
              {"auroc", figures.auroc(scores, d.truth, 9)},
              {"auprc", figures.bootstrapped(auprc, 1)},
              {"prevalence", d.truth.empty() ? Json(nullptr)
                                             : Json(static_cast<double>(std::count(d.truth.begin(), d.truth.end(), 1)) /
                                                    static_cast<double>(d.truth.size()))}};
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

void evaluate_binary(const Predictions& predictions, const std::vector<int>& decided, const Figures& figures,
                     Json& json) {
  const std::vector<double> scores = column(predictions.probabilities, 0);
  const Decisions d{predictions.labels, decided};
  json["metrics"] = class_figures(scores, d, figures);
  json["metrics"]["brier"] = number_or_null(stats::brier_score(scores, predictions.labels));
  json["metrics"]["ece"] = number_or_null(stats::expected_calibration_error(scores, predictions.labels));
  json["roc"] = roc_json(scores, predictions.labels);
  json["pr"] = pr_json(scores, predictions.labels);
  json["reliability"] = reliability_json(scores, predictions.labels);
  json["decision_curve"] = decision_curve_json(scores, predictions.labels, figures);
}

// Unweighted mean over the classes of a figure of each against the rest, by bootstrap.
Json macro(const std::vector<Decisions>& classes, const Figures& figures, std::uint64_t stream,
           const std::function<std::optional<double>(const Decisions&, std::span<const std::size_t>)>& of) {
  return figures.bootstrapped(
      [&](std::span<const std::size_t> indices) -> std::optional<double> {
        double sum = 0;
        for (const Decisions& d : classes) {
          const auto value = of(d, indices);
          if (!value) return std::nullopt;
          sum += *value;
        }
        return sum / static_cast<double>(classes.size());
      },
      stream);
}

void evaluate_classes(const Predictions& predictions, const std::vector<int>& decided,
                      const std::vector<std::string>& names, const Figures& figures, Json& json) {
  const std::size_t width = std::min(predictions.probabilities.front().size(), names.size());
  std::vector<Decisions> all;
  all.reserve(width);
  Json each = Json::array();
  for (std::size_t c = 0; c < width; ++c) {
    all.push_back({one_against_rest(predictions.labels, c), one_against_rest(decided, c)});
    const std::vector<double> scores = column(predictions.probabilities, c);
    Json one = class_figures(scores, all.back(), figures);
    one["class"] = names[c];
    one["roc"] = roc_json(scores, all.back().truth);
    one["pr"] = pr_json(scores, all.back().truth);
    one["reliability"] = reliability_json(scores, all.back().truth);
    each.push_back(std::move(one));
  }
  const auto share = [](int truth, int success) {
    return [truth, success](const Decisions& d, std::span<const std::size_t> i) -> std::optional<double> {
      const auto [s, t] = d.share(truth, -1, success)(i);
      if (t == 0) return std::nullopt;
      return static_cast<double>(s) / static_cast<double>(t);
    };
  };
  const Decisions whole{predictions.labels, decided};
  json["metrics"] = Json{
      {"accuracy", figures.proportion(whole.share(-1, -1, -1), 4)},
      {"auroc", figures.bootstrapped(
                    [&](std::span<const std::size_t> indices) {
                      return macro_auroc(pick(predictions.probabilities, indices), pick(predictions.labels, indices));
                    },
                    2)},
      {"sensitivity", macro(all, figures, 5, share(1, 1))},
      {"specificity", macro(all, figures, 6, share(0, 0))},
      {"f1", macro(all, figures, 0, [](const Decisions& d, std::span<const std::size_t> i) { return d.f1(i); })}};
  json["per_class"] = std::move(each);
}

Status read_samples(const Dataset& dataset, std::span<const std::size_t> indices, Predictions& predictions,
                    std::vector<Array>& samples) {
  for (const std::size_t index : indices) {
    const Sample& sample = dataset.manifest().samples[index];
    if (dataset.manifest().task != Task::classes) {
      predictions.targets.push_back(sample.targets);
      predictions.ids.push_back(sample.id);
      predictions.labels.push_back(0);
      predictions.groups.push_back(sample.group);
      samples.push_back(dataset.array(index));
      continue;
    }
    if (sample.label < 0) return Error{Code::invalid, "sample \"" + sample.id + "\" has no label"};
    predictions.ids.push_back(sample.id);
    predictions.labels.push_back(sample.label);
    predictions.groups.push_back(sample.group);
    samples.push_back(dataset.array(index));
  }
  return {};
}

}  // namespace

Result<Predictions> predict_split(InferenceSession& session, const ModelSignature& signature, const Dataset& dataset,
                                  Split split, int batch, ProgressSink& progress, const std::stop_token& stop) {
  const std::vector<std::size_t> indices = labelled_indices(dataset, split);
  if (indices.empty()) return Error{Code::invalid, "the dataset has no " + std::string{to_string(split)} + " samples"};
  return predict_samples(session, signature, dataset, indices, batch, progress, stop);
}

Result<Predictions> predict_samples(InferenceSession& session, const ModelSignature& signature, const Dataset& dataset,
                                    std::span<const std::size_t> indices, int batch, ProgressSink& progress,
                                    const std::stop_token& stop) {
  if (batch < 1 || signature.inputs.empty())
    return Error{Code::invalid, "batch must be 1 or more, and the model needs an input"};
  Predictions predictions;
  for (std::size_t at = 0; at < indices.size(); at += static_cast<std::size_t>(batch)) {
    if (stop.stop_requested()) return Error{Code::cancelled, "evaluation cancelled"};
    progress.update(progress_update("evaluate", at, indices.size()));
    const std::size_t count = std::min(indices.size() - at, static_cast<std::size_t>(batch));
    std::vector<Array> samples;
    ACESO_TRY_OK(read_samples(dataset, indices.subspan(at, count), predictions, samples));
    ACESO_TRY(Array inputs, preprocess(signature.preprocessing, samples));
    const NamedArrays named{{signature.inputs[0].name, std::move(inputs)}};
    ACESO_TRY_OK(check_inputs(signature, named));
    ACESO_TRY(const NamedArrays outputs, session.run(named));
    const auto found = outputs.find("output");
    if (found == outputs.end()) return Error{Code::internal, "the engine gave no array named output"};
    ACESO_TRY_OK(append_rows(found->second, count, predictions.probabilities));
    if (const auto embedding = outputs.find("embedding"); embedding != outputs.end()) {
      const auto values = embedding->second.f32();
      predictions.embeddings.insert(predictions.embeddings.end(), values.begin(), values.end());
    }
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
              std::uint64_t seed, const EvaluationParts& parts) {
  const std::size_t width = predictions.probabilities.empty() ? 0 : predictions.probabilities.front().size();
  const bool binary = width == 1;
  std::vector<int> decided;
  decided.reserve(predictions.probabilities.size());
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
  const Figures figures{predictions, seed};
  json["groups"] = figures.by_group() ? Json(figures.groups()) : Json(nullptr);
  json["confusion"] = confusion_json(*matrix);
  if (binary) {
    evaluate_binary(predictions, decided, figures, json);
  } else {
    evaluate_classes(predictions, decided, classes, figures, json);
  }
  json["calibration"] = calibration_json(predictions, parts.validation, figures);
  json["subgroups"] = subgroups_json(predictions, threshold, seed);
  if (parts.baseline != nullptr) {
    json["baseline"] = baseline_json(predictions, threshold, *parts.baseline, figures);
    if (json["baseline"].is_object()) json["adds_nothing"] = json["baseline"]["adds_nothing"];
  }
  return json;
}

}  // namespace aceso::learn
