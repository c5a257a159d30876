#include "aceso/learn/explain.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "explain_maps.hpp"

namespace aceso::learn {
namespace {

constexpr std::array<std::string_view, 3> kMethods{"gradcam", "integrated_gradients", "occlusion"};
constexpr std::int64_t kSteps = 64;  // of the path of integrated gradients
constexpr std::int64_t kBatch = 16;
constexpr std::int64_t kPatches = 8;  // patches of occlusion along a side; they overlap by half

std::size_t volume(const Shape& shape) {
  std::size_t product = 1;
  for (const std::int64_t d : shape) product *= static_cast<std::size_t>(d);
  return product;
}

std::map<std::string, Shape> batch_shapes(const std::string& name, const Array& input) {
  Shape shape = input.shape;
  shape[0] = -1;
  return {{name, shape}};
}

Weights weights_of(const Network& network, const std::map<std::string, Shape>& inputs, const Weights& all) {
  Weights out;
  const auto shapes = infer_shapes(network, inputs);
  if (!shapes) return out;
  for (const auto& [name, shape] : shapes->parameters) {
    if (const auto found = all.find(name); found != all.end()) out.emplace(name, found->second);
  }
  return out;
}

Result<RawMap> gradcam(Engine& engine, const Network& network, const Weights& weights, const std::string& name,
                       const Array& input, std::int64_t output) {
  const auto inputs = batch_shapes(name, input);
  ACESO_TRY(const CutNetwork cut, cut_at_last_map(network, inputs));
  ACESO_TRY(const auto head, engine.load(cut.head, weights_of(cut.head, inputs, weights), inputs, {}));
  ACESO_TRY(NamedArrays seen, head->run({{name, input}}));
  Array activation = std::move(seen.begin()->second);
  const std::map<std::string, Shape> tail_inputs{{cut.layer, cut.shape}};
  ACESO_TRY(const auto tail, engine.gradients(cut.tail, weights_of(cut.tail, tail_inputs, weights), tail_inputs));
  ACESO_TRY(Gradients gradients, tail->run({{cut.layer, activation}}, output));
  const auto a = activation.f32();
  const auto g = gradients.by_input.begin()->second.f32();
  const auto channels = static_cast<std::size_t>(activation.shape[1]);
  const std::size_t places = a.size() / channels;
  Array map = Array::zeros(DType::f32, {activation.shape.begin() + 2, activation.shape.end()});
  std::vector<double> sums(places, 0);
  for (std::size_t c = 0; c < channels; ++c) {
    double weight = 0;
    for (std::size_t i = 0; i < places; ++i) weight += static_cast<double>(g[c * places + i]);
    weight /= static_cast<double>(places);
    for (std::size_t i = 0; i < places; ++i) sums[i] += weight * static_cast<double>(a[c * places + i]);
  }
  for (std::size_t i = 0; i < places; ++i) map.f32()[i] = static_cast<float>(std::max(0.0, sums[i]));
  return RawMap{resample(map, places_of(input)), gradients.logits.front(), 0};
}

Result<RawMap> integrated_gradients(Engine& engine, const Network& network, const Weights& weights,
                                    const std::string& name, const Array& input, std::int64_t output,
                                    const std::stop_token& stop) {
  ACESO_TRY(const auto session, engine.gradients(network, weights, batch_shapes(name, input)));
  const auto x = input.f32();
  const float dark = *std::min_element(x.begin(), x.end());
  std::vector<double> sum(x.size(), 0);
  for (std::int64_t at = 0; at < kSteps; at += kBatch) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
    Shape shape = input.shape;
    shape[0] = kBatch;
    Array path = Array::zeros(DType::f32, shape);
    for (std::int64_t b = 0; b < kBatch; ++b) {
      const auto alpha = static_cast<float>((static_cast<double>(at + b) + 0.5) / static_cast<double>(kSteps));
      for (std::size_t i = 0; i < x.size(); ++i)
        path.f32()[static_cast<std::size_t>(b) * x.size() + i] = dark + alpha * (x[i] - dark);
    }
    ACESO_TRY(const Gradients gradients, session->run({{name, path}}, output));
    const auto g = gradients.by_input.begin()->second.f32();
    for (std::size_t i = 0; i < g.size(); ++i) sum[i % x.size()] += static_cast<double>(g[i]);
  }
  Shape both = input.shape;
  both[0] = 2;
  Array ends = Array::zeros(DType::f32, both);
  std::copy(x.begin(), x.end(), ends.f32().begin());
  std::fill(ends.f32().begin() + static_cast<std::ptrdiff_t>(x.size()), ends.f32().end(), dark);
  ACESO_TRY(const Gradients at_ends, session->run({{name, ends}}, output));
  Array map = Array::zeros(DType::f32, places_of(input));
  const std::size_t places = map.f32().size();
  double total = 0;
  std::vector<double> values(places, 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double part = (static_cast<double>(x[i]) - static_cast<double>(dark)) * sum[i] / static_cast<double>(kSteps);
    values[i % places] += part;
    total += part;
  }
  for (std::size_t i = 0; i < places; ++i) map.f32()[i] = static_cast<float>(values[i]);
  const double difference = at_ends.logits[0] - at_ends.logits[1];
  return RawMap{std::move(map), at_ends.logits[0], std::abs(total - difference) / std::max(std::abs(difference), 1e-6)};
}

// Logits from what a session answers: of a softmax or sigmoid, their inverse to a constant.
Scorer scorer_of(InferenceSession& session, const std::string& name, std::int64_t output) {
  return [&session, name, output](const Array& batch) -> Result<std::vector<double>> {
    ACESO_TRY(const NamedArrays answer, session.run({{name, batch}}));
    const auto found = answer.find("output");
    if (found == answer.end() || found->second.shape.size() != 2)
      return Error{Code::internal, "the engine gave no array named output"};
    const auto p = found->second.f32();
    const auto width = static_cast<std::size_t>(found->second.shape[1]);
    std::vector<double> logits;
    for (std::size_t i = 0; i < p.size() / width; ++i) {
      const double q = std::clamp(static_cast<double>(p[i * width + static_cast<std::size_t>(output)]), 1e-7, 1 - 1e-7);
      logits.push_back(std::log(q / (1 - q)));
    }
    return logits;
  };
}

// Index of a place along each dimension.
Shape place_at(std::size_t index, const Shape& shape) {
  Shape at(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    at[d] = static_cast<std::int64_t>(index % static_cast<std::size_t>(shape[d]));
    index /= static_cast<std::size_t>(shape[d]);
  }
  return at;
}

}  // namespace

