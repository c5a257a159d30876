#include "aceso/learn/applicability.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/learn/trainer.hpp"
#include "scores.hpp"

namespace aceso::learn {
namespace {

constexpr std::int64_t kThumb = 16;
constexpr std::int64_t kMaxWidth = 1024;
constexpr std::size_t kMaxTraining = 2000;
constexpr std::size_t kFitBatch = 32;

bool listed(const std::vector<std::string>& words, const std::string& word) {
  const auto same = [](const std::string& a, const std::string& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return std::toupper(static_cast<unsigned char>(x)) == std::toupper(static_cast<unsigned char>(y));
    });
  };
  return std::any_of(words.begin(), words.end(), [&](const std::string& w) { return same(w, word); });
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

std::string shortly(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string range(const std::optional<double>& low, const std::optional<double>& high, const std::string& unit) {
  if (low && high) return shortly(*low) + " to " + shortly(*high) + " " + unit;
  return low ? "from " + shortly(*low) + " " + unit + " on" : "up to " + shortly(*high) + " " + unit;
}

void check_word(const char* what, const std::vector<std::string>& allowed, const std::string& stated,
                LimitsVerdict& verdict) {
  if (allowed.empty()) return;
  if (stated.empty()) {
    verdict.unchecked.push_back(std::string{what} + " was not stated; the model is for " + joined(allowed));
  } else if (!listed(allowed, stated)) {
    verdict.outside.push_back(std::string{what} + " is another than the model is for: " + joined(allowed));
  }
}

void check_range(const char* what, const std::optional<double>& low, const std::optional<double>& high,
                 const std::optional<double>& stated, const char* unit, LimitsVerdict& verdict) {
  if (!low && !high) return;
  if (!stated) {
    verdict.unchecked.push_back(std::string{what} + " was not stated; the model is for " + range(low, high, unit));
  } else if ((low && *stated < *low) || (high && *stated > *high)) {
    verdict.outside.push_back(std::string{what} + " is outside of what the model is for: " + range(low, high, unit));
  }
}

std::optional<Gaussian> fitted(const std::vector<float>& train, const std::vector<float>& validation,
                               std::size_t rows) {
  if (rows == 0 || train.empty() || train.size() % rows != 0) return std::nullopt;
  auto gaussian = fit_gaussian(train, validation, train.size() / rows);
  if (!gaussian) return std::nullopt;
  return *std::move(gaussian);
}

struct Observed {
  std::vector<float> appearance, embedding;
};

Result<Observed> observe(InferenceSession& session, const ModelSignature& signature, const Dataset& dataset,
                         const std::vector<std::size_t>& indices, bool run, const std::stop_token& stop) {
  Observed seen;
  const std::size_t batch = signature.preprocessing.window.empty() ? kFitBatch : 1;  // else samples may differ in size
  for (std::size_t at = 0; at < indices.size(); at += batch) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled while looking at training samples"};
    const std::size_t count = std::min(batch, indices.size() - at);
    std::vector<Array> samples;
    samples.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      ACESO_TRY(Array sample, to_spacing(signature.preprocessing, dataset.array(indices[at + i]),
                                         dataset.manifest().samples[indices[at + i]].spacing_mm));
      samples.push_back(std::move(sample));
    }
    ACESO_TRY(Array inputs, preprocess(signature.preprocessing, samples));
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = appearance_row(inputs, i);
      seen.appearance.insert(seen.appearance.end(), row.begin(), row.end());
    }
    if (!run) continue;
    ACESO_TRY(const NamedArrays outputs, session.run({{signature.inputs[0].name, std::move(inputs)}}));
    if (const auto found = outputs.find("embedding"); found != outputs.end()) {
      const auto values = found->second.f32();
      seen.embedding.insert(seen.embedding.end(), values.begin(), values.end());
    }
  }
  return seen;
}

Familiarity::State state_of(const Gaussian& gaussian, std::span<const float> row, const char* name, Json& about) {
  if (row.size() != gaussian.mean.size()) return Familiarity::State::unknown;
  const std::vector<double> wide(row.begin(), row.end());
  const double distance = gaussian.distance(wide);
  about[name] = Json{{"distance", distance}, {"unusual", gaussian.unusual}, {"outside", gaussian.outside}};
  if (!(distance <= gaussian.outside)) return Familiarity::State::outside;
  return distance <= gaussian.unusual ? Familiarity::State::usual : Familiarity::State::unusual;
}

}  // namespace

