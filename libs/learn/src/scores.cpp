#include "scores.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "aceso/stats/pr.hpp"
#include "aceso/stats/roc.hpp"

namespace aceso::learn {

Status append_rows(const Array& output, std::size_t count, Rows& rows) {
  const bool fits = output.dtype == DType::f32 && (output.shape.size() == 1 || output.shape.size() == 2) &&
                    output.shape[0] == static_cast<std::int64_t>(count);
  if (!fits || count == 0)
    return Error{Code::internal, "the engine answered " + std::to_string(count) + " samples with an array of shape " +
                                     to_string(output.shape)};
  const auto values = output.f32();
  const std::size_t width = values.size() / count;
  for (std::size_t i = 0; i < count; ++i)
    rows.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(i * width),
                      values.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
  return {};
}

double log_loss(const Rows& probabilities, const std::vector<int>& labels) {
  constexpr double kEdge = 1e-7;
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& row = probabilities[i];
    const double p =
        row.size() == 1 ? (labels[i] == 1 ? row[0] : 1 - row[0]) : row[static_cast<std::size_t>(labels[i])];
    sum -= std::isfinite(p) ? std::log(std::clamp(p, kEdge, 1 - kEdge)) : p;
  }
  return sum / static_cast<double>(labels.size());
}

int decide(const std::vector<double>& row, double threshold) {
  if (row.size() == 1) return row[0] >= threshold ? 1 : 0;
  return static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
}

double accuracy(const Rows& probabilities, const std::vector<int>& labels) {
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += decide(probabilities[i]) == labels[i] ? 1U : 0U;
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

std::vector<double> column(const Rows& probabilities, std::size_t c) {
  std::vector<double> values;
  values.reserve(probabilities.size());
  for (const auto& row : probabilities) values.push_back(row[c]);
  return values;
}

std::optional<double> mean_over_labels(const Rows& probabilities, const Rows& targets,
                                       std::span<const std::size_t> indices, bool precision) {
  double sum = 0;
  int counted = 0;
  const std::size_t width = probabilities.empty() ? 0 : probabilities.front().size();
  for (std::size_t k = 0; k < width; ++k) {
    std::vector<double> scores;
    std::vector<int> truth;
    for (const std::size_t i : indices) {
      if (std::isnan(targets[i][k])) continue;
      scores.push_back(probabilities[i][k]);
      truth.push_back(targets[i][k] > 0.5 ? 1 : 0);
    }
    const auto value = precision ? stats::average_precision(scores, truth) : stats::auroc(scores, truth);
    if (!value) continue;
    sum += *value;
    ++counted;
  }
  if (counted == 0) return std::nullopt;
  return sum / counted;
}

LabelScores label_scores(const Rows& probabilities, const Rows& targets) {
  constexpr double kEdge = 1e-7;
  LabelScores out;
  double known = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    for (std::size_t k = 0; k < probabilities[i].size(); ++k) {
      if (std::isnan(targets[i][k])) continue;
      const bool holds = targets[i][k] > 0.5;
      const double p = holds ? probabilities[i][k] : 1 - probabilities[i][k];
      out.loss -= std::isfinite(p) ? std::log(std::clamp(p, kEdge, 1 - kEdge)) : p;
      out.accuracy += (probabilities[i][k] >= 0.5) == holds ? 1 : 0;
      known += 1;
    }
  }
  out.loss /= known;
  out.accuracy /= known;
  std::vector<std::size_t> all(probabilities.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  out.auroc = mean_over_labels(probabilities, targets, all, false);
  return out;
}

std::optional<double> macro_auroc(const Rows& probabilities, const std::vector<int>& labels) {
  if (probabilities.empty()) return std::nullopt;
  const std::size_t width = probabilities.front().size();
  double sum = 0;
  int counted = 0;
  for (std::size_t c = 0; c < width; ++c) {
    std::vector<int> is_class;
    for (const int label : labels) is_class.push_back(label == (width == 1 ? 1 : static_cast<int>(c)) ? 1 : 0);
    const auto value = stats::auroc(column(probabilities, c), is_class);
    if (!value) continue;
    sum += *value;
    ++counted;
  }
  if (counted == 0) return std::nullopt;
  return sum / counted;
}

}  // namespace aceso::learn
