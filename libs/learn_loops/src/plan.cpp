#include "plan.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace aceso::learn_loops {

using learn::Layer;
using learn::Op;
using learn::Shape;
using learn::to_string;

namespace {

constexpr std::int64_t kMostPlanes = 4;                      // of conv_planes()
constexpr std::int64_t kMostFloats = std::int64_t{1} << 28;  // of one sample between two steps

std::int64_t filled(std::int64_t count, std::int64_t lanes) {
  return (count + lanes - 1) / lanes * lanes;
}

bool all(const std::vector<std::int64_t>& values, std::int64_t value) {
  return std::all_of(values.begin(), values.end(), [=](std::int64_t v) { return v == value; });
}

class Outliner {
 public:
  Outliner(const learn::Network& network, learn::Shapes shapes, const Kernels& kernels)
      : network_{network}, shapes_{std::move(shapes)}, lanes_{kernels.lanes} {}

  Result<Plan> run(const std::string& embedding) {
    for (at_ = 0; at_ < network_.layers.size();) {
      const Layer& layer = network_.layers[at_];
      if (at_ > 0 && (layer.inputs.size() != 1 || layer.inputs[0] != network_.layers[at_ - 1].name))
        return refused(layer);
      ++at_;
      ACESO_TRY_OK(add(layer));
      // Of the layers that one step computes only the last one's value is there.
      if (!embedding.empty() && network_.layers[at_ - 1].name == embedding) ACESO_TRY_OK(embed(layer));
    }
    const Layer& last = network_.layers.back();
    if (last.name != network_.output || plan_.dense.empty()) return refused(last);
    if (!embedding.empty() && plan_.embedding < 0)
      return Error{Code::unsupported, "our loops do not give the layer \"" + embedding + "\""};
    if (plan_.room() + plan_.stages() > kMostScratch) return refused(*largest_);
    return std::move(plan_);
  }

 private:
  static Error refused(const Layer& layer) {
    return {Code::unsupported,
            "our loops do not run the layer \"" + layer.name + "\" (" + std::string{to_string(layer.op)} + ") here"};
  }
  const Shape& shape_of(const Layer& layer) const { return shapes_.outputs.at(layer.name); }

  // Takes the next layer too when it is of this kind and reads this one.
  const Layer* next(Op op, const Layer& before) {
    if (at_ >= network_.layers.size()) return nullptr;
    const Layer& layer = network_.layers[at_];
    if (layer.op != op || layer.inputs.size() != 1 || layer.inputs[0] != before.name) return nullptr;
    ++at_;
    return &layer;
  }

  Status add(const Layer& layer) {
    if (done_) return refused(layer);
    switch (layer.op) {
      case Op::input:
        return input(layer);
      case Op::conv:
        return conv(layer);
      case Op::dense:
        return dense(layer);
      case Op::dropout:
        return {};
      case Op::flatten:
        if (rows_) return refused(layer);
        rows_ = true;
        width_ = shape_of(layer)[1];
        return {};
      case Op::global_avg_pool:
        if (rows_ || plan_.convs.empty()) return refused(layer);
        rows_ = plan_.average = true;
        width_ = plan_.channels;
        return {};
      case Op::sigmoid:
      case Op::softmax:
        if (plan_.dense.empty() || plan_.dense.back().relu) return refused(layer);
        plan_.end = layer.op == Op::sigmoid ? Plan::End::sigmoid : Plan::End::softmax;
        done_ = true;
        return {};
      default:
        return refused(layer);
    }
  }

  Status input(const Layer& layer) {
    const Shape& shape = shape_of(layer);
    const bool open = shape.size() < 2 || shape[0] != -1 || *std::min_element(shape.begin() + 1, shape.end()) <= 0;
    if (at_ != 1 || open || (shape.size() != 2 && shape.size() != 4)) return refused(layer);
    plan_.input = layer.name;
    plan_.sample.assign(shape.begin() + 1, shape.end());
    rows_ = shape.size() == 2;
    width_ = shape[1];
    std::int64_t floats = 1;
    for (const std::int64_t d : plan_.sample) floats = std::min(kMostFloats + 1, floats * d);
    return floats <= kMostFloats ? Status{} : refused(layer);
  }

