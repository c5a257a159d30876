// Evaluation of a classifier on a split: figures with intervals, report as JSON and as one self-contained HTML page.
#pragma once

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
};

Result<Predictions> predict_split(InferenceSession& session, const ModelSignature& signature, const Dataset& dataset,
                                  Split split, int batch, ProgressSink& progress, std::stop_token stop);

// Threshold that maximises Youden's J (Youden, Cancer 3:32, 1950) on these predictions: give it validation predictions
// only.
double choose_threshold(const Predictions& validation);

// Accuracy, sensitivity, specificity, PPV, NPV, F1 (Wilson or bootstrap), AUROC (DeLong), AUPRC (bootstrap), confusion
// matrix, ROC points, Brier, ECE. Multi-class: macro one-against-the-rest.
Json evaluate(const Predictions& predictions, double threshold, const std::vector<std::string>& classes,
              std::uint64_t seed);

// `context`: {card, training {engine, config, history, best_epoch, seconds, peak_rss_bytes}, dataset (summary_json),
// model_sha256}, each of which may be absent; `evaluation` may be null. No outside resource, no script needed to read
// it; prints well. All text is escaped. Thread-safe.
std::string render_report_html(const Json& evaluation, const Json& context);

}  // namespace aceso::learn
