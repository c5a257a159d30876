// Serving by OpenVINO: any batch, many callers, foreign ONNX, clear errors. Equality with LibTorch is tested in
// learn_torch.
#include <cstring>
#include <filesystem>
#include <thread>

#include "../../learn_torch/test/engines.hpp"
#include "aceso/base/file.hpp"

namespace aceso::learn_openvino {
namespace {

using learn::Array;
using learn::DType;
using learn::NamedArrays;
using learn::Shape;
using learn_torch::test::counted_input;
using learn_torch::test::counted_weights;
using learn_torch::test::engine;
using learn_torch::test::largest_difference;
using learn_torch::test::make_model;
using learn_torch::test::Model;

std::unique_ptr<learn::InferenceSession> load(const Model& model, learn::InferenceOptions options = {1, false}) {
  auto session = engine("openvino").load(model.network, model.weights, model.inputs, options);
  if (!session) throw std::runtime_error{session.error().message()};
  return std::move(*session);
}

Array first_rows(const Array& array, std::int64_t n) {
  Shape shape = array.shape;
  shape[0] = n;
  Array part = Array::zeros(array.dtype, shape);
  std::memcpy(part.data.data(), array.data.data(), part.data.size());
  return part;
}

TEST(OpenVino, one_session_takes_any_batch) {
  const Model model = make_model("article_cnn", {3, 32, 32}, 1);
  const auto session = load(model);
  const Array all = counted_input({9, 3, 32, 32});
  const Array expected = session->run(model.batch(all))->at("output");
  for (const std::int64_t n : {1, 4, 9, 2}) {
    const auto out = session->run(model.batch(first_rows(all, n)));
    ASSERT_TRUE(out.ok()) << out.error().message();
    EXPECT_EQ(out->at("output").shape, (Shape{n, 1}));
    EXPECT_LT(largest_difference(out->at("output").f32(), expected.f32().first(static_cast<std::size_t>(n))), 1e-6);
  }
}

TEST(OpenVino, many_threads_get_their_own_answers) {
  const Model model = make_model("article_cnn", {1, 28, 28}, 2);
  const auto session = load(model);
  std::vector<Array> inputs, expected;
  for (std::uint64_t i = 0; i < 4; ++i) {
    inputs.push_back(counted_input({2, 1, 28, 28}, i));
    expected.push_back(session->run(model.batch(inputs.back()))->at("output"));
  }
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const auto out = session->run(model.batch(inputs[i]));
        if (!out || largest_difference(out->at("output").f32(), expected[i].f32()) > 1e-6) ++wrong[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(OpenVino, says_what_is_wrong_with_its_input) {
  const Model model = make_model("mlp", {4}, 3);
  const auto session = load(model);
  const auto refused = [](const auto& result, std::string_view word) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Code::invalid);
    EXPECT_NE(result.error().message().find(word), std::string::npos) << result.error().message();
  };
  refused(session->run({}), "features");
  refused(session->run(model.batch(counted_input({2, 5}))), "[2, 5]");
  refused(session->run(model.batch(Array::zeros(DType::f32, {0, 4}))), "[0, 4]");
  refused(session->run(model.batch(Array::zeros(DType::f64, {2, 4}))), "float64");
  Model damaged = model;
  damaged.weights.erase("dense2.bias");
  refused(engine("openvino").load(damaged.network, damaged.weights, damaged.inputs, {}), "dense2.bias");
  damaged = model;
  damaged.weights["dense2.bias"] = counted_input({5});
  refused(engine("openvino").load(damaged.network, damaged.weights, damaged.inputs, {}), "dense2.bias");
}

TEST(OpenVino, bf16_is_used_only_when_asked_for_and_stays_close) {
  const Model model = make_model("article_cnn", {3, 32, 32}, 1);
  const auto batch = model.batch(counted_input({2, 3, 32, 32}));
  const auto exact = load(model)->run(batch);
  const auto allowed = load(model, {1, true})->run(batch);
  ASSERT_TRUE(exact.ok() && allowed.ok());
  EXPECT_LT(largest_difference(exact->at("output").f32(), allowed->at("output").f32()), 2e-2);
}

TEST(OpenVino, refuses_what_is_no_onnx) {
  const Model model = make_model("mlp", {4}, 3);
  const std::vector<std::byte> good = *learn::to_onnx(model.network, model.weights, model.inputs);
  ASSERT_TRUE(engine("openvino").load_onnx(good, {}).ok());
  std::vector<std::byte> cut{good.begin(), good.begin() + static_cast<std::ptrdiff_t>(good.size() / 2)};
  EXPECT_EQ(engine("openvino").load_onnx(cut, {}).error().code(), Code::invalid);
  EXPECT_EQ(engine("openvino").load_onnx({}, {}).error().code(), Code::invalid);
  const std::vector<std::byte> noise(1000, std::byte{0x5A});
  EXPECT_EQ(engine("openvino").load_onnx(noise, {}).error().code(), Code::invalid);
}

std::vector<std::byte> file(const std::string& name) {
  auto bytes = read_file(std::filesystem::path{ACESO_ONNX_FILES} / name, 1 << 20);
  return bytes ? std::move(*bytes) : std::vector<std::byte>{};
}

TEST(OpenVino, runs_onnx_from_elsewhere_and_refuses_what_is_hostile) {
  NamedArrays batch;
  batch.emplace("x", Array::from({2, 2}, {1, 0, 0, 2}));  // rows of the weights [[0, 1, 2], [3, 4, 5]]
  for (const char* name : {"good.onnx", "one_sample.onnx"}) {
    SCOPED_TRACE(name);
    const auto session = engine("openvino").load_onnx(file(name), {1, false});
    ASSERT_TRUE(session.ok()) << session.error().message();
    const auto out = (*session)->run(batch);
    ASSERT_TRUE(out.ok()) << out.error().message();
    EXPECT_EQ(out->at("output").shape, (Shape{2, 3}));
    const auto values = out->at("output").f32();
    EXPECT_EQ(std::vector<float>(values.begin(), values.end()), (std::vector<float>{0, 1, 2, 6, 8, 10}));
  }
  EXPECT_EQ(engine("openvino").load_onnx(file("external.onnx"), {}).error().code(), Code::denied);
  EXPECT_EQ(engine("openvino").load_onnx(file("cycle.onnx"), {}).error().code(), Code::invalid);
  EXPECT_EQ(engine("openvino").load_onnx(file("huge.onnx"), {}).error().code(), Code::too_large);
}

TEST(OpenVino, names_itself_and_does_not_train) {
  EXPECT_EQ(engine("openvino").name(), "openvino");
  EXPECT_EQ(engine("openvino").version(), "2026.4.0");
  EXPECT_TRUE(engine("openvino").device().starts_with("CPU: ")) << engine("openvino").device();
  EXPECT_EQ(engine("openvino").train({}, {}, {}, {}).error().code(), Code::unsupported);
}

}  // namespace
}  // namespace aceso::learn_openvino
