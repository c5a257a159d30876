#include "aceso/learn_loops/engine.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <new>
#include <thread>

#include "crew.hpp"
#include "engine_parts.hpp"
#include "plan.hpp"

namespace aceso::learn_loops {

using learn::Array;
using learn::DType;
using learn::InferenceOptions;
using learn::NamedArrays;
using learn::Network;
using learn::Shape;
using learn::to_string;
using learn::Weights;

namespace {

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

// Of one thread.
struct Room {
  Floats image, from, to, transforms;
};

class Session final : public learn::InferenceSession {
 public:
  Session(Plan plan, const Kernels& kernels, std::shared_ptr<Crew> crew)
      : plan_{std::move(plan)}, kernels_{kernels}, crew_{std::move(crew)} {
    std::int64_t image = 0, activations = 0, transforms = 0;
    for (const ConvStep& step : plan_.convs) {
      if (&step == plan_.convs.data()) image = framed(step) ? frame(step) : 0;
      activations = std::max(activations, step.floats());
      if (!step.planes) transforms = std::max(transforms, kernels_.winograd_scratch(step.shape));
    }
    rooms_.resize(at(plan_.convs.empty() ? 0 : crew_->threads()));
    alone_ = crew_->threads() * plan_.room() + plan_.stages() <= kMostScratch;
    for (Room& room : rooms_) {
      room.transforms.resize(at(transforms));
      if (!alone_ && &room != rooms_.data()) continue;
      room.image.resize(at(image));
      room.from.resize(at(activations));
      room.to.resize(at(activations));
    }
    stages_.resize(plan_.dense.size() + 1);
    for (std::size_t i = 0; i < stages_.size(); ++i) stages_[i].resize(at(kChunk * stride(i)));
    std::int64_t sums = 0;
    for (const DenseStep& step : plan_.dense) sums = std::max(sums, kChunk * step.shape.stride * step.parts());
    sums_.resize(at(sums));
  }

  Result<NamedArrays> run(const NamedArrays& batch) override {
    const auto found = batch.find(plan_.input);
    if (found == batch.end()) return Error{Code::invalid, "the batch lacks the input \"" + plan_.input + "\""};
    const Array& x = found->second;
    if (x.dtype != DType::f32 || x.shape.size() != plan_.sample.size() + 1 || x.shape[0] <= 0 ||
        !std::equal(plan_.sample.begin(), plan_.sample.end(), x.shape.begin() + 1)) {
      return Error{Code::invalid, "the input \"" + plan_.input + "\" is " + std::string{to_string(x.dtype)} + " " +
                                      to_string(x.shape) + ", but float32 " + "[N] + " + to_string(plan_.sample) +
                                      " is needed"};
    }
    const std::int64_t count = x.shape[0], each = static_cast<std::int64_t>(x.f32().size()) / count;
    Array output = Array::zeros(DType::f32, {count, plan_.dense.back().shape.out});
    Array embedding;
    if (plan_.embedding >= 0) embedding = Array::zeros(DType::f32, {count, plan_.embedding_width});
    const std::scoped_lock lock{running_};
    for (std::int64_t first = 0; first < count; first += kChunk) {
      const std::int64_t rows = std::min(kChunk, count - first);
      features(x.f32().data() + first * each, rows, each);
      dense(rows);
      copy_rows(plan_.dense.size(), rows, output.f32().data() + first * output.shape[1], output.shape[1]);
      if (plan_.embedding >= 0)
        copy_rows(at(plan_.embedding), rows, embedding.f32().data() + first * embedding.shape[1], embedding.shape[1]);
    }
    finish(output);
    NamedArrays results;
    results.emplace("output", std::move(output));
    if (plan_.embedding >= 0) results.emplace("embedding", std::move(embedding));
    return results;
  }

 private:
  std::int64_t stride(std::size_t stage) const {
    return stage == 0 ? plan_.features() : plan_.dense[stage - 1].shape.stride;
  }

  // Whether the network's input has to be laid out anew for the first convolution: with its padding, with room behind
  // it, or channels last.
  static bool framed(const ConvStep& step) { return !step.planes || step.shape.padding > 0 || !step.shape.pool; }
  static Planes framed_planes(const Conv& s) {
    const std::int64_t wide = s.width + 2 * s.padding + 1;
    return {wide, wide * (s.height + 2 * s.padding + 1)};
  }
  std::int64_t frame(const ConvStep& step) const {
    return step.planes ? framed_planes(step.shape).plane * step.shape.in
                       : step.shape.height * step.shape.width * step.shape.in;
  }

