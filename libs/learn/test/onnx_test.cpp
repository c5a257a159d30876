// The bytes themselves were checked with onnx.checker and ONNX Runtime (README.md says how); OpenVINO reads them in
// libs/learn_openvino's tests.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "aceso/learn/engine.hpp"

namespace aceso::learn {
namespace {

Weights ramp_weights(const Shapes& shapes) {
  Weights weights;
  for (const auto& [name, shape] : shapes.parameters) {
    Array array = Array::zeros(DType::f32, shape);
    float i = 0;
    for (float& x : array.f32()) x = 0.01F * static_cast<float>(static_cast<int>(i++) % 7) - 0.02F;
    if (name.find("running_var") != std::string::npos) {
      for (float& x : array.f32()) x = 1.5F;
    }
    weights.emplace(name, std::move(array));
  }
  return weights;
}

TEST(Onnx, writes_every_architecture) {
  ArchitectureRegistry all;
  register_builtin_architectures(all);
  const std::vector<std::pair<std::string, Shape>> cases{{"article_cnn", {3, 32, 32}},
                                                         {"resnet18", {1, 28, 28}},
                                                         {"signal_cnn", {2, 96}},
                                                         {"mlp", {30}},
                                                         {"logistic", {30}}};
  for (const auto& [name, sample] : cases) {
    const auto network = all.make(name, {sample, name == "signal_cnn" ? 5 : 1});
    ASSERT_TRUE(network.ok());
    Shape batch{-1};
    batch.insert(batch.end(), sample.begin(), sample.end());
    const std::map<std::string, Shape> inputs{{network->layers.front().name, batch}};
    const auto onnx = to_onnx(*network, ramp_weights(*infer_shapes(*network, inputs)), inputs);
    ASSERT_TRUE(onnx.ok()) << onnx.error().message();
    EXPECT_GT(onnx->size(), 200U);
    if (const char* folder = std::getenv("ACESO_ONNX_OUT"); folder != nullptr) {
      std::ofstream{std::string{folder} + "/" + name + ".onnx", std::ios::binary}.write(
          reinterpret_cast<const char*>(onnx->data()), static_cast<std::streamsize>(onnx->size()));
    }
  }
}

TEST(Onnx, names_the_weight_that_is_missing_or_wrong) {
  ArchitectureRegistry all;
  register_builtin_architectures(all);
  const auto network = *all.make("logistic", {{4}, 1});
  const std::map<std::string, Shape> inputs{{"features", {-1, 4}}};
  EXPECT_NE(to_onnx(network, {}, inputs).error().message().find("dense.bias"), std::string::npos);
  Weights weights = ramp_weights(*infer_shapes(network, inputs));
  weights["dense.weight"] = Array::zeros(DType::f32, {1, 5});
  EXPECT_NE(to_onnx(network, weights, inputs).error().message().find("must be float32 [1, 4], is float32 [1, 5]"),
            std::string::npos);
}

}  // namespace
}  // namespace aceso::learn
