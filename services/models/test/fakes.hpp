// Stand-ins for what the service is given: an engine that answers from the mean of its input, an audit trail in memory,
// a worker that is this very program.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aceso/base/file.hpp"
#include "aceso/base/random.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/engine.hpp"
#include "aceso/learn/network.hpp"
#include "aceso/models/models.hpp"

namespace aceso::models::test {

// output = sigmoid(20 * (mean - 0.5)) for each sample; with more outputs a softmax of (mean, 1 - mean, 0...).
class FakeSession final : public learn::InferenceSession {
 public:
  explicit FakeSession(std::int64_t outputs) : outputs_{outputs} {}
  Result<learn::NamedArrays> run(const learn::NamedArrays& batch) override {
    const learn::Array& in = batch.begin()->second;
    const auto n = static_cast<std::size_t>(in.shape[0]);
    const auto values = in.f32();
    const std::size_t row = values.size() / n;
    std::vector<float> out;
    for (std::size_t i = 0; i < n; ++i) {
      double mean = 0;
      for (std::size_t k = 0; k < row; ++k) mean += static_cast<double>(values[i * row + k]);
      mean /= static_cast<double>(row);
      if (outputs_ == 1) out.push_back(static_cast<float>(1 / (1 + std::exp(-20 * (mean - 0.5)))));
      for (std::int64_t k = 0; outputs_ > 1 && k < outputs_; ++k)
        out.push_back(static_cast<float>(k == 0 ? mean : (1 - mean) / static_cast<double>(outputs_ - 1)));
    }
    ++runs;
    largest = std::max(largest.load(), in.shape[0]);
    learn::NamedArrays answer;
    answer.emplace("output", learn::Array::from({in.shape[0], outputs_}, std::move(out)));
    return answer;
  }
  static inline std::atomic<int> runs{0};
  static inline std::atomic<std::int64_t> largest{0};

 private:
  std::int64_t outputs_;
};

// Draws what is bright: the probability of each point is its value, of several labels shared among them.
class FakeDrawing final : public learn::InferenceSession {
 public:
  explicit FakeDrawing(std::int64_t outputs) : outputs_{outputs} {}
  Result<learn::NamedArrays> run(const learn::NamedArrays& batch) override {
    const learn::Array& in = batch.begin()->second;
    learn::Shape shape = in.shape;
    shape[1] = outputs_;
    learn::Array out = learn::Array::zeros(learn::DType::f32, shape);
    const auto n = static_cast<std::size_t>(in.shape[0]), channels = static_cast<std::size_t>(outputs_);
    const std::size_t area = in.f32().size() / n;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t p = 0; p < area; ++p) {
        const float v = in.f32()[i * area + p];
        for (std::size_t c = 0; c < channels; ++c)
          out.f32()[(i * channels + c) * area + p] = channels == 1 ? v
                                                     : c == 0      ? 1 - v
                                                                   : v / static_cast<float>(channels - 1);
      }
    }
    return learn::NamedArrays{{"output", std::move(out)}};
  }

 private:
  std::int64_t outputs_;
};