  // Margins and filled channels are 0 from the beginning and stay so.
  void lay_out(const ConvStep& step, const float* x, float* to) const {
    const Conv& s = step.shape;
    const std::int64_t channels = plan_.sample[0];
    if (!step.planes) {
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t p = 0; p < s.height * s.width; ++p) to[p * s.in + c] = x[c * s.height * s.width + p];
      }
      return;
    }
    const Planes planes = framed_planes(s);
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t r = 0; r < s.height; ++r) {
        std::copy_n(x + (c * s.height + r) * s.width, s.width,
                    to + c * planes.plane + (r + s.padding) * planes.row + s.padding);
      }
    }
  }

  // Pieces of a convolution: rows of tiles, or two rows of results.
  static std::int64_t pieces(const ConvStep& step) {
    const Conv& s = step.shape;
    return step.planes ? (s.pool ? s.result_rows() : (s.result_rows() + 1) / 2) : s.tile_rows();
  }
  void convolve(const ConvStep& step, const float* x, float* y, std::int64_t begin, std::int64_t end,
                Room& room) const {
    const Conv& s = step.shape;
    if (!step.planes) {
      kernels_.winograd(s, x, step.weights.data(), step.bias.data(), y, nullptr, begin, end, room.transforms.data());
      return;
    }
    Conv valid = s;
    valid.height += 2 * s.padding;
    valid.width += 2 * s.padding;
    valid.padding = 0;
    const std::int64_t scale = s.pool ? 1 : 2;
    kernels_.conv_planes(valid, framed(step) ? framed_planes(s) : Planes{s.width, s.height * s.width}, x,
                         step.weights.data(), step.bias.data(), y, scale * begin,
                         std::min(scale * end, s.result_rows()));
  }

  // Where step i of the image writes: the last one straight into the features, unless they are averaged.
  float* target(std::size_t i, Room& room, float* features) const {
    if (i + 1 == plan_.convs.size() && !plan_.average) return features;
    return i % 2 == 0 ? room.from.data() : room.to.data();
  }

  // One image on one thread.
  void whole(const float* x, float* features, Room& room) const {
    const float* from = x;
    for (std::size_t i = 0; i < plan_.convs.size(); ++i) {
      const ConvStep& step = plan_.convs[i];
      if (i == 0 && framed(step)) {
        lay_out(step, x, room.image.data());
        from = room.image.data();
      }
      float* to = target(i, room, features);
      convolve(step, from, to, 0, pieces(step), room);
      from = to;
    }
    if (plan_.average) average(from, features);
  }

  // One image on all threads.
  void shared(const float* x, float* features) {
    Room& room = rooms_.front();
    const float* from = x;
    for (std::size_t i = 0; i < plan_.convs.size(); ++i) {
      const ConvStep& step = plan_.convs[i];
      if (i == 0 && framed(step)) {
        lay_out(step, x, room.image.data());
        from = room.image.data();
      }
      float* to = target(i, room, features);
      const std::int64_t all = pieces(step), shares = std::min<std::int64_t>(all, 4 * crew_->threads());
      crew_->run(shares, [&](std::int64_t share, int thread) {
        convolve(step, from, to, all * share / shares, all * (share + 1) / shares,
                 rooms_[static_cast<std::size_t>(thread)]);
      });
      from = to;
    }
    if (plan_.average) average(from, features);
  }

  void average(const float* from, float* features) const {
    const Conv& s = plan_.convs.back().shape;
    const std::int64_t positions = s.result_rows() * s.result_columns();
    std::fill_n(features, s.out, 0.0F);
    for (std::int64_t p = 0; p < positions; ++p)
      for (std::int64_t c = 0; c < s.out; ++c) features[c] += from[p * s.out + c];
    for (std::int64_t c = 0; c < s.out; ++c) features[c] /= static_cast<float>(positions);
  }

  void features(const float* x, std::int64_t rows, std::int64_t each) {
    float* to = stages_.front().data();
    const std::int64_t width = stride(0);
    if (plan_.convs.empty()) {
      for (std::int64_t row = 0; row < rows; ++row) std::copy_n(x + row * each, each, to + row * width);
      return;
    }
    const std::int64_t alone = alone_ ? rows / crew_->threads() * crew_->threads() : 0;
    crew_->run(alone, [&](std::int64_t row, int thread) {
      whole(x + row * each, to + row * width, rooms_[static_cast<std::size_t>(thread)]);
    });
    for (std::int64_t row = alone; row < rows; ++row) shared(x + row * each, to + row * width);
  }

  void dense(std::int64_t rows) {
    for (std::size_t i = 0; i < plan_.dense.size(); ++i) {
      const DenseStep& step = plan_.dense[i];
      Dense shape = step.shape;
      shape.rows = rows;
      if (step.panels) {
        by_panels(step, shape, stages_[i].data(), stages_[i + 1].data());
      } else {
        kernels_.dense_forward(shape, stages_[i].data(), step.weights.data(), step.bias.data(), stages_[i + 1].data(),
                               0, shape.out);
      }
      if (!step.relu) continue;
      for (float *v = stages_[i + 1].data(), *end = v + rows * shape.stride; v != end; ++v)
        *v = *v <= 0 ? 0 : *v;  // what is no number stays none
    }
  }

  // Panels and parts of the sums are shared by the threads; the parts are added in their order.
  void by_panels(const DenseStep& step, Dense shape, const float* from, float* to) {
    shape.out = shape.stride;
    const std::int64_t parts = step.parts(), most = kernels_.panel(0, shape.out), part = shape.rows * shape.stride;
    const std::int64_t panels = (shape.out + most - 1) / most;  // at least; narrower ones behind them go with the last
    const Crew::Work work = [&](std::int64_t piece, int) {
      const std::int64_t k = piece % parts, panel = piece / parts;
      const std::int64_t end = panel + 1 == panels ? shape.out : (panel + 1) * most;
      for (std::int64_t first = panel * most; first < end; first += kernels_.panel(first, shape.out)) {
        kernels_.dense_panel(shape, from, step.weights.data(), sums_.data() + k * part, first, shape.in * k / parts,
                             shape.in * (k + 1) / parts);
      }
    };
    if (shape.rows * shape.in * shape.out < kShared) {
      for (std::int64_t piece = 0; piece < parts * panels; ++piece) work(piece, 0);
    } else {
      crew_->run(parts * panels, work);
    }
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      float* y = to + row * shape.stride;
      std::copy_n(step.bias.data(), shape.stride, y);
      for (std::int64_t k = 0; k < parts; ++k) {
        const float* sum = sums_.data() + k * part + row * shape.stride;
        for (std::int64_t o = 0; o < shape.stride; ++o) y[o] += sum[o];
      }
    }
  }

  void copy_rows(std::size_t stage, std::int64_t rows, float* to, std::int64_t width) const {
    for (std::int64_t row = 0; row < rows; ++row)
      std::copy_n(stages_[stage].data() + row * stride(stage), width, to + row * width);
  }

  void finish(Array& output) const {
    const std::int64_t width = output.shape[1];
    if (plan_.end == Plan::End::sigmoid) {
      for (float& v : output.f32()) v = 1 / (1 + std::exp(-v));
    } else if (plan_.end == Plan::End::softmax) {
      for (std::int64_t row = 0; row < output.shape[0]; ++row) {
        const auto values = output.f32().subspan(at(row * width), at(width));
        const float most = *std::max_element(values.begin(), values.end());
        float sum = 0;
        for (float& v : values) sum += v = std::exp(v - most);
        for (float& v : values) v /= sum;
      }
    }
  }

  static constexpr std::int64_t kShared = 1 << 17;  // products of a dense layer that are worth waking threads for

  Plan plan_;
  const Kernels& kernels_;
  std::shared_ptr<Crew> crew_;  // shared by the engine's sessions
  std::mutex running_;          // guards what follows
  std::vector<Room> rooms_;     // one a thread
  bool alone_ = true;           // each thread has room for an image of its own; else all share the first's
  Floats sums_;                 // parts of a dense layer's
  std::vector<Floats> stages_;  // [kChunk, stride]: the features, and what each dense layer gives
};

