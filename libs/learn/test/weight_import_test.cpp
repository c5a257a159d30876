#include "aceso/learn/weight_import.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace aceso::learn {
namespace {

struct Target {
  Network network;
  std::map<std::string, Shape> inputs;
  Shapes shapes;
  Weights start;
};

Layer layer_of(const std::string& name, Op op, const std::string& from, std::int64_t out = 0) {
  Layer layer;
  layer.name = name;
  layer.op = op;
  if (!from.empty()) layer.inputs = {from};
  layer.out = out;
  return layer;
}
Layer convolution(const std::string& name, const std::string& from, std::int64_t out, std::size_t dims) {
  Layer layer = layer_of(name, Op::conv, from, out);
  layer.kernel.assign(dims, 3);
  layer.stride.assign(dims, 1);
  layer.padding.assign(dims, 1);
  layer.bias = false;
  return layer;
}

// A small network with a ResNet's names; `sample` is [channels, spatial...].
Target target(const Shape& sample, std::int64_t outputs) {
  const std::size_t dims = sample.size() - 1;
  Target t;
  t.network.architecture = "small";
  t.network.layers = {layer_of("image", Op::input, ""),
                      convolution("conv1", "image", 4, dims),
                      layer_of("bn1", Op::batch_norm, "conv1"),
                      convolution("layer1.0.conv1", "bn1", 4, dims),
                      convolution("layer2.0.conv1", "layer1.0.conv1", 6, dims),
                      layer_of("avgpool", Op::global_avg_pool, "layer2.0.conv1"),
                      layer_of("fc", Op::dense, "avgpool", outputs),
                      layer_of("probability", Op::sigmoid, "fc")};
  t.network.logits = "fc";
  t.network.output = "probability";
  Shape batch{-1};
  batch.insert(batch.end(), sample.begin(), sample.end());
  t.inputs = {{"image", batch}};
  t.shapes = *infer_shapes(t.network, t.inputs);
  t.start = initial_weights(t.network, t.shapes, 1);
  return t;
}

// Weights as another network of that form has them, with what PyTorch adds.
Weights foreign(const Target& t, const std::string& prefix = "") {
  Weights out;
  for (auto& [name, array] : initial_weights(t.network, t.shapes, 99)) out.emplace(prefix + name, array);
  out.emplace(prefix + "bn1.num_batches_tracked", Array::zeros(DType::i64, {}));
  return out;
}

TEST(WeightImport, takes_all_of_a_network_of_the_same_form) {
  const Target t = target({3, 8, 8}, 2);
  const Weights theirs = foreign(t, "module.");
  const auto imported = import_weights(t.network, t.inputs, t.start, theirs);
  ASSERT_TRUE(imported.ok()) << imported.error().message();
  EXPECT_EQ(imported->report.stripped, "module.");
  EXPECT_EQ(imported->report.taken.size(), t.shapes.parameters.size());
  EXPECT_TRUE(imported->report.missing.empty() && imported->report.unexpected.empty());
  for (const auto& [name, array] : imported->weights) EXPECT_EQ(array.data, theirs.at("module." + name).data) << name;
}

TEST(WeightImport, starts_the_head_anew_and_reports_missing_unexpected_and_misshapen) {
  const Target t = target({3, 8, 8}, 1);
  Weights theirs = foreign(target({3, 8, 8}, 1000));
  theirs.erase("layer1.0.conv1.weight");
  theirs["extra.weight"] = Array::zeros(DType::f32, {1});
  theirs["layer2.0.conv1.weight"] = Array::zeros(DType::f32, {6, 4, 5, 5});
  const auto imported = import_weights(t.network, t.inputs, t.start, theirs);
  ASSERT_TRUE(imported.ok()) << imported.error().message();
  EXPECT_EQ(imported->report.head, (std::vector<std::string>{"fc.bias", "fc.weight"}));
  EXPECT_EQ(imported->report.missing, (std::vector<std::string>{"layer1.0.conv1.weight"}));
  EXPECT_EQ(imported->report.unexpected, (std::vector<std::string>{"extra.weight"}));
  ASSERT_EQ(imported->report.misshapen.size(), 1U);
  EXPECT_EQ(imported->report.misshapen[0].found, (Shape{6, 4, 5, 5}));
  for (const char* name : {"fc.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight"})
    EXPECT_EQ(imported->weights.at(name).data, t.start.at(name).data) << name;
  const std::string text = to_text(imported->report);
  for (const char* word : {"fc.weight", "layer1.0.conv1.weight", "extra.weight", "[6, 4, 5, 5]"})
    EXPECT_NE(text.find(word), std::string::npos) << word;
  EXPECT_EQ(to_json(imported->report)["misshapen"][0]["name"], "layer2.0.conv1.weight");
}

TEST(WeightImport, sums_colours_for_grey_and_divides_grey_among_colours) {
  const Target grey = target({1, 8, 8}, 1), colour = target({3, 8, 8}, 1);
  const Weights theirs = foreign(colour);
  const auto summed = import_weights(grey.network, grey.inputs, grey.start, theirs);
  ASSERT_TRUE(summed.ok()) << summed.error().message();
  ASSERT_EQ(summed->report.adapted.size(), 1U);
  EXPECT_NE(summed->report.adapted[0].find("summed"), std::string::npos);
  const auto rgb = theirs.at("conv1.weight").f32();  // [4, 3, 3, 3]
  const auto sum = summed->weights.at("conv1.weight").f32();
  EXPECT_FLOAT_EQ(sum[9 + 5], rgb[27 + 5] + rgb[27 + 9 + 5] + rgb[27 + 18 + 5]);
  const auto divided = import_weights(colour.network, colour.inputs, colour.start, foreign(grey));
  ASSERT_TRUE(divided.ok());
  EXPECT_FLOAT_EQ(divided->weights.at("conv1.weight").f32()[9], foreign(grey).at("conv1.weight").f32()[0] / 3);
}

TEST(WeightImport, inflates_planes_to_volumes) {
  const Target flat = target({3, 8, 8}, 1), deep = target({1, 8, 8, 8}, 1);
  const Weights theirs = foreign(flat);
  const auto imported = import_weights(deep.network, deep.inputs, deep.start, theirs);
  ASSERT_TRUE(imported.ok()) << imported.error().message();
  EXPECT_TRUE(imported->report.misshapen.empty());
  const Array& volume = imported->weights.at("layer1.0.conv1.weight");
  ASSERT_EQ(volume.shape, (Shape{4, 4, 3, 3, 3}));
  // A volume of equal slices gives what a slice gave: the sum over the depth is the plane.
  for (const std::size_t i : {std::size_t{0}, std::size_t{4}, std::size_t{8}})
    EXPECT_NEAR(volume.f32()[i] + volume.f32()[9 + i] + volume.f32()[18 + i],
                theirs.at("layer1.0.conv1.weight").f32()[i], 1e-6);
  EXPECT_EQ(imported->weights.at("fc.weight").data, theirs.at("fc.weight").data);
}

TEST(WeightImport, knows_the_other_spellings_of_densenet) {
  Target t = target({3, 8, 8}, 2);
  for (Layer& layer : t.network.layers) {
    if (layer.name == "conv1") layer.name = "features.denseblock1.denselayer1.conv1";
    if (layer.name == "bn1") layer.inputs = {"features.denseblock1.denselayer1.conv1"};
    if (layer.name == "fc") layer.name = "classifier";
    if (layer.name == "probability") layer.inputs = {"classifier"};
  }
  t.network.logits = "classifier";
  t.shapes = *infer_shapes(t.network, t.inputs);
  t.start = initial_weights(t.network, t.shapes, 1);
  for (const char* spelling :
       {"features.denseblock1.denselayer1.layers.conv1.weight", "features.denseblock1.denselayer1.conv.1.weight"}) {
    Weights theirs = initial_weights(t.network, t.shapes, 99);
    const auto rename = [&](const std::string& from, const std::string& to) {
      theirs.emplace(to, theirs.at(from));
      theirs.erase(from);
    };
    rename("features.denseblock1.denselayer1.conv1.weight", spelling);
    rename("classifier.weight", "class_layers.out.weight");
    const auto imported = import_weights(t.network, t.inputs, t.start, theirs);
    ASSERT_TRUE(imported.ok()) << imported.error().message();
    EXPECT_EQ(imported->report.taken.size(), t.shapes.parameters.size()) << spelling;
  }
}

TEST(WeightImport, refuses_what_has_nothing_in_common_or_is_not_finite) {
  const Target t = target({3, 8, 8}, 1);
  EXPECT_EQ(
      import_weights(t.network, t.inputs, t.start, {{"other.weight", Array::zeros(DType::f32, {1})}}).error().code(),
      Code::invalid);
  Weights theirs = foreign(t);
  theirs["bn1.bias"].f32()[3] = std::numeric_limits<float>::infinity();
  const auto refused = import_weights(t.network, t.inputs, t.start, theirs);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("bn1.bias"), std::string::npos);
}

