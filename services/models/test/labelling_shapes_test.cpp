// Boxes and outlines that readers draw: read, compared, and brought into a data set.
#include "labelling_shapes.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace aceso::models::test {
namespace {

const DrawnLimits kBoxLimits{.classes = {"nodule", "rib"}, .width = 40, .height = 30, .outlines = false};
const DrawnLimits kOutlineLimits{.classes = {"nodule", "rib"}, .width = 40, .height = 30, .outlines = true};

std::vector<DrawnObject> boxes_of(const char* text) {
  auto read = parse_objects(Json::parse(text), kBoxLimits);
  EXPECT_TRUE(read) << read.error().message();
  return read ? *std::move(read) : std::vector<DrawnObject>{};
}
std::vector<DrawnObject> outlines_of(const char* text) {
  auto read = parse_objects(Json::parse(text), kOutlineLimits);
  EXPECT_TRUE(read) << read.error().message();
  return read ? *std::move(read) : std::vector<DrawnObject>{};
}

TEST(DrawnObjects, what_does_not_fit_the_image_or_the_task_is_refused) {
  for (const char* text :
       {R"({})", R"([1])", R"([{"box":[0,0,2,2]}])", R"([{"class":"nodule"}])", R"([{"class":"dog","box":[0,0,2,2]}])",
        R"([{"class":"nodule","box":[0,0,2]}])", R"([{"class":"nodule","box":[0,0,41,2]}])",
        R"([{"class":"nodule","box":[-0.5,0,2,2]}])", R"([{"class":"nodule","box":[5,5,5.5,9]}])",
        R"([{"class":"nodule","box":[5,5,4,9]}])", R"([{"class":"nodule","box":[0,0,"2",2]}])",
        R"([{"class":"nodule","box":[0,0,2,2],"runs":[0,1]}])"})
    EXPECT_EQ(parse_objects(Json::parse(text), kBoxLimits).error().code(), Code::invalid) << text;
  for (const char* text : {R"([{"class":"nodule","box":[0,0,2,2]}])", R"([{"class":"nodule","runs":[]}])",
                           R"([{"class":"nodule","runs":[0]}])", R"([{"class":"nodule","runs":[0,0]}])",
                           R"([{"class":"nodule","runs":[0,1201]}])", R"([{"class":"nodule","runs":[1200,1]}])",
                           R"([{"class":"nodule","runs":[-1,2]}])", R"([{"class":"nodule","runs":[4,2,6,1]}])",
                           R"([{"class":"nodule","runs":[9,2,4,1]}])", R"([{"class":"nodule","runs":[0.5,1]}])",
                           R"([{"class":"nodule","runs":[18446744073709551615,9223372036854775807]}])"})
    EXPECT_EQ(parse_objects(Json::parse(text), kOutlineLimits).error().code(), Code::invalid) << text;
  Json many = Json::array();
  for (int i = 0; i < 201; ++i) many.push_back(Json{{"class", "rib"}, {"box", {0, 0, 1, 1}}});
  EXPECT_EQ(parse_objects(many, kBoxLimits).error().code(), Code::invalid);
  EXPECT_TRUE(parse_objects(Json::array(), kBoxLimits)->empty());
}

TEST(DrawnObjects, come_back_as_they_were_sent) {
  const Json json = Json::parse(R"([{"class":"rib","runs":[3,4,80,2]},{"class":"nodule","runs":[0,1]}])");
  EXPECT_EQ(objects_json(*parse_objects(json, kOutlineLimits), kOutlineLimits.classes), json);
  const auto boxes = boxes_of(R"([{"class":"rib","box":[1,2.5,30,20]}])");
  EXPECT_EQ(objects_json(boxes, kBoxLimits.classes)[0]["box"], Json::parse("[1.0,2.5,30.0,20.0]"));
}

// By hand: 10 x 10 moved by 2 shares 80 of 120 pixels; by 5, 50 of 150.
TEST(DrawnObjects, boxes_are_matched_at_half_overlap_and_by_class) {
  EXPECT_NEAR(box_iou({0, 0, 10, 10}, {2, 0, 12, 10}), 80.0 / 120, 1e-12);
  EXPECT_EQ(box_iou({0, 0, 10, 10}, {10, 0, 20, 10}), 0);
  const auto a = boxes_of(
      R"([{"class":"nodule","box":[0,0,10,10]},{"class":"nodule","box":[20,0,30,10]},{"class":"rib","box":[0,20,10,30]}])");
  const auto b = boxes_of(
      R"([{"class":"nodule","box":[25,0,35,10]},{"class":"nodule","box":[2,0,12,10]},{"class":"nodule","box":[0,20,10,30]}])");
  const BoxMatch match = match_boxes(a, b);
  ASSERT_EQ(match.ious.size(), 1U);
  EXPECT_NEAR(match.ious[0], 80.0 / 120, 1e-12);
  EXPECT_EQ(match.only_a, 2U);
  EXPECT_EQ(match.only_b, 2U);
  EXPECT_FALSE(agree_on(a, b, false, 2));
  EXPECT_TRUE(agree_on(a, a, false, 2));
  EXPECT_TRUE(agree_on({}, {}, false, 2));
  EXPECT_FALSE(agree_on(a, {}, false, 2));
}

TEST(DrawnObjects, one_box_has_one_partner_the_nearest) {
  const auto a = boxes_of(R"([{"class":"nodule","box":[0,0,10,10]},{"class":"nodule","box":[1,0,11,10]}])");
  const auto b = boxes_of(R"([{"class":"nodule","box":[1,0,11,10]}])");
  const BoxMatch match = match_boxes(a, b);
  ASSERT_EQ(match.ious.size(), 1U);
  EXPECT_EQ(match.ious[0], 1);
  EXPECT_EQ(match.only_a, 1U);
}

// By hand: 8 and 8 pixels of which 7 are common; a class that nobody drew has no figure.
TEST(DrawnObjects, outlines_are_compared_by_dice_each_pixel_once) {
  const auto a = outlines_of(R"([{"class":"nodule","runs":[0,4]},{"class":"nodule","runs":[2,2,40,4]}])");
  const auto b = outlines_of(R"([{"class":"nodule","runs":[1,4,40,4]}])");
  const auto dice = dice_by_class(a, b, 2);
  EXPECT_NEAR(*dice[0], 2.0 * 7 / 16, 1e-12);
  EXPECT_FALSE(dice[1]);
  EXPECT_TRUE(agree_on(a, b, true, 2));
  EXPECT_FALSE(agree_on(a, outlines_of(R"([{"class":"rib","runs":[0,4,40,4]}])"), true, 2));
  EXPECT_TRUE(agree_on({}, {}, true, 2));
}

TEST(DrawnObjects, become_masks_and_boxes_of_a_dataset) {
  const auto drawn = outlines_of(R"([{"class":"nodule","runs":[0,4]},{"class":"rib","runs":[3,2]}])");
  const learn::Array mask = mask_of(drawn, 40, 30);
  EXPECT_EQ(mask.shape, (learn::Shape{30, 40}));
  const auto values = mask.as<std::uint8_t>();
  EXPECT_EQ((std::vector<int>{values[0], values[2], values[3], values[4], values[5]}),
            (std::vector<int>{1, 1, 2, 2, 0}));
  EXPECT_EQ(area_of(drawn[0]), 4);
  const learn::Box box = box_of(boxes_of(R"([{"class":"rib","box":[1,2,30,20]}])")[0]);
  EXPECT_EQ(box.label, 2);
  EXPECT_EQ(box.low, (std::vector<double>{2, 1}));  // rows first
  EXPECT_EQ(box.high, (std::vector<double>{20, 30}));
}

}  // namespace
}  // namespace aceso::models::test