  Status conv(const Layer& layer) {
    const bool plain = !rows_ && all(layer.kernel, 3) && all(layer.stride, 1) && all(layer.dilation, 1) &&
                       layer.groups == 1 && (all(layer.padding, 0) || all(layer.padding, 1));
    if (!plain) return refused(layer);
    const Shape shape = plan_.convs.empty() ? Shape{-1, plan_.sample[0], plan_.sample[1], plan_.sample[2]}
                                            : shapes_.outputs.at(layer.inputs[0]);
    ConvStep step;
    step.planes = plan_.convs.empty() && shape[1] <= kMostPlanes;
    step.conv = layer.name;
    step.shape = {shape[2],
                  shape[3],
                  step.planes ? shape[1] : filled(shape[1], lanes_),
                  filled(layer.out, lanes_),
                  layer.padding[0],
                  false,
                  false};
    const Layer* last = &layer;
    if (const Layer* norm = next(Op::batch_norm, *last)) step.norm = norm->name, last = norm;
    if (const Layer* relu = next(Op::relu, *last)) step.shape.relu = true, last = relu;
    const std::size_t before = at_;
    if (const Layer* pool = next(Op::max_pool, *last)) {
      step.shape.pool = all(pool->kernel, 2) && all(pool->stride, 2) && all(pool->padding, 0);
      if (!step.shape.pool) at_ = before;  // and refused in its turn
    }
    plan_.channels = layer.out;
    const bool fits = step.floats() <= kMostFloats && shape[2] * shape[3] * step.shape.in <= kMostFloats;
    if (most_ < step.floats()) most_ = step.floats(), largest_ = &layer;
    plan_.convs.push_back(std::move(step));
    return fits ? Status{} : refused(layer);
  }

  Status dense(const Layer& layer) {
    if (!rows_) return refused(layer);
    DenseStep step;
    step.layer = layer.name;
    const bool positions = plan_.dense.empty() && !plan_.convs.empty();
    std::int64_t in = filled(width_, lanes_);
    if (positions) in = plan_.average ? plan_.convs.back().shape.out : plan_.convs.back().floats();
    step.shape = {0, in, layer.out, filled(layer.out, lanes_)};
    step.panels = layer.out >= lanes_;
    if (next(Op::relu, layer) != nullptr) step.relu = true;
    if (largest_ == nullptr) largest_ = &layer;
    plan_.dense.push_back(std::move(step));
    width_ = layer.out;
    return {};
  }

  // What the next dense layer reads, in the order of the network: planes' positions are not.
  Status embed(const Layer& layer) {
    const bool positions = plan_.dense.empty() && !plan_.average;
    if (!rows_ || positions || done_) return refused(layer);
    plan_.embedding = static_cast<int>(plan_.dense.size());
    plan_.embedding_width = width_;
    return {};
  }

  const learn::Network& network_;
  learn::Shapes shapes_;
  std::int64_t lanes_;
  std::size_t at_ = 0;
  bool rows_ = false;  // past flattening: [N, width_]
  bool done_ = false;  // past sigmoid or softmax
  std::int64_t width_ = 0;
  std::int64_t most_ = 0;           // floats that largest_ gives
  const Layer* largest_ = nullptr;  // the convolution with the largest result, else the first dense layer
  Plan plan_;
};

Status check(const std::map<std::string, Shape>& parameters, const learn::Weights& weights) {
  for (const auto& [name, shape] : parameters) {
    const auto found = weights.find(name);
    if (found == weights.end()) return Error{Code::invalid, "the weights lack \"" + name + "\""};
    const learn::Array& array = found->second;
    if (array.dtype != learn::DType::f32 || array.shape != shape) {
      return Error{Code::invalid, "the weight \"" + name + "\" is " + std::string{to_string(array.dtype)} + " " +
                                      to_string(array.shape) + ", but float32 " + to_string(shape) + " is needed"};
    }
    const auto values = array.f32();
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }))
      return Error{Code::invalid, "the weight \"" + name + "\" has values that are not finite"};
  }
  return {};
}

// The values of a parameter, or `otherwise` when there is none.
std::vector<double> values(const learn::Weights& weights, const std::string& name, std::int64_t count,
                           double otherwise) {
  const auto found = weights.find(name);
  if (found == weights.end()) return std::vector<double>(static_cast<std::size_t>(count), otherwise);
  const auto array = found->second.f32();
  return {array.begin(), array.end()};
}

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

