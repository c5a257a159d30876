// The engine "loops": networks against their definition in double precision, written out layer by layer, and beside the
// engines that are there.
#include "aceso/learn_loops/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "engine_parts.hpp"

namespace aceso::learn_loops {
namespace {

using learn::Array;
using learn::DType;
using learn::Layer;
using learn::NamedArrays;
using learn::Network;
using learn::Op;
using learn::Shape;

struct Model {
  Network network;
  std::map<std::string, Shape> inputs;
  learn::Weights weights;
};

Array random_array(const Shape& shape, std::uint32_t seed, double deviation, double middle = 0) {
  std::mt19937 bits{seed};
  std::normal_distribution<double> normal{middle, deviation};
  Array array = Array::zeros(DType::f32, shape);
  for (float& v : array.f32()) v = static_cast<float>(normal(bits));
  return array;
}

// Random weights whose layers keep the size of what they read.
Model with_random_weights(Network network, const Shape& sample, std::uint32_t seed) {
  Model m{std::move(network), {}, {}};
  Shape shape{-1};
  shape.insert(shape.end(), sample.begin(), sample.end());
  m.inputs.emplace(m.network.layers.front().name, shape);
  const auto shapes = learn::infer_shapes(m.network, m.inputs);
  EXPECT_TRUE(shapes) << (shapes ? "" : shapes.error().message());
  if (!shapes) return m;
  for (const auto& [name, of] : shapes->parameters) {
    double fan_in = 1;
    for (std::size_t d = 1; d < of.size(); ++d) fan_in *= static_cast<double>(of[d]);
    Array array = of.size() > 1 ? random_array(of, ++seed, std::sqrt(2 / fan_in)) : random_array(of, ++seed, 0.2);
    if (name.ends_with("running_var") || (name.ends_with("weight") && of.size() == 1)) {
      for (float& v : array.f32()) v = 1 + 0.5F * std::fabs(v);
    }
    m.weights.emplace(name, std::move(array));
  }
  return m;
}

Model built_in(const std::string& name, const Shape& sample, std::int64_t outputs,
               learn::Task task = learn::Task::classes) {
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  return with_random_weights(*registry.make(name, {sample, outputs, task}), sample, 5);
}

// A chain of random layers that the engine takes.
Model random_chain(std::uint32_t seed) {
  std::mt19937 bits{seed};
  const auto draw = [&bits](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>{low, high}(bits);
  };
  Network net;
  net.architecture = "chain";
  const auto add = [&net](std::string name, Op op) -> Layer& {
    Layer layer;
    layer.op = op;
    if (!net.layers.empty()) layer.inputs = {net.layers.back().name};
    layer.name = std::move(name);
    return net.layers.emplace_back(std::move(layer));
  };
  Shape sample{draw(1, 6), draw(8, 40), draw(8, 40)};
  add("image", Op::input);
  std::int64_t high = sample[1], wide = sample[2];
  for (std::int64_t i = 0, count = draw(1, 3); i < count; ++i) {
    const std::string n = std::to_string(i);
    const std::int64_t padding = high < 8 || wide < 8 ? 1 : draw(0, 1);
    Layer& conv = add("conv" + n, Op::conv);
    conv.out = draw(1, 70);
    conv.kernel = {3, 3}, conv.stride = {1, 1}, conv.padding = {padding, padding};
    conv.bias = draw(0, 1) == 1;
    high += 2 * padding - 2, wide += 2 * padding - 2;
    if (draw(0, 2) == 0) add("norm" + n, Op::batch_norm);
    if (draw(0, 3) > 0) add("relu" + n, Op::relu);
    if (draw(0, 1) == 1 && high >= 4 && wide >= 4) {
      Layer& pool = add("pool" + n, Op::max_pool);
      pool.kernel = pool.stride = {2, 2}, pool.padding = {0, 0};
      high /= 2, wide /= 2;
    }
    if (draw(0, 3) == 0) add("drop" + n, Op::dropout);
  }
  add("rows", draw(0, 1) == 1 ? Op::flatten : Op::global_avg_pool);
  if (draw(0, 1) == 1) {
    add("hidden", Op::dense).out = draw(1, 40);
    if (draw(0, 1) == 1) add("hidden_relu", Op::relu);
  }
  add("last", Op::dense).out = draw(1, 5);
  net.logits = "last";
  if (const std::int64_t end = draw(0, 2); end > 0) add("end", end == 1 ? Op::sigmoid : Op::softmax);
  net.output = net.layers.back().name;
  return with_random_weights(std::move(net), sample, seed);
}

// [channels, height, width] or [features] of one sample in double precision.
struct Value {
  Shape shape;
  std::vector<double> v;
};

// A parameter's values; of one that is not there `otherwise`.
std::function<double(std::int64_t)> parameter(const Model& m, const Layer& layer, const char* name, double otherwise) {
  const auto found = m.weights.find(layer.name + "." + name);
  if (found == m.weights.end()) return [otherwise](std::int64_t) { return otherwise; };
  return [values = found->second.f32().data()](std::int64_t i) { return static_cast<double>(values[i]); };
}

Value by_definition(const Model& m, const Layer& layer, const Value& x) {
  Value y;
  const auto weight = parameter(m, layer, "weight", 1), bias = parameter(m, layer, "bias", 0);
  const auto at = [&x](std::int64_t c, std::int64_t r, std::int64_t col) {
    const bool there = r >= 0 && r < x.shape[1] && col >= 0 && col < x.shape[2];
    return there ? x.v[static_cast<std::size_t>((c * x.shape[1] + r) * x.shape[2] + col)] : 0.0;
  };
  const auto positions = x.shape.size() == 3 ? x.shape[1] * x.shape[2] : 1;
  switch (layer.op) {
    case Op::conv: {
      const std::int64_t p = layer.padding[0];
      y.shape = {layer.out, x.shape[1] + 2 * p - 2, x.shape[2] + 2 * p - 2};
      for (std::int64_t o = 0; o < layer.out; ++o)
        for (std::int64_t r = 0; r < y.shape[1]; ++r)
          for (std::int64_t col = 0; col < y.shape[2]; ++col) {
            double sum = bias(o);
            for (std::int64_t c = 0; c < x.shape[0]; ++c)
              for (std::int64_t k = 0; k < 9; ++k)
                sum += weight((o * x.shape[0] + c) * 9 + k) * at(c, r + k / 3 - p, col + k % 3 - p);
            y.v.push_back(sum);
          }
      return y;
    }
    case Op::batch_norm:
      y = x;
      for (std::size_t i = 0; i < y.v.size(); ++i) {
        const auto c = static_cast<std::int64_t>(i) / positions;
        y.v[i] = (x.v[i] - parameter(m, layer, "running_mean", 0)(c)) /
                     std::sqrt(parameter(m, layer, "running_var", 1)(c) + layer.epsilon) * weight(c) +
                 bias(c);
      }
      return y;
    case Op::relu:
      y = x;
      for (double& v : y.v) v = std::max(v, 0.0);
      return y;
    case Op::max_pool:
      y.shape = {x.shape[0], x.shape[1] / 2, x.shape[2] / 2};
      for (std::int64_t c = 0; c < y.shape[0]; ++c)
        for (std::int64_t r = 0; r < y.shape[1]; ++r)
          for (std::int64_t col = 0; col < y.shape[2]; ++col)
            y.v.push_back(std::max({at(c, 2 * r, 2 * col), at(c, 2 * r, 2 * col + 1), at(c, 2 * r + 1, 2 * col),
                                    at(c, 2 * r + 1, 2 * col + 1)}));
      return y;
    case Op::global_avg_pool:
      y.shape = {x.shape[0]};
      for (std::int64_t c = 0; c < x.shape[0]; ++c) {
        double sum = 0;
        for (std::int64_t p = 0; p < positions; ++p) sum += x.v[static_cast<std::size_t>(c * positions + p)];
        y.v.push_back(sum / static_cast<double>(positions));
      }
      return y;
    case Op::flatten:
      return {{static_cast<std::int64_t>(x.v.size())}, x.v};
    case Op::dense:
      y.shape = {layer.out};
      for (std::int64_t o = 0; o < layer.out; ++o) {
        double sum = bias(o);
        for (std::int64_t i = 0; i < x.shape[0]; ++i)
          sum += weight(o * x.shape[0] + i) * x.v[static_cast<std::size_t>(i)];
        y.v.push_back(sum);
      }
      return y;
    case Op::sigmoid:
      y = x;
      for (double& v : y.v) v = 1 / (1 + std::exp(-v));
      return y;
    case Op::softmax: {
      y = x;
      double sum = 0;
      for (double& v : y.v) sum += v = std::exp(v);
      for (double& v : y.v) v /= sum;
      return y;
    }
    default:
      return x;
  }
}

Value sample_of(const Array& batch, std::size_t row) {
  const std::size_t each = batch.f32().size() / static_cast<std::size_t>(batch.shape[0]);
  const auto values = batch.f32().subspan(row * each, each);
  return {{batch.shape.begin() + 1, batch.shape.end()}, {values.begin(), values.end()}};
}

// Of each layer.
std::map<std::string, Value> values_of(const Model& m, Value x) {
  std::map<std::string, Value> values;
  for (const Layer& layer : m.network.layers) {
    x = by_definition(m, layer, x);
    values.emplace(layer.name, x);
  }
  return values;
}

NamedArrays batch_of(const Model& m, const Array& array) {
  NamedArrays batch;
  batch.emplace(m.network.layers.front().name, array);
  return batch;
}

Shape batch_shape(const Model& m, std::int64_t count) {
  Shape shape = m.inputs.begin()->second;
  shape[0] = count;
  return shape;
}

double distance(std::span<const double> a, std::span<const float> b) {
  double most = a.size() == b.size() ? 0 : HUGE_VAL;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max(most, std::fabs(a[i] - static_cast<double>(b[i])) / std::max(1.0, std::fabs(a[i])));
  return most;
}

TEST(Loops, random_chains_give_what_their_definition_gives) {
  for (std::uint32_t seed = 1; seed <= 24; ++seed) {
    const Model m = random_chain(seed);
    const Array x = random_array(batch_shape(m, 3), seed, 1);
    for (const Kernels* k : all_kernels()) {
      SCOPED_TRACE("chain " + std::to_string(seed) + ", " + std::to_string(k->lanes) + " lanes");
      const auto session = make_engine(*k)->load(m.network, m.weights, m.inputs, {.threads = 2});
      ASSERT_TRUE(session) << session.error().message();
      const auto results = (*session)->run(batch_of(m, x));
      ASSERT_TRUE(results) << results.error().message();
      const Array& y = results->at("output");
      for (std::size_t row = 0; row < 3; ++row) {
        const Value expected = values_of(m, sample_of(x, row)).at(m.network.output);
        const std::size_t width = expected.v.size();
        EXPECT_LT(distance(expected.v, y.f32().subspan(row * width, width)), 2e-5);
      }
    }
  }
}

TEST(Loops, the_articles_network_and_its_embedding) {
  const Model m = built_in("article_cnn", {3, 50, 64}, 1);
  const Array x = random_array(batch_shape(m, 2), 9, 1);
  for (const Kernels* k : all_kernels()) {
    SCOPED_TRACE(std::to_string(k->lanes) + " lanes");
    const auto session = make_engine(*k)->load(m.network, m.weights, m.inputs, {.threads = 2, .embedding = "relu3"});
    ASSERT_TRUE(session) << session.error().message();
    const auto results = (*session)->run(batch_of(m, x));
    ASSERT_TRUE(results) << results.error().message();
    EXPECT_EQ(results->at("embedding").shape, (Shape{2, 128}));
    for (std::size_t row = 0; row < 2; ++row) {
      const auto values = values_of(m, sample_of(x, row));
      EXPECT_LT(distance(values.at(m.network.output).v, results->at("output").f32().subspan(row, 1)), 1e-5);
      EXPECT_LT(distance(values.at("relu3").v, results->at("embedding").f32().subspan(row * 128, 128)), 1e-5);
    }
  }
}

TEST(Loops, a_sample_has_one_answer_alone_in_a_batch_and_on_any_number_of_threads) {
  const Model m = built_in("article_cnn", {3, 46, 70}, 2);
  const Array x = random_array(batch_shape(m, 67), 3, 1);
  const auto engine = make_engine();
  std::vector<float> first;
  for (const int threads : {1, 2, 3}) {
    const auto session = engine->load(m.network, m.weights, m.inputs, {.threads = threads});
    ASSERT_TRUE(session) << session.error().message();
    const auto all = (*session)->run(batch_of(m, x));
    ASSERT_TRUE(all);
    const auto values = all->at("output").f32();
    if (first.empty()) first.assign(values.begin(), values.end());
    EXPECT_TRUE(std::equal(values.begin(), values.end(), first.begin(), first.end()));
    for (const std::size_t row : {0U, 31U, 32U, 66U}) {
      Array one = Array::zeros(DType::f32, batch_shape(m, 1));
      const std::size_t each = one.f32().size();
      std::copy_n(x.f32().begin() + static_cast<std::ptrdiff_t>(row * each), each, one.f32().begin());
      const auto alone = (*session)->run(batch_of(m, one));
      ASSERT_TRUE(alone);
      EXPECT_EQ(alone->at("output").f32()[0], first[row * 2]);
      EXPECT_EQ(alone->at("output").f32()[1], first[row * 2 + 1]);
    }
  }
}

TEST(Loops, tables_too) {
  for (const char* name : {"logistic", "mlp"}) {
    const Model m = built_in(name, {21}, 3);
    const auto session = make_engine()->load(m.network, m.weights, m.inputs, {});
    ASSERT_TRUE(session) << session.error().message();
    const Array x = random_array(batch_shape(m, 5), 2, 1);
    const auto results = (*session)->run(batch_of(m, x));
    ASSERT_TRUE(results);
    for (std::size_t row = 0; row < 5; ++row)
      EXPECT_LT(distance(values_of(m, sample_of(x, row)).at(m.network.output).v,
                         results->at("output").f32().subspan(row * 3, 3)),
                1e-5)
          << name;
  }
}

TEST(Loops, what_is_not_taken_is_refused_by_name) {
  const auto refusal = [](const Model& m, const std::string& embedding = "") {
    const Status status = takes(m.network, m.inputs, embedding);
    EXPECT_FALSE(status);
    if (status) return std::string{};
    EXPECT_EQ(status.error().code(), Code::unsupported);
    return status.error().message();
  };
  EXPECT_NE(refusal(built_in("resnet18", {3, 64, 64}, 2)).find("conv1"), std::string::npos);
  EXPECT_FALSE(refusal(built_in("unet", {1, 32, 32}, 2, learn::Task::outlines)).empty());
  EXPECT_FALSE(refusal(built_in("signal_cnn", {2, 64}, 2)).empty());
  const Model article = built_in("article_cnn", {3, 64, 64}, 2);
  EXPECT_TRUE(takes(article.network, article.inputs, ""));
  EXPECT_TRUE(takes(article.network, article.inputs, "relu3"));
  EXPECT_NE(refusal(article, "dense1").find("dense1"), std::string::npos);    // before its ReLU
  EXPECT_NE(refusal(article, "flatten").find("flatten"), std::string::npos);  // in another order
  Model strided = article;
  strided.network.layers[1].stride = {2, 2};
  EXPECT_NE(refusal(strided).find("conv1"), std::string::npos);
  Model twice = article;  // what two layers read
  twice.network.layers[5].inputs = {"image"};
  EXPECT_FALSE(takes(twice.network, twice.inputs, ""));
}

// A convolution without pooling, an average, a dense layer.
Model wide_model(std::int64_t channels, std::int64_t side, Op rows) {
  Network net;
  net.architecture = "wide";
  for (const auto& [name, op] :
       {std::pair{"image", Op::input}, {"conv", Op::conv}, {"rows", rows}, {"last", Op::dense}}) {
    Layer layer;
    layer.name = name;
    layer.op = op;
    if (!net.layers.empty()) layer.inputs = {net.layers.back().name};
    net.layers.push_back(layer);
  }
  Layer& conv = net.layers[1];
  conv.out = channels;
  conv.kernel = {3, 3}, conv.stride = {1, 1}, conv.padding = {1, 1};
  net.layers[3].out = 2;
  net.logits = net.output = "last";
  return with_random_weights(std::move(net), {3, side, side}, 9);
}

TEST(Loops, what_takes_too_much_memory_is_left_to_another_engine) {
  const Model large = wide_model(64, 1024, Op::global_avg_pool);  // twice 268 MB for an image
  const Status status = takes(large.network, large.inputs, "");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::unsupported);
  EXPECT_NE(status.error().message().find("conv"), std::string::npos) << status.error().message();
  EXPECT_FALSE(make_engine()->load(large.network, large.weights, large.inputs, {}));
  const Model stages = wide_model(16, 512, Op::flatten);  // 16 MB an image, but 32 of them before the dense layer
  EXPECT_FALSE(takes(stages.network, stages.inputs, ""));
  const Model average = wide_model(16, 512, Op::global_avg_pool);
  EXPECT_TRUE(takes(average.network, average.inputs, ""));
}

TEST(Loops, large_images_share_the_room_of_one_and_have_the_same_answers) {
  const Model m = wide_model(64, 512, Op::global_avg_pool);  // 134 MB an image: two do not fit
  const auto engine = make_engine();
  learn::InferenceOptions options;
  options.threads = 1;
  const auto one = engine->load(m.network, m.weights, m.inputs, options);
  ASSERT_TRUE(one);
  options.threads = 2;
  const auto two = engine->load(m.network, m.weights, m.inputs, options);
  ASSERT_TRUE(two);
  Array x = Array::zeros(DType::f32, {2, 3, 512, 512});
  std::mt19937 bits{4};
  for (float& v : x.f32()) v = std::uniform_real_distribution<float>{-1, 1}(bits);
  const auto a = (*one)->run({{"image", x}});
  const auto b = (*two)->run({{"image", x}});
  ASSERT_TRUE(a);
  ASSERT_TRUE(b);
  EXPECT_TRUE(std::ranges::equal(a->at("output").f32(), b->at("output").f32()));
  EXPECT_NE(a->at("output").f32()[0], a->at("output").f32()[2]);
}

TEST(Loops, weights_and_batches_are_checked) {
  Model m = built_in("article_cnn", {3, 32, 32}, 1);
  const auto engine = make_engine();
  {
    const auto session = engine->load(m.network, m.weights, m.inputs, {});
    ASSERT_TRUE(session);
    EXPECT_EQ((*session)->run({}).error().code(), Code::invalid);
    EXPECT_EQ((*session)->run(batch_of(m, Array::zeros(DType::f32, {2, 3, 32, 31}))).error().code(), Code::invalid);
    EXPECT_EQ((*session)->run(batch_of(m, Array::zeros(DType::u8, {2, 3, 32, 32}))).error().code(), Code::invalid);
    EXPECT_EQ((*session)->run(batch_of(m, Array::zeros(DType::f32, {0, 3, 32, 32}))).error().code(), Code::invalid);
  }
  m.weights.find("dense1.bias")->second.f32()[3] = INFINITY;
  EXPECT_NE(engine->load(m.network, m.weights, m.inputs, {}).error().message().find("dense1.bias"), std::string::npos);
  m.weights.erase("conv2.weight");
  EXPECT_NE(engine->load(m.network, m.weights, m.inputs, {}).error().message().find("conv2.weight"), std::string::npos);
}

#if defined(ACESO_ENGINE_FOLDER)
TEST(Loops, agree_with_the_engines_that_are_there) {
  for (const std::string name : {"openvino", "torch"}) {
    auto other = learn::load_engine("learn_" + name, ACESO_ENGINE_FOLDER);
    ASSERT_TRUE(other) << other.error().message();
    learn::Engine& engine = *other->release();  // never destroyed: at exit its own statics are gone before
    std::vector<Model> models{built_in("article_cnn", {3, 128, 128}, 1), built_in("article_cnn", {1, 45, 64}, 3),
                              built_in("logistic", {1, 28, 28}, 1)};
    for (std::uint32_t seed = 100; seed < 110; ++seed) models.push_back(random_chain(seed));
    for (const Model& m : models) {
      const auto ours = make_engine()->load(m.network, m.weights, m.inputs, {});
      const auto theirs = engine.load(m.network, m.weights, m.inputs, {});
      ASSERT_TRUE(ours) << ours.error().message();
      ASSERT_TRUE(theirs) << theirs.error().message();
      const Array x = random_array(batch_shape(m, 4), 8, 1);
      const auto a = (*ours)->run(batch_of(m, x)), b = (*theirs)->run(batch_of(m, x));
      ASSERT_TRUE(a && b);
      const auto values = b->at("output").f32();
      EXPECT_LT(distance(std::vector<double>(values.begin(), values.end()), a->at("output").f32()), 1e-4)
          << name << " " << m.network.architecture;
    }
  }
}
#endif

}  // namespace
}  // namespace aceso::learn_loops
