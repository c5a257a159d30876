#include "watch_fitting.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"
#include "aceso/learn/watch.hpp"
#include "watch.hpp"

namespace aceso::models {
learn::WatchCase watch_case(const learn::Bundle& bundle, const learn::Applicability& applicability,
                            const learn::Array& inputs, std::span<const float> embedding,
                            std::span<const double> scores) {
  const learn::Familiarity familiarity = learn::familiarity(applicability, learn::appearance_row(inputs, 0), embedding);
  learn::WatchCase one;
  one.values =
      learn::watch_values(bundle.signature, applicability, inputs, 0, embedding, scores, watched_scores(bundle).size());
  one.unusual = familiarity.state >= learn::Familiarity::State::unusual;
  one.applicable = familiarity.state != learn::Familiarity::State::outside;
  if (scores.empty()) return one;
  const auto top = std::max_element(scores.begin(), scores.end());
  one.score = *top;
  if (watched_findings(bundle).empty()) return one;
  one.finding =
      scores.size() == 1 ? (scores[0] >= bundle.card.threshold ? 1 : 0) : static_cast<int>(top - scores.begin());
  return one;
}

Result<Json> fit_watch(const learn::Bundle& bundle, const learn::Applicability& applicability,
                       const learn::Dataset& dataset, const learn::Predictions& validation,
                       const std::stop_token& stop) {
  const std::vector<std::size_t> indices = dataset.indices(learn::Split::validation);
  if (indices.size() < learn::kWatchMinimum || validation.probabilities.size() != indices.size() ||
      validation.ids.size() != indices.size())
    return Json(nullptr);
  const learn::ModelSignature& signature = bundle.signature;
  const std::vector<std::string> names = watched_scores(bundle), findings = watched_findings(bundle);
  const std::size_t width = validation.embeddings.size() / indices.size();
  const bool has_embedding = width > 0 && width * indices.size() == validation.embeddings.size();
  std::vector<learn::WatchCase> cases;
  std::vector<int> right;
  cases.reserve(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (stop.stop_requested())
      return Error{Code::cancelled, "cancelled while noting what validation samples look like"};
    if (validation.ids[i] != dataset.manifest().samples[indices[i]].id) return Json(nullptr);
    const learn::Array sample = dataset.array(indices[i]);
    ACESO_TRY(const learn::Array inputs, learn::preprocess(signature.preprocessing, {&sample, 1}));
    const std::span<const float> embedding =
        has_embedding ? std::span{validation.embeddings}.subspan(i * width, width) : std::span<const float>{};
    const std::vector<double>& scores = validation.probabilities[i];
    learn::WatchCase one = watch_case(bundle, applicability, inputs, embedding, scores);
    if (!findings.empty())
      right.push_back(scores.size() == 1 ? validation.labels[i] : one.finding == validation.labels[i]);
    cases.push_back(std::move(one));
  }
  ACESO_TRY(
      learn::WatchReference reference,
      learn::fit_watch_reference("validation", learn::watch_layout(signature, applicability, names), findings, cases));
  if (!findings.empty()) {
    learn::calibrate_watch(reference, cases, right, validation.probabilities.front().size() == 1,
                           bundle.card.threshold);
  }
  return learn::to_json(reference);
}

}  // namespace aceso::models