LimitsVerdict check_limits(const InputLimits& limits, const InputFacts& facts) {
  LimitsVerdict verdict;
  check_word("The modality", limits.modalities, facts.modality, verdict);
  check_word("The view", limits.views, facts.view, verdict);
  check_word("The body part", limits.body_parts, facts.body_part, verdict);
  check_range("The age", limits.age_min_years, limits.age_max_years, facts.age_years, "years", verdict);
  check_range("The pixel spacing", limits.spacing_min_mm, limits.spacing_max_mm, facts.spacing_mm, "mm", verdict);
  if (facts.height > 0 && facts.width > 0) {
    const auto [shorter, longer] = std::minmax(facts.height, facts.width);
    if (limits.side_min && shorter < *limits.side_min) {
      verdict.outside.push_back("The image is smaller than the model is for: its shorter side has " +
                                std::to_string(shorter) + " pixels, " + std::to_string(*limits.side_min) +
                                " are needed");
    }
    if (limits.side_max && longer > *limits.side_max) {
      verdict.outside.push_back("The image is larger than the model is for: its longer side has " +
                                std::to_string(longer) + " pixels, at most " + std::to_string(*limits.side_max) +
                                " are allowed");
    }
  }
  return verdict;
}

std::string embedding_layer(const Network& network, const std::map<std::string, Shape>& inputs) {
  const auto shapes = infer_shapes(network, inputs);
  if (!shapes) return {};
  for (auto layer = network.layers.rbegin(); layer != network.layers.rend(); ++layer) {
    if (layer->name != network.logits) continue;
    if (layer->op != Op::dense || layer->inputs.size() != 1) return {};
    const Shape& shape = shapes->outputs.at(layer->inputs[0]);
    return shape.size() == 2 && shape[1] <= kMaxWidth ? layer->inputs[0] : std::string{};
  }
  return {};
}

std::vector<float> appearance_row(const Array& inputs, std::size_t index) {
  const Shape& shape = inputs.shape;
  if (shape.size() < 2 || inputs.dtype != DType::f32) return {};
  const std::size_t each = inputs.f32().size() / static_cast<std::size_t>(shape[0]);
  const auto sample = inputs.f32().subspan(index * each, each);
  if (shape.size() < 4) {
    return each <= static_cast<std::size_t>(kMaxWidth) ? std::vector<float>(sample.begin(), sample.end())
                                                       : std::vector<float>{};
  }
  // Mean over channels and, of a volume, over its slices: what is left is a picture.
  const std::int64_t height = shape[shape.size() - 2], width = shape.back();
  if (height < kThumb || width < kThumb) return {};
  std::vector<double> sums(kThumb * kThumb, 0), counts(kThumb * kThumb, 0);
  for (std::size_t i = 0; i < each; ++i) {
    const auto at = static_cast<std::int64_t>(i) % (height * width);
    const auto cell = static_cast<std::size_t>(at / width * kThumb / height * kThumb + at % width * kThumb / width);
    sums[cell] += static_cast<double>(sample[i]);
    counts[cell] += 1;
  }
  std::vector<float> row;
  row.reserve(sums.size());
  for (std::size_t c = 0; c < sums.size(); ++c) row.push_back(static_cast<float>(sums[c] / counts[c]));
  return row;
}

Result<Applicability> fit_applicability(InferenceSession& session, const ModelSignature& signature,
                                        const Dataset& dataset, const Predictions& validation,
                                        const InputLimits& limits, double coverage, const std::stop_token& stop) {
  Applicability out;
  out.limits = limits;
  if (validation.labels.empty()) return out;
  Rows rows;
  rows.reserve(validation.probabilities.size());
  for (const auto& row : validation.probabilities)
    rows.push_back(row.size() == 1 ? std::vector{1 - row[0], row[0]} : row);
  if (const auto thresholds = stats::fit_conformal(rows, validation.labels, coverage)) out.conformal = *thresholds;
  std::vector<std::size_t> train = dataset.indices(Split::train);
  if (train.size() > kMaxTraining) {
    const std::size_t all = train.size();
    for (std::size_t i = 0; i < kMaxTraining; ++i) train[i] = train[i * all / kMaxTraining];
    train.resize(kMaxTraining);
  }
  ACESO_TRY(const Observed seen, observe(session, signature, dataset, train, !validation.embeddings.empty(), stop));
  ACESO_TRY(const Observed judged,
            observe(session, signature, dataset, dataset.indices(Split::validation), false, stop));
  out.appearance = fitted(seen.appearance, judged.appearance, train.size());
  out.embedding = fitted(seen.embedding, validation.embeddings, train.size());
  return out;
}

Familiarity familiarity(const Applicability& applicability, std::span<const float> appearance,
                        std::span<const float> embedding) {
  Familiarity out;
  out.about = Json::object();
  if (applicability.appearance) out.state = state_of(*applicability.appearance, appearance, "appearance", out.about);
  if (applicability.embedding)
    out.state = std::max(out.state, state_of(*applicability.embedding, embedding, "embedding", out.about));
  constexpr const char* kNames[] = {"unknown", "usual", "unusual", "outside"};
  out.about["state"] = kNames[static_cast<std::size_t>(out.state)];
  return out;
}

}  // namespace aceso::learn
