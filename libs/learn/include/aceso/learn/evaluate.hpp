// Evaluation of a classifier on a split: figures with intervals, report as JSON and as one self-contained HTML page.
#pragma once

#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/dataset.hpp"
#include "aceso/learn/engine.hpp"

namespace aceso::learn {

struct Predictions {
  std::vector<std::string> ids;
  std::vector<int> labels;
  std::vector<std::vector<double>> probabilities;  // per sample, per class (binary: one value, of the positive class)
  std::vector<std::string> groups = {};            // per sample: patient or block, "" unknown; may be empty
  std::map<std::string, std::vector<std::string>> subgroups = {};  // column (sex, site...) -> value per sample
  std::vector<float> embeddings = {};  // [samples, width] when the session answers an output "embedding"
  // Of models of several labels or of numbers, per sample as Sample::targets; then `labels` are all 0, and
  // `probabilities` have one value a label, or the number.
  std::vector<std::vector<double>> targets = {};
};

// Of a dataset of several labels or of numbers, the samples of which something is known.
Result<Predictions> predict_split(InferenceSession& session, const ModelSignature& signature, const Dataset& dataset,
                                  Split split, int batch, ProgressSink& progress, const std::stop_token& stop);

// The same of samples by their indices, which must be labelled.
Result<Predictions> predict_samples(InferenceSession& session, const ModelSignature& signature, const Dataset& dataset,
                                    std::span<const std::size_t> indices, int batch, ProgressSink& progress,
                                    const std::stop_token& stop);

// Threshold that maximises Youden's J (Youden, Cancer 3:32, 1950) on these predictions: give it validation predictions
// only.
double choose_threshold(const Predictions& validation);

// The trivial model on the same samples.
struct BaselineAnswer {
  Predictions predictions;              // the samples of the model's predictions, in their order
  double threshold = 0.5;               // chosen on validation data
  Json about;                           // {kind, features, penalty, training_samples}
  std::vector<double> thresholds = {};  // of several labels, chosen on validation data
};

// What an evaluation can use beside the predictions it judges.
struct EvaluationParts {
  const Predictions* validation = nullptr;   // fits temperature and isotonic scaling; never the samples judged
  const BaselineAnswer* baseline = nullptr;  // the trivial model, for the paired tests
};

// Accuracy, sensitivity, specificity, PPV, NPV, F1, AUROC, AUPRC with 95 % intervals: Wilson, DeLong and stratified
// bootstrap, or all by bootstrap of whole groups where a group has several samples. Confusion matrix, ROC, precision
// against recall, calibration (Brier, ECE, line, temperature and isotonic scaling), decision curve, subgroups, and the
// baseline with paired tests: "adds_nothing" is true when the lower bound of the AUROC's gain is not above 0.
// Multi-class: macro averages and each class against the rest. The same input gives the same JSON.
Json evaluate(const Predictions& predictions, double threshold, const std::vector<std::string>& classes,
              std::uint64_t seed, const EvaluationParts& parts = {});

// Two models on the same samples: figures of both, AUROC by paired DeLong (bootstrap of whole groups where there are),
// decisions by McNemar, log loss and Brier score by paired bootstrap. invalid when samples or classes differ.
Result<Json> compare(const Predictions& a, double threshold_a, const Predictions& b, double threshold_b,
                     const std::vector<std::string>& classes, std::uint64_t seed);

// Wrong decisions, the surest first, and those right but nearest to the threshold: [{kind: "wrong" | "unsure", png
// (base64, at most 96 pixels a side), truth, decided, probability}]. No ids: they may be file names.
Json gallery(const Predictions& predictions, double threshold, const std::vector<std::string>& classes,
             const Dataset& dataset, Split split, std::size_t each = 8);

// `context`: {card, training {engine, config, history, best_epoch, seconds, peak_rss_bytes}, dataset (summary_json),
// model_sha256, gallery}, each of which may be absent; `evaluation` may be null. No outside resource, no script needed
// to read it; prints well. All text is escaped. Thread-safe.
std::string render_report_html(const Json& evaluation, const Json& context);
// `context`: {a: {name, version, id, card}, b, dataset, dataset_sha256, split}.
std::string render_comparison_html(const Json& comparison, const Json& context);

// TRIPOD+AI (Collins et al., BMJ 385:e078378, 2024) and CLAIM 2024 (Tejani et al., Radiol Artif Intell 6:e240300,
// 2024):
// [{list, item, topic, state: "here" | "missing" | "elsewhere", where}]. "elsewhere": no program can know it.
Json reporting_checklist(const Json& evaluation, const Json& context);

}  // namespace aceso::learn