// Finds what is bright, all of it as one box, in pictures or cubes; of two labels the second where it is very bright.
class FakeFinding final : public learn::InferenceSession {
 public:
  explicit FakeFinding(learn::Shape output) : output_{std::move(output)} {}
  Result<learn::NamedArrays> run(const learn::NamedArrays& batch) override {
    const learn::Array& in = batch.begin()->second;
    learn::Shape shape = output_;
    shape[0] = in.shape[0];
    learn::Array out = learn::Array::zeros(learn::DType::f32, shape);
    const auto n = static_cast<std::size_t>(in.shape[0]), axes = in.shape.size() - 2;
    const std::size_t area = in.f32().size() / n, each = out.f32().size() / n,
                      cells = each / static_cast<std::size_t>(shape[1]),
                      labels = static_cast<std::size_t>(shape[1]) - 2 * axes;
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<std::size_t> low(axes, area), high(axes, 0);
      float brightest = 0;
      for (std::size_t p = 0; p < area; ++p) {
        const float value = in.f32()[i * area + p];
        if (value < 0.5F) continue;
        brightest = std::max(brightest, value);
        std::size_t rest = p;
        for (std::size_t d = axes; d-- > 0;) {
          const auto side = static_cast<std::size_t>(in.shape[d + 2]);
          low[d] = std::min(low[d], rest % side);
          high[d] = std::max(high[d], rest % side + 1);
          rest /= side;
        }
      }
      if (brightest == 0) continue;
      std::size_t index = 0;
      std::vector<float> size, place;
      for (std::size_t d = 0; d < axes; ++d) {
        const float cell = static_cast<float>(in.shape[d + 2]) / static_cast<float>(shape[d + 2]);
        const float centre = static_cast<float>(low[d] + high[d]) / 2 / cell;
        size.push_back(static_cast<float>(high[d] - low[d]) / cell);
        place.push_back(centre - std::floor(centre));
        index = index * static_cast<std::size_t>(shape[d + 2]) + static_cast<std::size_t>(centre);
      }
      float* to = out.f32().data() + i * each;
      to[(labels > 1 && brightest > 0.9F ? 1 : 0) * cells + index] = brightest;
      for (std::size_t d = 0; d < axes; ++d) {
        to[(labels + d) * cells + index] = size[d];
        to[(labels + axes + d) * cells + index] = place[d];
      }
    }
    return learn::NamedArrays{{"output", std::move(out)}};
  }

 private:
  learn::Shape output_;
};

// Learns nothing: its weights stay as they were, its loss falls by a rule. `on_step` may fail, hang or count.
class FakeTraining final : public learn::TrainingSession {
 public:
  FakeTraining(learn::Weights weights, std::function<Result<double>(int)> on_step)
      : weights_{std::move(weights)}, on_step_{std::move(on_step)}, session_{1} {}
  Result<double> step(const learn::NamedArrays&, const learn::Array&) override {
    return on_step_ ? on_step_(steps_++) : Result<double>{1.0 / ++steps_};
  }
  Result<learn::Array> forward(const learn::NamedArrays& inputs) override {
    ACESO_TRY(learn::NamedArrays out, session_.run(inputs));
    return std::move(out.begin()->second);
  }
  Result<double> loss(const learn::NamedArrays&, const learn::Array&) override { return 0.5; }
  Result<learn::Weights> weights() const override { return weights_; }
  Status set_weights(const learn::Weights& weights) override {
    weights_ = weights;
    return {};
  }
  Status set_learning_rate(double) override { return {}; }
  Result<learn::Weights> optimiser_state() const override { return learn::Weights{}; }
  Status set_optimiser_state(const learn::Weights&) override { return {}; }

 private:
  learn::Weights weights_;
  std::function<Result<double>(int)> on_step_;
  int steps_ = 0;
  FakeSession session_;
};

class FakeEngine final : public learn::Engine {
 public:
  std::function<Result<double>(int)> on_step;
  int loads = 0;
  std::string name() const override { return "fake"; }
  std::string version() const override { return "1.0"; }
  std::string device() const override { return "CPU"; }
  Result<std::unique_ptr<learn::InferenceSession>> load(const learn::Network& network, const learn::Weights&,
                                                        const std::map<std::string, learn::Shape>& inputs,
                                                        const learn::InferenceOptions&) override {
    ++loads;
    ACESO_TRY(const learn::Shapes shapes, learn::infer_shapes(network, inputs));
    const learn::Shape& answer = shapes.outputs.at(network.output);
    const learn::Shape& given = inputs.begin()->second;
    if (answer.size() > 2 && answer.back() != given.back())
      return std::unique_ptr<learn::InferenceSession>{std::make_unique<FakeFinding>(answer)};
    if (answer.size() > 2) return std::unique_ptr<learn::InferenceSession>{std::make_unique<FakeDrawing>(answer[1])};
    return std::unique_ptr<learn::InferenceSession>{
        std::make_unique<FakeSession>(shapes.outputs.at(network.output).back())};
  }
  Result<std::unique_ptr<learn::InferenceSession>> load_onnx(std::span<const std::byte>,
                                                             const learn::InferenceOptions&) override {
    return Error{Code::unsupported, "fake"};
  }
  Result<std::unique_ptr<learn::TrainingSession>> train(const learn::Network&, const learn::Weights& weights,
                                                        const std::map<std::string, learn::Shape>&,
                                                        const learn::TrainingOptions&) override {
    return std::unique_ptr<learn::TrainingSession>{std::make_unique<FakeTraining>(weights, on_step)};
  }
};