std::string_view to_string(ExplainMethod method) noexcept {
  return kMethods[static_cast<std::size_t>(method)];
}

Result<ExplainMethod> parse_explain_method(std::string_view name) {
  for (std::size_t i = 0; i < kMethods.size(); ++i) {
    if (kMethods[i] == name) return static_cast<ExplainMethod>(i);
  }
  return Error{Code::invalid, "method: gradcam, integrated_gradients or occlusion"};
}

Shape places_of(const Array& input) {
  return {input.shape.begin() + 2, input.shape.end()};
}

std::vector<double> magnitudes(const Array& map) {
  std::vector<double> out;
  for (const float v : map.f32()) out.push_back(std::abs(static_cast<double>(v)));
  return out;
}

Array resample(const Array& map, const Shape& to) {
  Array out = Array::zeros(DType::f32, to);
  const std::size_t dims = to.size();
  for (std::size_t i = 0; i < out.f32().size(); ++i) {
    const Shape at = place_at(i, to);
    std::vector<std::int64_t> low(dims);
    std::vector<double> part(dims);
    for (std::size_t d = 0; d < dims; ++d) {
      const double x =
          (static_cast<double>(at[d]) + 0.5) * static_cast<double>(map.shape[d]) / static_cast<double>(to[d]) - 0.5;
      const double cut = std::clamp(x, 0.0, static_cast<double>(map.shape[d] - 1));
      low[d] = std::min(static_cast<std::int64_t>(cut), std::max<std::int64_t>(map.shape[d] - 2, 0));
      part[d] = cut - static_cast<double>(low[d]);
    }
    double sum = 0;
    for (std::size_t corner = 0; corner < (std::size_t{1} << dims); ++corner) {
      double weight = 1;
      std::size_t index = 0;
      for (std::size_t d = 0; d < dims; ++d) {
        const bool high = ((corner >> d) & 1U) != 0;
        weight *= high ? part[d] : 1 - part[d];
        const std::int64_t p = std::min(low[d] + (high ? 1 : 0), map.shape[d] - 1);
        index = index * static_cast<std::size_t>(map.shape[d]) + static_cast<std::size_t>(p);
      }
      sum += weight * static_cast<double>(map.f32()[index]);
    }
    out.f32()[i] = static_cast<float>(sum);
  }
  return out;
}

