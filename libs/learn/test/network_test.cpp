#include "aceso/learn/network.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace aceso::learn {
namespace {

ArchitectureRegistry registry() {
  ArchitectureRegistry all;
  register_builtin_architectures(all);
  return all;
}

std::int64_t parameter_count(const Shapes& shapes, bool running) {
  std::int64_t count = 0;
  for (const auto& [name, shape] : shapes.parameters) {
    if (running == (name.find(".running_") != std::string::npos)) count += *element_count(shape);
  }
  return count;
}

TEST(Architectures, article_cnn_has_the_articles_layers) {
  const auto network = registry().make("article_cnn", {{3, 128, 128}, 1});
  ASSERT_TRUE(network.ok()) << network.error().message();
  const auto shapes = infer_shapes(*network, {{"image", {32, 3, 128, 128}}});
  ASSERT_TRUE(shapes.ok()) << shapes.error().message();
  EXPECT_EQ(shapes->outputs.at("conv1"), (Shape{32, 32, 126, 126}));
  EXPECT_EQ(shapes->outputs.at("pool1"), (Shape{32, 32, 63, 63}));
  EXPECT_EQ(shapes->outputs.at("conv2"), (Shape{32, 64, 61, 61}));
  EXPECT_EQ(shapes->outputs.at("pool2"), (Shape{32, 64, 30, 30}));
  EXPECT_EQ(shapes->outputs.at("flatten"), (Shape{32, 57600}));
  EXPECT_EQ(shapes->outputs.at(network->output), (Shape{32, 1}));
  // 896 + 18496 + 7372928 + 129: what Keras's model.summary() prints for this network.
  EXPECT_EQ(parameter_count(*shapes, false), 7'392'449);
  EXPECT_EQ(network->init, Init::keras);
}

TEST(Architectures, resnet18_has_torchvisions_parameters) {
  const auto network = registry().make("resnet18", {{3, 224, 224}, 1000});
  ASSERT_TRUE(network.ok()) << network.error().message();
  const auto shapes = infer_shapes(*network, {{"image", {-1, 3, 224, 224}}});
  ASSERT_TRUE(shapes.ok());
  EXPECT_EQ(parameter_count(*shapes, false),
            11'689'512);  // torchvision's table of weights, ResNet18_Weights.IMAGENET1K_V1
  EXPECT_EQ(parameter_count(*shapes, true), 9'600);
  EXPECT_EQ(shapes->parameters.at("conv1.weight"), (Shape{64, 3, 7, 7}));
  EXPECT_EQ(shapes->parameters.at("layer2.0.downsample.0.weight"), (Shape{128, 64, 1, 1}));
  EXPECT_TRUE(shapes->parameters.contains("layer4.1.bn2.running_var"));
  EXPECT_TRUE(shapes->parameters.contains("fc.bias"));
  EXPECT_FALSE(shapes->parameters.contains("conv1.bias"));
  EXPECT_EQ(shapes->outputs.at("layer4.1.relu2"), (Shape{-1, 512, 7, 7}));
}

TEST(Architectures, resnet18_keeps_small_images_large) {
  const auto network = registry().make("resnet18", {{1, 28, 28}, 1});
  ASSERT_TRUE(network.ok());
  const auto shapes = infer_shapes(*network, {{"image", {-1, 1, 28, 28}}});
  EXPECT_EQ(shapes->parameters.at("conv1.weight"), (Shape{64, 1, 3, 3}));
  EXPECT_EQ(shapes->outputs.at("layer1.1.relu2"), (Shape{-1, 64, 28, 28}));
}

TEST(Architectures, fit_a_signal_and_a_table) {
  EXPECT_TRUE(registry().make("signal_cnn", {{2, 360}, 5}).ok());
  EXPECT_TRUE(registry().make("mlp", {{30}, 1}).ok());
  EXPECT_TRUE(registry().make("logistic", {{30}, 1}).ok());
  EXPECT_TRUE(registry().make("logistic", {{1, 28, 28}, 3}).ok());
}

TEST(Architectures, refuse_samples_that_do_not_fit) {
  const auto tiny = registry().make("article_cnn", {{3, 6, 6}, 1});
  EXPECT_EQ(tiny.error().code(), Code::invalid);
  EXPECT_NE(tiny.error().message().find("\"conv2\""), std::string::npos) << tiny.error().message();
  EXPECT_EQ(registry().make("article_cnn", {{30}, 1}).error().code(), Code::invalid);
  EXPECT_EQ(registry().make("mlp", {{30}, 0}).error().code(), Code::invalid);
  const auto unknown = registry().make("resnet19", {{3, 64, 64}, 1});
  EXPECT_EQ(unknown.error().code(), Code::not_found);
  EXPECT_NE(unknown.error().message().find("resnet18"), std::string::npos);
}

TEST(NetworkJson, comes_back_as_it_went) {
  for (const char* name : {"article_cnn", "resnet18", "logistic"}) {
    const auto network = registry().make(name, {{3, 64, 64}, 4});
    ASSERT_TRUE(network.ok());
    const Json json = to_json(*network);
    const auto again = parse_network(json);
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(to_json(*again), json);
    EXPECT_TRUE(infer_shapes(*again, {{"image", {-1, 3, 64, 64}}}).ok());
  }
}

TEST(NetworkJson, names_the_field_that_is_wrong) {
  const Json good = to_json(*registry().make("article_cnn", {{3, 64, 64}, 1}));
  const auto message = [](const Json& json) { return parse_network(json).error().message(); };
  Json json = good;
  json["layers"][1]["kernal"] = 3;
  EXPECT_EQ(message(json), "network.layers[1]: unknown field \"kernal\"");
  json = good;
  json["layers"][1]["op"] = "convolve";
  EXPECT_EQ(message(json), "network.layers[1].op: unknown operation");
  json = good;
  json["layers"][1]["out"] = 2.5;
  EXPECT_EQ(message(json), "network.layers[1].out: must be a whole number");
  json = good;
  json["layers"][1]["name"] = "../x";
  EXPECT_NE(message(json).find("network.layers[1].name"), std::string::npos);
  json = good;
  json["output"] = "nowhere";
  EXPECT_EQ(message(json), "network.output: names no layer");
  EXPECT_EQ(parse_network(Json::array()).error().code(), Code::invalid);
}

TEST(InferShapes, names_the_layer_that_does_not_fit) {
  auto network = *registry().make("article_cnn", {{3, 64, 64}, 1});
  network.layers[4].inputs = {"conv9"};
  const auto shapes = infer_shapes(network, {{"image", {1, 3, 64, 64}}});
  EXPECT_EQ(shapes.error().message(), "layer \"conv2\" (conv): its input \"conv9\" is no earlier layer");
}

TEST(InferShapes, refuses_weights_past_all_bounds) {
  auto network = *registry().make("logistic", {{1, 64, 64}, 1});
  network.layers[2].out = std::int64_t{1} << 40;
  EXPECT_EQ(infer_shapes(network, {{"image", {1, 1, 64, 64}}}).error().code(), Code::invalid);
}

}  // namespace
}  // namespace aceso::learn
