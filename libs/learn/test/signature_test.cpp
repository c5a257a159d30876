// One description for an image, a signal and a table.
#include "aceso/learn/signature.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "aceso/learn/network.hpp"

namespace aceso::learn {
namespace {

ModelSignature signature_for(const std::string& port, Shape sample, PortKind kind) {
  ModelSignature signature;
  signature.inputs = {{port, DType::f32, std::move(sample), kind, "", {}, kind == PortKind::signal ? "mV" : ""}};
  signature.outputs = {{"output", DType::f32, {1}, PortKind::probability, "probability of disease", {"disease"}, ""}};
  signature.preprocessing.kind = kind;
  return signature;
}

struct Case {
  const char* architecture;
  const char* port;
  Shape sample;
  PortKind kind;
};
const std::vector<Case> kCases{{"article_cnn", "image", {3, 32, 32}, PortKind::image},
                               {"signal_cnn", "signal", {2, 200}, PortKind::signal},
                               {"mlp", "features", {30}, PortKind::table}};

TEST(Signature, describes_an_image_a_signal_and_a_table) {
  ArchitectureRegistry all;
  register_builtin_architectures(all);
  for (const Case& c : kCases) {
    const auto signature = signature_for(c.port, c.sample, c.kind);
    const auto again = parse_signature(to_json(signature));
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(to_json(*again), to_json(signature));

    Shape batch{4};
    batch.insert(batch.end(), c.sample.begin(), c.sample.end());
    EXPECT_TRUE(check_inputs(*again, {{c.port, Array::zeros(DType::f32, batch)}}).ok());
    const auto network = all.make(c.architecture, {c.sample, 1});
    ASSERT_TRUE(network.ok());
    const auto shapes = infer_shapes(*network, {{c.port, batch}});
    ASSERT_TRUE(shapes.ok()) << shapes.error().message();
    EXPECT_EQ(shapes->outputs.at(network->output), (Shape{4, 1}));
  }
}

TEST(Signature, names_the_port_and_the_sample_that_is_wrong) {
  const auto signature = signature_for("image", {1, 4, 4}, PortKind::image);
  const auto why = [&](NamedArrays batch) { return check_inputs(signature, batch).error().message(); };
  EXPECT_EQ(why({}), "input \"image\": missing");
  EXPECT_EQ(why({{"image", Array::zeros(DType::f32, {2, 1, 5, 4})}}),
            "input \"image\": must have shape [N] + [1, 4, 4], has [2, 1, 5, 4]");
  EXPECT_EQ(why({{"image", Array::zeros(DType::u8, {2, 1, 4, 4})}}), "input \"image\": must be float32, is uint8");
  Array nan = Array::zeros(DType::f32, {3, 1, 4, 4});
  nan.f32()[40] = std::nanf("");
  EXPECT_EQ(why({{"image", nan}}), "input \"image\": sample 2 holds a value that is not finite");
  EXPECT_EQ(why({{"image", Array::zeros(DType::f32, {2, 1, 4, 4})}, {"a", Array{}}}),
            "an input that the model does not have; it has 1");
  Array hollow = Array::zeros(DType::f32, {2, 1, 4, 4});
  hollow.data.resize(8);
  EXPECT_EQ(why({{"image", hollow}}), "input \"image\": its data do not fill its shape");
}

TEST(Signature, takes_any_size_where_it_says_minus_one) {
  const auto signature = signature_for("signal", {2, -1}, PortKind::signal);
  EXPECT_TRUE(check_inputs(signature, {{"signal", Array::zeros(DType::f32, {1, 2, 77})}}).ok());
  EXPECT_FALSE(check_inputs(signature, {{"signal", Array::zeros(DType::f32, {1, 3, 77})}}).ok());
}

TEST(Signature, refuses_json_that_no_model_could_have) {
  const Json good = to_json(signature_for("image", {1, 4, 4}, PortKind::image));
  Json json = good;
  json["preprocessing"]["std"] = {0.0};
  EXPECT_EQ(parse_signature(json).error().message(), "signature.preprocessing.std: must be positive");
  json = good;
  json["inputs"][0]["shape"] = {0};
  EXPECT_FALSE(parse_signature(json).ok());
  json = good;
  json["preprocessing"]["height"] = 1 << 20;
  EXPECT_FALSE(parse_signature(json).ok());
  json = good;
  json["outputs"] = Json::array();
  EXPECT_FALSE(parse_signature(json).ok());
}

}  // namespace
}  // namespace aceso::learn