void fill_conv(ConvStep& step, const learn::Weights& weights, double epsilon, const Kernels& kernels) {
  const learn::Array& array = weights.find(step.conv + ".weight")->second;
  const auto w = array.f32();  // [out, in, 3, 3]
  const std::int64_t out = array.shape[0], in = array.shape[1];
  std::vector<double> scale(at(out), 1.0), offset = values(weights, step.conv + ".bias", out, 0.0);
  if (!step.norm.empty()) {
    const auto mean = values(weights, step.norm + ".running_mean", out, 0.0),
               variance = values(weights, step.norm + ".running_var", out, 1.0),
               weight = values(weights, step.norm + ".weight", out, 1.0),
               bias = values(weights, step.norm + ".bias", out, 0.0);
    for (std::size_t o = 0; o < scale.size(); ++o) {
      scale[o] = weight[o] / std::sqrt(variance[o] + epsilon);
      offset[o] = (offset[o] - mean[o]) * scale[o] + bias[o];
    }
  }
  const Conv& s = step.shape;
  step.bias.assign(at(s.out), 0);
  for (std::size_t o = 0; o < offset.size(); ++o) step.bias[o] = static_cast<float>(offset[o]);
  // planes: [ky, in, kx, out]; else [ky, kx, in, out]
  Floats taps(at(9 * s.in * s.out), 0);
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t c = 0; c < in; ++c) {
      for (std::int64_t k = 0; k < 9; ++k) {
        const std::int64_t tap = step.planes ? (k / 3 * s.in + c) * 3 + k % 3 : k * s.in + c;
        taps[at(tap * s.out + o)] = static_cast<float>(static_cast<double>(w[at((o * in + c) * 9 + k)]) * scale[at(o)]);
      }
    }
  }
  if (step.planes) {
    step.weights = std::move(taps);
    return;
  }
  step.weights.assign(at(36 * s.in * s.out), 0);
  kernels.winograd_weights(s, taps.data(), step.weights.data());
}

// positions: of planes that stand channels last, `channels` of them filled up to `wide`; 1: as they come.
void fill_dense(DenseStep& step, const learn::Weights& weights, std::int64_t positions, std::int64_t channels,
                std::int64_t wide, const Kernels& kernels) {
  const learn::Array& array = weights.find(step.layer + ".weight")->second;
  const auto w = array.f32();
  const Dense& s = step.shape;
  const std::int64_t out = array.shape[0], in = array.shape[1];
  const auto offset = values(weights, step.layer + ".bias", out, 0.0);
  step.bias.assign(at(s.stride), 0);
  for (std::size_t o = 0; o < offset.size(); ++o) step.bias[o] = static_cast<float>(offset[o]);
  step.weights.assign(at((step.panels ? s.stride : out) * s.in), 0);
  const auto put = [&](float* to, std::int64_t step_of_input, const float* from) {
    if (positions == 1) {
      for (std::int64_t i = 0; i < in; ++i) to[i * step_of_input] = from[i];
      return;
    }
    for (std::int64_t p = 0; p < positions; ++p)
      for (std::int64_t c = 0; c < channels; ++c) to[(p * wide + c) * step_of_input] = from[c * positions + p];
  };
  if (!step.panels) {
    for (std::int64_t o = 0; o < out; ++o) put(step.weights.data() + o * s.in, 1, w.data() + o * in);
    return;
  }
  for (std::int64_t first = 0; first < s.stride;) {
    const std::int64_t width = kernels.panel(first, s.stride);
    for (std::int64_t o = first; o < std::min(first + width, out); ++o)
      put(step.weights.data() + first * s.in + o - first, width, w.data() + o * in);
    first += width;
  }
}

}  // namespace

std::int64_t Plan::room() const noexcept {
  if (convs.empty()) return 0;
  const Conv& first = convs.front().shape;
  std::int64_t most = 0;
  for (const ConvStep& step : convs) most = std::max(most, step.floats());
  return 2 * most + (first.height + 2 * first.padding + 1) * (first.width + 2 * first.padding + 1) * first.in;
}

std::int64_t Plan::stages() const noexcept {
  std::int64_t floats = features();
  for (const DenseStep& step : dense) floats += step.shape.stride;
  return kChunk * floats;
}

Result<Plan> outline(const learn::Network& network, const std::map<std::string, Shape>& inputs,
                     const std::string& embedding, const Kernels& kernels) {
  ACESO_TRY(learn::Shapes shapes, learn::infer_shapes(network, inputs));
  if (network.layers.empty()) return Error{Code::invalid, "the network has no layers"};
  return Outliner{network, std::move(shapes), kernels}.run(embedding);
}

Status fill(Plan& plan, const learn::Network& network, const std::map<std::string, Shape>& inputs,
            const learn::Weights& weights, const Kernels& kernels) {
  ACESO_TRY(const learn::Shapes shapes, learn::infer_shapes(network, inputs));
  ACESO_TRY_OK(check(shapes.parameters, weights));
  std::map<std::string, double> epsilons;
  for (const Layer& layer : network.layers) epsilons.emplace(layer.name, layer.epsilon);
  for (ConvStep& step : plan.convs) fill_conv(step, weights, step.norm.empty() ? 0.0 : epsilons.at(step.norm), kernels);
  for (std::size_t i = 0; i < plan.dense.size(); ++i) {
    std::int64_t positions = 1, wide = 0;
    if (i == 0 && !plan.convs.empty() && !plan.average) {
      const Conv& s = plan.convs.back().shape;
      positions = s.result_rows() * s.result_columns();
      wide = s.out;
    }
    fill_dense(plan.dense[i], weights, positions, plan.channels, wide, kernels);
  }
  return {};
}

}  // namespace aceso::learn_loops
