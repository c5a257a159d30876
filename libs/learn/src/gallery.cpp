// Small pictures of the samples on which a model failed or nearly did.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "aceso/crypto/hash.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/evaluate_targets.hpp"
#include "scores.hpp"
#include "targets.hpp"
#include "values.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kMaxThumb = 96;

// Grey, [height, width] averaged over whole blocks so that no side exceeds kMaxThumb, stretched to the sample's own
// range.
std::optional<std::string> thumbnail(const Array& sample) {
  if (sample.shape.size() < 2 || sample.shape.size() > 3) return std::nullopt;
  const std::int64_t height = sample.shape[0], width = sample.shape[1];
  const std::int64_t channels = sample.shape.size() == 3 ? sample.shape[2] : 1;
  const std::int64_t block = std::max<std::int64_t>(1, (std::max(height, width) + kMaxThumb - 1) / kMaxThumb);
  const std::int64_t rows = height / block, columns = width / block;
  if (rows < 1 || columns < 1) return std::nullopt;
  std::vector<double> sums(static_cast<std::size_t>(rows * columns), 0);
  std::int64_t at = 0;
  for_each_value(sample.dtype, sample.data, [&](double value) {
    const std::int64_t pixel = at++ / channels, y = pixel / width / block, x = pixel % width / block;
    if (y < rows && x < columns) sums[static_cast<std::size_t>(y * columns + x)] += value;
  });
  const auto [low, high] = std::minmax_element(sums.begin(), sums.end());
  if (!std::isfinite(*low) || !std::isfinite(*high) || *high <= *low) return std::nullopt;
  imaging::Image image{.width = columns, .height = rows, .channels = 1, .bits = 8, .pixels = {}};
  for (const double sum : sums)
    image.pixels.push_back(static_cast<std::byte>(std::lround((sum - *low) / (*high - *low) * 255)));
  const auto png = imaging::encode_png(image);
  if (!png) return std::nullopt;
  return crypto::to_base64(*png);
}

// How sure the model was of what it decided, in [0, 1]; for two classes by the distance from the threshold.
double sureness(const std::vector<double>& row, double threshold) {
  if (row.size() != 1) return *std::max_element(row.begin(), row.end());
  return row[0] >= threshold ? (row[0] - threshold) / std::max(1e-12, 1 - threshold)
                             : (threshold - row[0]) / std::max(1e-12, threshold);
}

}  // namespace

Json gallery(const Predictions& predictions, double threshold, const std::vector<std::string>& classes,
             const Dataset& dataset, Split split, std::size_t each) {
  Json out = Json::array();
  const std::vector<std::size_t> indices = dataset.indices(split);
  if (dataset.manifest().kind != "image" || indices.size() != predictions.labels.size()) return out;
  std::vector<std::size_t> wrong, right;
  for (std::size_t i = 0; i < indices.size(); ++i)
    (decide(predictions.probabilities[i], threshold) == predictions.labels[i] ? right : wrong).push_back(i);
  const auto by = [&](double sign) {
    return [&, sign](std::size_t a, std::size_t b) {
      return sign * sureness(predictions.probabilities[a], threshold) <
             sign * sureness(predictions.probabilities[b], threshold);
    };
  };
  std::stable_sort(wrong.begin(), wrong.end(), by(-1));
  std::stable_sort(right.begin(), right.end(), by(1));
  const auto name = [&](int c) {
    const auto k = static_cast<std::size_t>(c);
    return k < classes.size() ? classes[k] : std::to_string(c);
  };
  const auto add = [&](const std::vector<std::size_t>& from, const char* kind) {
    for (std::size_t k = 0; k < from.size() && k < each; ++k) {
      const auto& row = predictions.probabilities[from[k]];
      const auto png = thumbnail(dataset.array(indices[from[k]]));
      if (!png) continue;
      out.push_back(Json{{"kind", kind},
                         {"png", *png},
                         {"truth", name(predictions.labels[from[k]])},
                         {"decided", name(decide(row, threshold))},
                         {"probability", row.size() == 1 ? row[0] : *std::max_element(row.begin(), row.end())}});
    }
  };
  add(wrong, "wrong");
  add(right, "unsure");
  return out;
}

Json target_gallery(const Predictions& predictions, std::span<const double> thresholds, const Dataset& dataset,
                    Split split, std::size_t each) {
  Json out = Json::array();
  const Manifest& manifest = dataset.manifest();
  const std::vector<std::size_t> indices = labelled_indices(dataset, split);
  if (manifest.kind != "image" || indices.size() != predictions.targets.size()) return out;
  const bool numbers = manifest.task == Task::regression;
  // As the manifest would have it, had the answer been the truth.
  const auto decided = [&](std::size_t i) {
    Sample sample;
    for (std::size_t k = 0; k < predictions.probabilities[i].size(); ++k) {
      const double value = predictions.probabilities[i][k];
      sample.targets.push_back(numbers ? value : value >= (k < thresholds.size() ? thresholds[k] : 0.5) ? 1 : 0);
    }
    return sample;
  };
  std::vector<std::pair<double, std::size_t>> order;  // how wrong
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const Sample answer = decided(i);
    double wrong = 0;
    for (std::size_t k = 0; k < answer.targets.size(); ++k) {
      const double truth = predictions.targets[i][k];
      if (!std::isnan(truth)) wrong += std::abs(answer.targets[k] - truth);
    }
    if (wrong > 0) order.emplace_back(-wrong, i);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t n = 0; n < order.size() && n < each; ++n) {
    const std::size_t i = order[n].second;
    if (const auto png = thumbnail(dataset.array(indices[i])))
      out.push_back(Json{{"kind", "worst"},
                         {"png", *png},
                         {"truth", target_text(manifest, manifest.samples[indices[i]])},
                         {"decided", target_text(manifest, decided(i))}});
  }
  return out;
}

}  // namespace aceso::learn