class FakeEngines final : public EngineProvider {
 public:
  FakeEngine engine;
  Result<learn::Engine*> serving() override { return &engine; }
  Result<learn::Engine*> serving_for(const learn::Bundle&, const std::string&) override { return &engine; }
  std::string name_for(const learn::Bundle&, const std::string&) const override { return "fake"; }
  std::string loaded() const override { return "fake 1.0"; }
};

class FakeAudit final : public contracts::AuditSink {
 public:
  Status record(const contracts::AuditEvent& event) override {
    const std::scoped_lock lock{mutex_};
    if (fail) return Error{Code::unavailable, "no audit trail"};
    events_.push_back(event);
    return {};
  }
  std::vector<contracts::AuditEvent> of(std::string_view name) const {
    const std::scoped_lock lock{mutex_};
    std::vector<contracts::AuditEvent> out;
    std::copy_if(events_.begin(), events_.end(), std::back_inserter(out),
                 [&](const auto& e) { return e.event == name; });
    return out;
  }
  bool fail = false;

 private:
  mutable std::mutex mutex_;
  std::vector<contracts::AuditEvent> events_;
};

class NullSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

// n pictures side x side: label 1 is bright (mean 200), label 0 dark (mean 50), with noise that makes each differ.
inline learn::Array pictures(std::int64_t n, std::int64_t side, int first) {
  learn::Array a = learn::Array::zeros(learn::DType::u8, {n, side, side});
  const Philox noise{static_cast<std::uint64_t>(first)};
  for (std::int64_t i = 0; i < n; ++i) {
    std::byte* pixel = &a.data[static_cast<std::size_t>(i * side * side)];
    for (std::int64_t k = 0; k < side * side; ++k)
      pixel[k] = static_cast<std::byte>(
          (i % 2 == 1 ? 190 : 40) +
          static_cast<int>(noise.block(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(k))[0] % 20));
    pixel[0] = static_cast<std::byte>(i);
    pixel[1] = static_cast<std::byte>(first);
  }
  return a;
}
inline learn::Array labels(std::int64_t n) {
  learn::Array a = learn::Array::zeros(learn::DType::u8, {n, 1});
  for (std::int64_t i = 0; i < n; ++i) a.data[static_cast<std::size_t>(i)] = static_cast<std::byte>(i % 2);
  return a;
}
inline learn::NamedArrays medmnist(std::int64_t side = 16) {
  learn::NamedArrays arrays;
  arrays.emplace("train_images", pictures(40, side, 0));
  arrays.emplace("train_labels", labels(40));
  arrays.emplace("val_images", pictures(40, side, 1));
  arrays.emplace("val_labels", labels(40));
  arrays.emplace("test_images", pictures(24, side, 2));
  arrays.emplace("test_labels", labels(24));
  return arrays;
}

// A grey PNG whose pixels vary a little around `level`.
inline std::vector<std::byte> grey_png(std::int64_t side, int level, int seed = 0) {
  imaging::Image image;
  image.width = side;
  image.height = side;
  for (std::int64_t k = 0; k < side * side; ++k)
    image.pixels.push_back(
        static_cast<std::byte>(std::clamp(level + static_cast<int>((k * 5 + seed) % 11) - 5, 0, 255)));
  return *imaging::encode_png(image);
}