TEST(RateFactors, freeze_wins_over_groups_and_a_pattern_without_a_weight_is_an_error) {
  const Target t = target({3, 8, 8}, 1);
  const auto factors = rate_factors(t.shapes, {"conv1.*", "bn1.*"}, {{"*", 0.5}, {"fc.*", 2}});
  ASSERT_TRUE(factors.ok()) << factors.error().message();
  EXPECT_EQ(factors->at("conv1.weight"), 0);
  EXPECT_EQ(factors->at("bn1.running_mean"), 0);
  EXPECT_EQ(factors->at("layer2.0.conv1.weight"), 0.5);
  EXPECT_EQ(factors->at("fc.bias"), 2);
  EXPECT_NE(rate_factors(t.shapes, {"layer9.*"}, {}).error().message().find("layer9.*"), std::string::npos);
  EXPECT_EQ(rate_factors(t.shapes, {"*"}, {}).error().code(), Code::invalid);
  EXPECT_TRUE(rate_factors(t.shapes, {}, {})->empty());
}

TEST(Glob, matches_runs_and_single_characters) {
  EXPECT_TRUE(matches_glob("layer?.*.weight", "layer1.0.conv1.weight"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_FALSE(matches_glob("layer?.*.weight", "layer1.0.conv1.bias"));
  EXPECT_FALSE(matches_glob("", "a"));
  EXPECT_TRUE(matches_glob("a*b*c", "axxbyybzc"));
}

}  // namespace
}  // namespace aceso::learn