Result<Array> occlusion_map(const Array& input, const Scorer& score, std::stop_token stop) {
  const Shape places = places_of(input);
  const std::size_t count = volume(places), channels = static_cast<std::size_t>(input.shape[1]);
  ACESO_TRY(const std::vector<double> whole, score(input));
  std::vector<double> means(channels, 0);
  const auto x = input.f32();
  for (std::size_t i = 0; i < x.size(); ++i) means[i / count] += static_cast<double>(x[i]) / static_cast<double>(count);
  Shape patch(places.size()), grid(places.size());
  for (std::size_t d = 0; d < places.size(); ++d) {
    patch[d] = std::max<std::int64_t>(1, places[d] / kPatches);
    const std::int64_t stride = std::max<std::int64_t>(1, patch[d] / 2);
    grid[d] = (std::max<std::int64_t>(places[d] - patch[d], 0) + stride - 1) / stride + 1;
  }
  std::vector<double> sum(count, 0), seen(count, 0);
  const std::size_t patches = volume(grid);
  const auto start_of = [&](std::size_t index) {
    Shape at = place_at(index, grid);
    for (std::size_t d = 0; d < at.size(); ++d)
      at[d] = std::min(at[d] * std::max<std::int64_t>(1, patch[d] / 2), places[d] - patch[d]);
    return at;
  };
  const auto each_place = [&](const Shape& start, const auto& visit) {
    for (std::size_t k = 0; k < volume(patch); ++k) {
      const Shape inside = place_at(k, patch);
      std::size_t index = 0;
      for (std::size_t d = 0; d < places.size(); ++d)
        index = index * static_cast<std::size_t>(places[d]) + static_cast<std::size_t>(start[d] + inside[d]);
      visit(index);
    }
  };
  for (std::size_t at = 0; at < patches; at += kBatch) {
    if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
    const std::size_t n = std::min<std::size_t>(kBatch, patches - at);
    Shape shape = input.shape;
    shape[0] = static_cast<std::int64_t>(n);
    Array batch = Array::zeros(DType::f32, shape);
    for (std::size_t b = 0; b < n; ++b) {
      const auto one = batch.f32().subspan(b * x.size(), x.size());
      std::copy(x.begin(), x.end(), one.begin());
      each_place(start_of(at + b), [&](std::size_t index) {
        for (std::size_t c = 0; c < channels; ++c) one[c * count + index] = static_cast<float>(means[c]);
      });
    }
    ACESO_TRY(const std::vector<double> scores, score(batch));
    for (std::size_t b = 0; b < n; ++b) {
      each_place(start_of(at + b), [&](std::size_t index) {
        sum[index] += whole.front() - scores[b];
        seen[index] += 1;
      });
    }
  }
  Array map = Array::zeros(DType::f32, places);
  for (std::size_t i = 0; i < count; ++i) map.f32()[i] = static_cast<float>(sum[i] / std::max(seen[i], 1.0));
  return map;
}

Result<RawMap> compute_map(Engine& engine, const Network& network, const Weights& weights,
                           const std::string& input_name, const Array& input, ExplainMethod method, std::int64_t output,
                           const std::stop_token& stop) {
  switch (method) {
    case ExplainMethod::gradcam:
      return gradcam(engine, network, weights, input_name, input, output);
    case ExplainMethod::integrated_gradients:
      return integrated_gradients(engine, network, weights, input_name, input, output, stop);
    case ExplainMethod::occlusion:
      break;
  }
  ACESO_TRY(const auto session, engine.load(network, weights, batch_shapes(input_name, input), {}));
  const Scorer score = scorer_of(*session, input_name, output);
  ACESO_TRY(const std::vector<double> logit, score(input));
  ACESO_TRY(Array map, occlusion_map(input, score, stop));
  return RawMap{std::move(map), logit.front(), 0};
}

}  // namespace aceso::learn