// A signed bundle folder of a two-class model on side x side grey pictures. `with_evaluation`: calibration of 60
// validation cases in three groups.
inline learn::Bundle make_bundle(const std::string& name, std::int64_t side, bool with_evaluation,
                                 std::uint64_t seed = 1) {
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  learn::Bundle b;
  b.network = *registry.make("article_cnn", {.input = {1, side, side}, .outputs = 1});
  b.signature.inputs.push_back({.name = "image",
                                .dtype = learn::DType::f32,
                                .shape = {1, side, side},
                                .kind = learn::PortKind::image,
                                .meaning = "picture",
                                .labels = {},
                                .unit = ""});
  b.signature.outputs.push_back({.name = "output",
                                 .dtype = learn::DType::f32,
                                 .shape = {1},
                                 .kind = learn::PortKind::probability,
                                 .meaning = "probability of pneumonia",
                                 .labels = {"pneumonia"},
                                 .unit = ""});
  b.signature.preprocessing.height = b.signature.preprocessing.width = side;
  b.signature.preprocessing.channels = 1;
  const auto shapes = learn::infer_shapes(b.network, {{"image", {-1, 1, side, side}}});
  b.weights = learn::initial_weights(b.network, *shapes, seed);
  b.card.name = name;
  b.card.intended_use = "Research use only: a test.";
  b.card.classes = {"normal", "pneumonia"};
  b.card.threshold = 0.5;
  b.card.created = "2026-01-01T00:00:00.000000Z";
  b.card.created_by = "test";
  b.training = Json{{"dataset", "set"}, {"seed", seed}};
  if (with_evaluation) {
    b.evaluation = Json{{"auroc", 0.9}};
    b.evaluation["validation_calibration"] = Json::parse(
        R"({"split":"validation","kind":"positive","cases":60,"bins":[{"low":0.0,"high":0.2,"cases":20,"counted":1},{"low":0.3,"high":0.6,"cases":20,"counted":9},{"low":0.7,"high":1.0,"cases":20,"counted":19}]})");
  }
  return b;
}

// Of a model that outlines what is bright in grey pictures of side x side, or cubes of that side where it slides.
inline learn::Bundle make_outline_bundle(const std::string& name, std::int64_t side, bool volume) {
  learn::Bundle b = make_bundle(name, side, false);
  learn::Shape sample{1, side, side};
  if (volume) sample.push_back(side);
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  b.network = *registry.make("unet", {.input = sample, .outputs = 1, .task = learn::Task::outlines});
  b.signature.inputs[0].shape = b.signature.outputs[0].shape = sample;
  b.signature.outputs[0].kind = learn::PortKind::mask;
  b.signature.outputs[0].labels = {"nodule"};
  if (volume) {
    b.signature.inputs[0].kind = b.signature.preprocessing.kind = learn::PortKind::volume;
    b.signature.preprocessing.height = b.signature.preprocessing.width = 0;
    b.signature.preprocessing.window = {side, side, side};
  }
  learn::Shape batch{-1};
  batch.insert(batch.end(), sample.begin(), sample.end());
  b.weights = learn::initial_weights(b.network, *learn::infer_shapes(b.network, {{"image", batch}}), 1);
  b.card.classes = {"background", "nodule"};
  b.evaluation = Json{{"kind", "outlines"}};
  b.evaluation["validation_outlines"] = Json::parse(
      R"({"split":"validation","cases":40,"bins":[{"low":0.5,"high":0.7,"cases":20,"median":0.6,"p10":0.3,"p90":0.8},{"low":0.72,"high":0.99,"cases":20,"median":0.91,"p10":0.82,"p90":0.95}]})");
  return b;
}

