#include "aceso/learn/outlines.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "aceso/learn/sliding_window.hpp"
#include "aceso/learn/trainer.hpp"
#include "progress_update.hpp"
#include "resize.hpp"

namespace aceso::learn {
namespace {

constexpr double kOverlap = 0.25;
constexpr std::int64_t kWindows = 4;  // at once
constexpr double kPercentile = 95;
constexpr std::size_t kBatch = 8;
constexpr int kThresholds = 20;

Shape spatial_of(const Preprocessing& how, const Array& sample) {
  const std::size_t axes = how.kind == PortKind::volume ? 3 : 2;
  return {sample.shape.begin(),
          sample.shape.begin() + static_cast<std::ptrdiff_t>(std::min(axes, sample.shape.size()))};
}

Shape tail(const Shape& shape, std::size_t from) {
  return {shape.begin() + static_cast<std::ptrdiff_t>(from), shape.end()};
}

// The answers of sample `index` of a batch, brought to `spatial`.
Array bring_back(const Array& output, std::size_t index, const Shape& spatial) {
  const Shape from = tail(output.shape, 2);
  const auto channels = static_cast<std::size_t>(output.shape[1]);
  const std::size_t area = output.f32().size() / static_cast<std::size_t>(output.shape[0]) / channels;
  Array out;
  out.shape = {output.shape[1]};
  out.shape.insert(out.shape.end(), spatial.begin(), spatial.end());
  std::vector<float> values;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto plane = resize_linear(output.f32().subspan((index * channels + c) * area, area), from, spatial);
    values.insert(values.end(), plane.begin(), plane.end());
  }
  return Array::from(std::move(out.shape), std::move(values));
}

Status check_output(const Array& output, std::int64_t samples, std::size_t axes, std::size_t outputs) {
  if (output.dtype != DType::f32 || output.shape.size() != axes + 2 || output.shape[0] != samples ||
      output.shape[1] != static_cast<std::int64_t>(outputs))
    return Error{Code::internal, "the engine answered with an array of shape " + to_string(output.shape)};
  const auto values = output.f32();
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    return Error{Code::internal, "the model answered with a number that is not finite"};
  return {};
}

std::size_t outputs_of(const ModelSignature& signature) {
  const std::size_t labels = outline_labels(signature).size();
  return labels == 1 ? 1 : labels + 1;
}

// Probability of label k (from 1) at each point.
std::span<const float> plane_of(const Array& probabilities, std::size_t label) {
  const auto channels = static_cast<std::size_t>(probabilities.shape[0]);
  const std::size_t area = probabilities.f32().size() / channels;
  return probabilities.f32().subspan((channels == 1 ? 0 : label) * area, area);
}

std::span<const std::uint8_t> bytes_of(const Array& mask) {
  return mask.as<std::uint8_t>();
}

Status check_mask(const Array& mask, const std::string& id, std::size_t labels) {
  const auto values = bytes_of(mask);
  const std::uint8_t largest = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  if (largest <= labels) return {};
  return Error{Code::invalid, "sample \"" + id + "\" has an outline with the value " + std::to_string(largest) +
                                  ", the model knows " + std::to_string(labels)};
}

struct Masked {
  std::vector<std::size_t> indices;
  std::size_t without = 0;
};

Result<Masked> masked_samples(const Dataset& dataset, Split split) {
  Masked out;
  for (const std::size_t i : dataset.indices(split)) {
    if (dataset.manifest().samples[i].mask) {
      out.indices.push_back(i);
    } else {
      ++out.without;
    }
  }
  if (out.indices.empty())
    return Error{Code::invalid, "no " + std::string{to_string(split)} + " sample of the dataset has outlines"};
  return out;
}

// Calls visit(index, truth, probabilities) for each of the samples.
template <class F>
Status for_each_answer(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                       std::span<const std::size_t> indices, std::size_t batch, const std::stop_token& stop,
                       const F& visit) {
  const std::size_t labels = outline_labels(signature).size();
  for (std::size_t at = 0; at < indices.size(); at += batch) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
    const auto part = indices.subspan(at, std::min(batch, indices.size() - at));
    std::vector<Array> samples;
    std::vector<std::vector<double>> spacings;
    samples.reserve(part.size());
    spacings.reserve(part.size());
    for (const std::size_t i : part) {
      samples.push_back(dataset.array(i));
      spacings.push_back(dataset.manifest().samples[i].spacing_mm);
    }
    ACESO_TRY(const std::vector<Array> answers, outline_probabilities(forward, signature, samples, spacings, stop));
    for (std::size_t k = 0; k < part.size(); ++k) {
      const std::optional<Array> truth = dataset.mask(part[k]);
      ACESO_TRY_OK(check_mask(*truth, dataset.manifest().samples[part[k]].id, labels));
      ACESO_TRY_OK(visit(part[k], *truth, answers[k]));
    }
  }
  return {};
}

}  // namespace

