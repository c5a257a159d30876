// What a routing rule says and which series it means.
#include "routing_rules.hpp"

#include <gtest/gtest.h>

#include "aceso/base/testing.hpp"

namespace aceso::archive {
namespace {

RoutingRule rule(std::string_view match) {
  auto rules = parse_routing_rules(R"([{"model": "m", "match": )" + std::string{match} + "}]");
  EXPECT_OK(rules);
  return rules ? rules->front() : RoutingRule{};
}
SeriesFacts thorax() {
  return {.modality = "DX",
          .body_part = "CHEST",
          .series_description = "Thorax ap",
          .study_description = "Emergency",
          .calling_ae = "ROOM1"};
}

TEST(RoutingRules, hold_model_outputs_and_window) {
  const auto rules = parse_routing_rules(
      R"([{"name": "lung", "match": {"modality": "CT"}, "model": "nodule@2", "output": ["sr"], "window": [-600, 1500]},
          {"model": "m", "match": {"modality": ["DX", "CR"], "body_part": "CHEST"}}])");
  ASSERT_OK(rules);
  EXPECT_EQ(rules->at(0).name, "lung");
  EXPECT_EQ(rules->at(0).model.name, "nodule");
  EXPECT_EQ(rules->at(0).model.version, 2);
  EXPECT_TRUE(rules->at(0).report);
  EXPECT_FALSE(rules->at(0).picture);
  EXPECT_EQ(rules->at(0).window->center, -600);
  EXPECT_EQ(rules->at(1).name, "m modality=dx,cr body_part=chest");
  EXPECT_TRUE(rules->at(1).picture);
}

TEST(RoutingRules, match_by_every_key_that_is_given_without_case) {
  EXPECT_TRUE(matches(rule("{}"), thorax()));
  EXPECT_TRUE(matches(rule(R"({"modality": ["CR", "dx"], "body_part": "chest"})"), thorax()));
  EXPECT_FALSE(matches(rule(R"({"modality": "DX", "body_part": "HAND"})"), thorax()));
  EXPECT_TRUE(matches(rule(R"({"description": "*thorax*"})"), thorax()));
  EXPECT_TRUE(matches(rule(R"({"description": "emergency"})"), thorax())) << "the study's";
  EXPECT_FALSE(matches(rule(R"({"description": "thorax"})"), thorax())) << "whole, unless it says *";
  EXPECT_TRUE(matches(rule(R"({"calling_ae": "ROOM?"})"), thorax()));
  SeriesFacts unknown = thorax();
  unknown.body_part.clear();
  EXPECT_FALSE(matches(rule(R"({"body_part": "CHEST"})"), unknown)) << "what is not said is not assumed";
}

TEST(RoutingRules, wrong_ones_are_refused_with_the_reason) {
  const auto refused = [](std::string_view json) {
    const auto rules = parse_routing_rules(json);
    return rules.ok() ? std::string{"accepted"} : rules.error().message();
  };
  EXPECT_EQ(refused(R"({"model": "m"})"), "is not a list of rules");
  EXPECT_EQ(refused(R"([7])"), "rule 1: is not a map");
  EXPECT_EQ(refused(R"([{"match": {"modality": "DX"}}])"),
            "rule 1: model is the name of a registered model, or name@version");
  EXPECT_EQ(refused(R"([{"model": "m@0"}])"), "rule 1: model is the name of a registered model, or name@version");
  EXPECT_EQ(refused(R"([{"model": "m", "match": {"bodypart": "X"}}])"),
            "rule 1: unknown key bodypart, did you mean body_part?");
  EXPECT_EQ(refused(R"([{"model": "m", "match": {"modality": []}}])"),
            "rule 1: match.modality is a text or a list of texts");
  EXPECT_EQ(refused(R"([{"model": "m", "output": ["pdf"]}])"), "rule 1: output is a list of sr, sc, seg, map and key");
  EXPECT_EQ(refused(R"([{"model": "m", "window": [40, 0]}])"),
            "rule 1: window is [center, width] with a width of at least 1");
  EXPECT_EQ(refused(R"([{"model": "m"}, {"model": "m"}])"),
            "rule 2: another rule has this name: give them names of their own (name: ...)");
}

}  // namespace
}  // namespace aceso::archive