// Of a model that finds what is bright in grey pictures of side x side, or cubes of that side, as boxes.
inline learn::Bundle make_box_bundle(const std::string& name, std::int64_t side, bool volume,
                                     std::vector<std::string> labels = {"nodule"}) {
  learn::Bundle b = make_bundle(name, side, false);
  learn::Shape sample{1, side, side};
  if (volume) sample.push_back(side);
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  b.network = *registry.make(
      "centernet", {.input = sample, .outputs = static_cast<std::int64_t>(labels.size()), .task = learn::Task::boxes});
  learn::Shape batch{-1};
  batch.insert(batch.end(), sample.begin(), sample.end());
  const learn::Shapes shapes = *learn::infer_shapes(b.network, {{"image", batch}});
  const learn::Shape& output = shapes.outputs.at(b.network.output);
  b.signature.inputs[0].shape = sample;
  b.signature.outputs[0].shape = {output.begin() + 1, output.end()};
  b.signature.outputs[0].kind = learn::PortKind::boxes;
  b.signature.outputs[0].labels = labels;
  if (volume) {
    b.signature.inputs[0].kind = b.signature.preprocessing.kind = learn::PortKind::volume;
    b.signature.preprocessing.depth = side;
  }
  b.weights = learn::initial_weights(b.network, shapes, 1);
  b.card.classes = std::move(labels);
  b.card.threshold = 0.6;
  b.evaluation = Json{{"kind", "boxes"}};
  b.evaluation["validation_boxes"] = Json::parse(
      R"({"split":"validation","images":50,"findings":40,"found":36,"false_marks":5,"unmarked":20,"unmarked_with_finding":2,"bins":[{"low":0.3,"high":0.6,"marks":20,"hits":8},{"low":0.7,"high":0.95,"marks":20,"hits":19}]})");
  return b;
}

// Of a model that answers with several labels (the fake engine: the mean of the picture, then shares of the rest) or,
// with `unit`, with a number (the fake engine's sigmoid).
inline learn::Bundle make_target_bundle(const std::string& name, std::int64_t side, std::vector<std::string> names,
                                        const std::string& unit = {}) {
  learn::Bundle b = make_bundle(name, side, false);
  const bool number = !unit.empty();
  const auto outputs = static_cast<std::int64_t>(names.size());
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  b.network = *registry.make("article_cnn", {.input = {1, side, side},
                                             .outputs = outputs,
                                             .task = number ? learn::Task::regression : learn::Task::multi_label});
  b.weights = learn::initial_weights(b.network, *learn::infer_shapes(b.network, {{"image", {-1, 1, side, side}}}), 1);
  learn::Port& port = b.signature.outputs[0];
  port.shape = {outputs};
  port.kind = number ? learn::PortKind::number : learn::PortKind::label_probability;
  port.labels = names;
  port.unit = unit;
  b.evaluation = Json{{"kind", number ? "regression" : "multi_label"}, {"metrics", Json::object()}};
  if (number) {
    b.evaluation["validation_interval"] =
        Json{{"split", "validation"}, {"coverage", 0.9}, {"cases", 50}, {"half_width", 0.25}};
  } else {
    b.evaluation["metrics"]["auroc"] = Json{{"value", 0.87}};
    b.card.thresholds.assign(names.size(), 0.4);
    b.evaluation["validation_calibration"] = Json::array();
    for (const std::string& label : names)
      b.evaluation["validation_calibration"].push_back(Json{
          {"label", label},
          {"table",
           Json::parse(
               R"({"split":"validation","kind":"positive","cases":40,"bins":[{"low":0.0,"high":0.4,"cases":20,"counted":2},{"low":0.5,"high":1.0,"cases":20,"counted":18}]})")}});
  }
  b.card.classes = std::move(names);
  return b;
}

inline Actor actor(const std::string& name) {
  return {.id = "id-" + name, .name = name, .source_address = "127.0.0.1", .request_id = "req-1"};
}

}  // namespace aceso::models::test