bool draws_outlines(const ModelSignature& signature) noexcept {
  return !signature.outputs.empty() && signature.outputs.front().kind == PortKind::mask;
}

std::vector<std::string> outline_labels(const ModelSignature& signature) {
  if (!draws_outlines(signature)) return {};
  std::vector<std::string> labels = signature.outputs.front().labels;
  if (labels.size() > 1) labels.erase(labels.begin());
  return labels;
}

Forward forward_of(InferenceSession& session, const ModelSignature& signature) {
  return [&session, name = signature.inputs.front().name](const Array& inputs) -> Result<Array> {
    ACESO_TRY(NamedArrays outputs, session.run({{name, inputs}}));
    const auto found = outputs.find("output");
    if (found == outputs.end()) return Error{Code::internal, "the engine gave no array named output"};
    return std::move(found->second);
  };
}

Result<std::vector<Array>> outline_probabilities(const Forward& forward, const ModelSignature& signature,
                                                 std::span<const Array> samples,
                                                 std::span<const std::vector<double>> spacings_mm,
                                                 const std::stop_token& stop) {
  const Preprocessing& how = signature.preprocessing;
  const std::size_t axes = how.kind == PortKind::volume ? 3 : 2, outputs = outputs_of(signature);
  std::vector<Array> out;
  if (how.window.empty()) {
    ACESO_TRY(const Array inputs, preprocess(how, samples));
    ACESO_TRY_OK(check_inputs(signature, {{signature.inputs.front().name, inputs}}));
    ACESO_TRY(const Array output, forward(inputs));
    ACESO_TRY_OK(check_output(output, static_cast<std::int64_t>(samples.size()), axes, outputs));
    for (std::size_t i = 0; i < samples.size(); ++i) out.push_back(bring_back(output, i, spatial_of(how, samples[i])));
    return out;
  }
  const SlidingWindow slider{.window = how.window, .overlap = kOverlap, .gaussian = true, .batch = kWindows};
  const auto progress = make_null_progress();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Array& own = samples[i];
    ACESO_TRY(const Array sample,
              to_spacing(how, own, i < spacings_mm.size() ? spacings_mm[i] : std::vector<double>{}));
    ACESO_TRY(Array input, preprocess(how, {&sample, 1}));
    input.shape.erase(input.shape.begin());
    const auto predict = [&](const Array& windows) -> Result<Array> {
      ACESO_TRY(Array output, forward(windows));
      ACESO_TRY_OK(check_output(output, windows.shape[0], axes, outputs));
      return output;
    };
    ACESO_TRY(Array whole, slide(slider, input, predict, *progress, stop));
    const Shape spatial = spatial_of(how, own);
    if (tail(whole.shape, 1) != spatial) {
      Shape batch{1};
      batch.insert(batch.end(), whole.shape.begin(), whole.shape.end());
      whole.shape = std::move(batch);
      whole = bring_back(whole, 0, spatial);
    }
    out.push_back(std::move(whole));
  }
  return out;
}

Array draw_mask(const Array& probabilities, double threshold) {
  Array mask = Array::zeros(DType::u8, tail(probabilities.shape, 1));
  const auto channels = static_cast<std::size_t>(probabilities.shape[0]);
  const auto values = probabilities.f32();
  const std::size_t area = mask.data.size();
  for (std::size_t i = 0; i < area; ++i) {
    std::size_t label = 0;
    if (channels == 1) {
      label = static_cast<double>(values[i]) >= threshold ? 1 : 0;
    } else {
      for (std::size_t c = 1; c < channels; ++c)
        if (values[c * area + i] > values[label * area + i]) label = c;
    }
    mask.data[i] = static_cast<std::byte>(label);
  }
  return mask;
}

std::vector<Region> regions_of(const Array& probabilities, const Array& mask, double threshold) {
  const std::size_t channels = static_cast<std::size_t>(probabilities.shape[0]),
                    labels = channels == 1 ? 1 : channels - 1;
  const double limit = channels == 1 ? threshold : 0.5;
  const auto drawn = bytes_of(mask);
  std::vector<Region> out(labels);
  for (std::size_t k = 0; k < labels; ++k) {
    const auto values = plane_of(probabilities, k + 1);
    double sum = 0, doubtful = 0, near = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto p = static_cast<double>(values[i]);
      if (drawn[i] == k + 1) {
        ++out[k].points;
        sum += p;
      }
      if (p >= limit / 2) {
        near += 1;
        doubtful += p < (1 + limit) / 2 ? 1 : 0;
      }
    }
    if (out[k].points > 0) out[k].mean_probability = sum / static_cast<double>(out[k].points);
    if (near > 0) out[k].doubtful = doubtful / near;
    out[k].parts = components(mask.shape, drawn, static_cast<std::uint8_t>(k + 1)).count;
  }
  return out;
}