class LoopsEngine final : public learn::Engine {
 public:
  explicit LoopsEngine(const Kernels& kernels) : kernels_{kernels} {}

  std::string name() const override { return "loops"; }
  std::string version() const override { return "1"; }
  std::string device() const override { return "CPU: registers of " + std::to_string(kernels_.lanes) + " floats"; }

  Result<std::unique_ptr<learn::InferenceSession>> load(const Network& network, const Weights& weights,
                                                        const std::map<std::string, Shape>& inputs,
                                                        const InferenceOptions& options) override {
    try {
      ACESO_TRY(Plan plan, outline(network, inputs, options.embedding, kernels_));
      ACESO_TRY_OK(fill(plan, network, inputs, weights, kernels_));
      return std::unique_ptr<learn::InferenceSession>{
          std::make_unique<Session>(std::move(plan), kernels_, crew(options.threads))};
    } catch (const std::bad_alloc&) {
      return Error{Code::exhausted, "loading the model: not enough memory"};
    }
  }
  Result<std::unique_ptr<learn::InferenceSession>> load_onnx(std::span<const std::byte>,
                                                             const InferenceOptions&) override {
    return Error{Code::unsupported, "our loops read no ONNX: use the engine openvino"};
  }
  Result<std::unique_ptr<learn::TrainingSession>> train(const Network&, const Weights&,
                                                        const std::map<std::string, Shape>&,
                                                        const learn::TrainingOptions&) override {
    return Error{Code::unsupported, "our loops do not train by themselves: use the engine torch"};
  }

 private:
  std::shared_ptr<Crew> crew(int asked) {
    const int most = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const int threads = asked > 0 ? std::min(asked, most) : most;
    const std::scoped_lock lock{mutex_};
    auto& crew = crews_[threads];
    if (!crew) crew = std::make_shared<Crew>(threads);
    return crew;
  }

  const Kernels& kernels_;
  std::mutex mutex_;                            // guards crews_
  std::map<int, std::shared_ptr<Crew>> crews_;  // by their number of threads; shared with sessions
};

}  // namespace

Status takes(const Network& network, const std::map<std::string, Shape>& inputs, const std::string& embedding) {
  ACESO_TRY([[maybe_unused]] const Plan plan, outline(network, inputs, embedding, kernels()));
  return {};
}

std::unique_ptr<learn::Engine> make_engine() {
  return make_engine(kernels());
}
std::unique_ptr<learn::Engine> make_engine(const Kernels& kernels) {
  return std::make_unique<LoopsEngine>(kernels);
}

}  // namespace aceso::learn_loops
