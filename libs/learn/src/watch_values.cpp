// What is noted of one answer.
#include <algorithm>
#include <cmath>
#include <limits>

#include "aceso/learn/watch.hpp"
#include "watch_parts.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxColumns = 32;
constexpr std::size_t kMaxScores = 16;
constexpr std::size_t kMaxValues = 65'536;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kFigures[] = {"intensity: mean", "intensity: standard deviation", "intensity: 5 % quantile",
                                    "intensity: 95 % quantile", "detail"};

// Columns of a table; 0: something else, of which figures are noted.
std::size_t table_columns(const ModelSignature& signature) {
  if (signature.inputs.empty()) return 0;
  const Shape& shape = signature.inputs.front().shape;
  return shape.size() == 1 && shape[0] > 0 && shape[0] <= static_cast<std::int64_t>(kMaxColumns)
             ? static_cast<std::size_t>(shape[0])
             : 0;
}

std::size_t components_of(const Applicability& applicability) {
  return applicability.embedding ? std::min(kWatchComponents, applicability.embedding->variances.size()) : 0;
}

void add_figures(std::span<const float> values, std::size_t width, std::vector<double>& out) {
  const std::size_t rows = values.size() / width;
  const std::size_t step = std::max<std::size_t>(1, (values.size() + kMaxValues - 1) / kMaxValues);
  std::vector<float> seen;
  seen.reserve(std::min(values.size(), kMaxValues + width));
  double sum = 0, differences = 0;
  std::size_t pairs = 0;
  for (std::size_t r = 0; r < rows; r += step) {
    const std::span<const float> row = values.subspan(r * width, width);
    for (std::size_t i = 0; i < width; ++i) {
      sum += static_cast<double>(row[i]);
      seen.push_back(row[i]);
      if (i == 0) continue;
      differences += std::abs(static_cast<double>(row[i]) - static_cast<double>(row[i - 1]));
      ++pairs;
    }
  }
  const auto count = static_cast<double>(seen.size());
  const double mean = sum / count;
  double squares = 0;
  for (const float v : seen) squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  const auto rank = [&](double share) {
    const auto at = seen.begin() + static_cast<std::ptrdiff_t>(share * (count - 1));
    std::nth_element(seen.begin(), at, seen.end());
    return static_cast<double>(*at);
  };
  out.push_back(mean);
  out.push_back(std::sqrt(squares / count));
  out.push_back(rank(0.05));
  out.push_back(rank(0.95));
  out.push_back(pairs > 0 ? differences / static_cast<double>(pairs) : 0);
}

}  // namespace

std::string_view to_string(WatchGroup group) noexcept {
  switch (group) {
    case WatchGroup::input:
      return "input";
    case WatchGroup::embedding:
      return "embedding";
    case WatchGroup::score:
      break;
  }
  return "score";
}

std::vector<WatchFeature> watch_layout(const ModelSignature& signature, const Applicability& applicability,
                                       const std::vector<std::string>& score_names) {
  std::vector<WatchFeature> layout;
  if (const std::size_t columns = table_columns(signature); columns > 0) {
    const std::vector<std::string>& labels = signature.inputs.front().labels;
    for (std::size_t i = 0; i < columns; ++i) {
      std::string name = labels.size() == columns ? labels[i] : "column " + std::to_string(i + 1);
      layout.push_back({"input: " + std::move(name), WatchGroup::input});
    }
  } else {
    for (const char* name : kFigures) layout.push_back({name, WatchGroup::input});
  }
  if (applicability.appearance) layout.push_back({"distance of appearance", WatchGroup::embedding});
  if (applicability.embedding) layout.push_back({"distance of embedding", WatchGroup::embedding});
  for (std::size_t k = 0; k < components_of(applicability); ++k)
    layout.push_back({std::string{kWatchComponent} + std::to_string(k + 1), WatchGroup::embedding});
  for (std::size_t i = 0; i < std::min(score_names.size(), kMaxScores); ++i)
    layout.push_back({"score: " + score_names[i], WatchGroup::score});
  return layout;
}

std::vector<double> watch_values(const ModelSignature& signature, const Applicability& applicability,
                                 const Array& inputs, std::size_t sample, std::span<const float> embedding,
                                 std::span<const double> scores, std::size_t score_count) {
  std::vector<double> out;
  const std::size_t columns = table_columns(signature);
  const std::size_t figures = columns > 0 ? columns : std::size(kFigures);
  if (inputs.dtype == DType::f32 && inputs.shape.size() >= 2 && inputs.shape[0] > 0 && !inputs.data.empty()) {
    const std::span<const float> all = inputs.f32();
    const std::size_t each = all.size() / static_cast<std::size_t>(inputs.shape[0]);
    const std::span<const float> values = all.subspan(sample * each, each);
    if (columns == 0) {
      add_figures(values, static_cast<std::size_t>(inputs.shape.back()), out);
    } else if (each == columns) {
      out.assign(values.begin(), values.end());
    }
  }
  out.resize(figures, kUnknown);
  if (applicability.appearance) {
    const std::vector<float> row = inputs.data.empty() ? std::vector<float>{} : appearance_row(inputs, sample);
    const std::vector<double> wide(row.begin(), row.end());
    out.push_back(wide.size() == applicability.appearance->mean.size() ? applicability.appearance->distance(wide)
                                                                       : kUnknown);
  }
  if (applicability.embedding) {
    const Gaussian& g = *applicability.embedding;
    const std::vector<double> wide(embedding.begin(), embedding.end());
    const bool known = wide.size() == g.mean.size();
    out.push_back(known ? g.distance(wide) : kUnknown);
    for (std::size_t k = 0; k < components_of(applicability); ++k) {
      double along = known ? 0 : kUnknown;
      for (std::size_t i = 0; known && i < wide.size(); ++i)
        along += g.components[k * wide.size() + i] * (wide[i] - g.mean[i]);
      out.push_back(along);
    }
  }
  for (std::size_t i = 0; i < std::min(score_count, kMaxScores); ++i)
    out.push_back(i < scores.size() ? scores[i] : kUnknown);
  return out;
}

}  // namespace aceso::learn