double sureness(const Array& probabilities, const Array& mask) {
  const auto drawn = bytes_of(mask);
  const auto labels = static_cast<std::size_t>(std::max<std::int64_t>(1, probabilities.shape[0] - 1));
  double sum = 0, count = 0, largest = 0;
  for (std::size_t k = 1; k <= labels; ++k) {
    const auto values = plane_of(probabilities, k);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto p = static_cast<double>(values[i]);
      largest = std::max(largest, p);
      if (drawn[i] != k) continue;
      sum += p;
      count += 1;
    }
  }
  return count > 0 ? sum / count : 1 - largest;
}

double mean_dice(const OutlineCase& judged) {
  double sum = 0;
  for (const auto& label : judged.labels) sum += label.overlap.dice();
  return sum / static_cast<double>(judged.labels.size());
}

Result<OutlineCases> judge_outlines(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                                    Split split, double threshold, ProgressSink& progress,
                                    const std::stop_token& stop) {
  ACESO_TRY(const Masked masked, masked_samples(dataset, split));
  OutlineCases out;
  out.labels = outline_labels(signature);
  out.without_mask = masked.without;
  out.in_mm = std::all_of(masked.indices.begin(), masked.indices.end(), [&](std::size_t i) {
    const Sample& sample = dataset.manifest().samples[i];
    return sample.spacing_mm.size() == sample.mask->shape.size();
  });
  const auto judge = [&](std::size_t index, const Array& truth, const Array& probabilities) -> Status {
    const Sample& sample = dataset.manifest().samples[index];
    const Array mask = draw_mask(probabilities, threshold);
    OutlineCase one;
    one.group = sample.group;
    one.index = index;
    one.sure = sureness(probabilities, mask);
    const std::vector<double> spacing = out.in_mm ? sample.spacing_mm : std::vector<double>{};
    for (std::size_t k = 1; k <= out.labels.size(); ++k) {
      const auto label = static_cast<std::uint8_t>(k);
      one.labels.push_back({overlap(bytes_of(truth), bytes_of(mask), label),
                            hausdorff(mask.shape, bytes_of(truth), bytes_of(mask), label, spacing, kPercentile),
                            detect(mask.shape, bytes_of(truth), bytes_of(mask), label)});
    }
    out.cases.push_back(std::move(one));
    progress.update(progress_update("evaluate", out.cases.size(), masked.indices.size()));
    return {};
  };
  ACESO_TRY_OK(for_each_answer(forward, signature, dataset, masked.indices, kBatch, stop, judge));
  return out;
}

Result<double> choose_outline_threshold(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                                        Split split, const std::stop_token& stop) {
  if (outputs_of(signature) != 1) return 0.5;
  ACESO_TRY(const Masked masked, masked_samples(dataset, split));
  std::array<double, kThresholds> dice{};  // sums at threshold k / kThresholds
  const auto count = [&](std::size_t, const Array& truth, const Array& probabilities) -> Status {
    std::array<std::uint64_t, kThresholds> drawn{}, both{};  // points of each bin of probability
    std::uint64_t all = 0;
    const auto values = plane_of(probabilities, 1);
    const auto real = bytes_of(truth);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto bin = static_cast<std::size_t>(
          std::clamp(static_cast<int>(static_cast<double>(values[i]) * kThresholds), 0, kThresholds - 1));
      ++drawn[bin];
      both[bin] += real[i] == 1 ? 1U : 0U;
      all += real[i] == 1 ? 1U : 0U;
    }
    Overlap sum{all, 0, 0};
    for (std::size_t k = kThresholds; k-- > 1;) {
      sum.drawn += drawn[k];
      sum.both += both[k];
      dice[k] += sum.dice();
    }
    return {};
  };
  ACESO_TRY_OK(for_each_answer(forward, signature, dataset, masked.indices, kBatch, stop, count));
  std::size_t best = kThresholds / 2;
  for (std::size_t k = 1; k < kThresholds; ++k)
    if (dice[k] > dice[best]) best = k;
  return static_cast<double>(best) / kThresholds;
}

Result<double> mean_dice(const Forward& forward, const ModelSignature& signature, const Dataset& dataset,
                         std::span<const std::size_t> samples, int batch, const std::stop_token& stop) {
  const std::size_t labels = outline_labels(signature).size();
  double sum = 0;
  const auto add = [&](std::size_t, const Array& truth, const Array& probabilities) -> Status {
    const Array mask = draw_mask(probabilities, 0.5);
    for (std::size_t k = 1; k <= labels; ++k)
      sum += overlap(bytes_of(truth), bytes_of(mask), static_cast<std::uint8_t>(k)).dice();
    return {};
  };
  ACESO_TRY_OK(for_each_answer(forward, signature, dataset, samples, static_cast<std::size_t>(batch), stop, add));
  return sum / static_cast<double>(samples.size() * labels);
}

}  // namespace aceso::learn
