// Marks of the archive as labels: whose count, which classes they make, and that boxes and masks lie where they were
// drawn.
#include "archive_marks.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "aceso/base/testing.hpp"

namespace aceso::models {
namespace {

using contracts::ImageMark;

// On an image of 6 rows and 8 columns.
ImageMark drawn_mark(const std::string& finding, std::vector<std::int64_t> runs, const std::string& author = "eva") {
  return {.finding = finding, .author = author, .runs = std::move(runs), .rows = 6, .columns = 8};
}
ImageMark boxed_mark(const std::string& finding, std::array<double, 4> box) {
  return {.finding = finding, .author = "eva", .box = box, .rows = 6, .columns = 8};
}
ImageMark said_mark(const std::string& finding) {
  return {.finding = finding, .author = "eva", .rows = 6, .columns = 8};
}

ArchiveMarks with_images(MarkUse use, const std::vector<std::pair<std::string, std::vector<ImageMark>>>& images) {
  ArchiveMarks marks{{.use = use}};
  for (const auto& [path, of] : images) {
    auto chosen = marks.choose(of);
    if (!chosen.empty()) marks.add(path, std::move(chosen));
  }
  return marks;
}

TEST(ArchiveMarks, outlines_become_masks_pixel_by_pixel) {
  const auto marks = with_images(
      MarkUse::outlines,
      {{"a", {drawn_mark("nodule", {9, 2, 17, 3}), drawn_mark("mass", {18, 1, 40, 8})}}, {"b", {said_mark("normal")}}});
  const auto made = marks.finish({});
  ASSERT_OK(made);
  EXPECT_EQ(made->classes, (std::vector<std::string>{"none", "mass", "nodule"}));
  EXPECT_EQ(made->labels.at("a"), "mass") << "nine pixels are more than five";
  EXPECT_EQ(made->labels.at("b"), "none");
  const learn::Array mask = mask_of(made->drawn.at("a"));
  EXPECT_EQ(mask.shape, (learn::Shape{6, 8}));
  const auto at = [&](std::size_t row, std::size_t column) { return static_cast<int>(mask.data.at(row * 8 + column)); };
  EXPECT_EQ(at(1, 1), 2);
  EXPECT_EQ(at(1, 2), 2);
  EXPECT_EQ(at(1, 3), 0);
  EXPECT_EQ(at(2, 1), 2);
  EXPECT_EQ(at(2, 2), 1) << "the later one lies above";
  EXPECT_EQ(at(2, 3), 2);
  EXPECT_EQ(at(5, 0), 1);
  EXPECT_EQ(at(5, 7), 1);
  EXPECT_EQ(std::ranges::count(mask.data, std::byte{0}), 48 - 4 - 9);
  const learn::Array empty = mask_of(made->drawn.at("b"));
  EXPECT_EQ(std::ranges::count(empty.data, std::byte{0}), 48) << "nothing is there, and that is said";
  const auto& boxes = made->drawn.at("a").boxes;
  ASSERT_EQ(boxes.size(), 2U);
  EXPECT_EQ(boxes[0].low, (std::vector<double>{1, 1}));
  EXPECT_EQ(boxes[0].high, (std::vector<double>{3, 4}));
  EXPECT_EQ(boxes[0].label, 2);
}

TEST(ArchiveMarks, boxes_are_rows_first_and_outlines_give_theirs) {
  const auto marks = with_images(
      MarkUse::boxes, {{"a", {boxed_mark("nodule", {1.5, 2, 4, 5})}}, {"b", {drawn_mark("nodule", {14, 4})}}});
  const auto made = marks.finish({});
  ASSERT_OK(made);
  const auto& box = made->drawn.at("a").boxes.at(0);
  EXPECT_EQ(box.low, (std::vector<double>{2, 1.5}));
  EXPECT_EQ(box.high, (std::vector<double>{5, 4}));
  EXPECT_EQ(box.label, 1);
  EXPECT_FALSE(made->drawn.at("a").has_mask);
  const auto& over = made->drawn.at("b").boxes.at(0);  // from the end of row 1 into row 2
  EXPECT_EQ(over.low, (std::vector<double>{1, 0}));
  EXPECT_EQ(over.high, (std::vector<double>{3, 8}));
}

TEST(ArchiveMarks, of_one_person_and_before_the_model_when_asked) {
  ImageMark late = drawn_mark("nodule", {1, 2});
  late.after_ai = true;
  const std::vector<ImageMark> two{drawn_mark("nodule", {1, 2}), drawn_mark("mass", {1, 2}, "max")};
  ArchiveMarks any{{.use = MarkUse::outlines}};
  EXPECT_TRUE(any.choose(two).empty()) << "two people disagree, and nobody decided";
  EXPECT_EQ(any.counts().several_readers, 1U);
  EXPECT_EQ(any.choose({late}).size(), 1U);
  EXPECT_EQ(any.counts().after_ai, 1U);
  ArchiveMarks one{{.use = MarkUse::outlines, .reader = "max", .before_ai = true}};
  ASSERT_EQ(one.choose(two).size(), 1U);
  EXPECT_EQ(one.choose(two).front().finding, "mass");
  EXPECT_TRUE(one.choose({late}).empty()) << "max drew none";
  ArchiveMarks early{{.use = MarkUse::outlines, .before_ai = true}};
  EXPECT_TRUE(early.choose({late}).empty());
  EXPECT_EQ(early.counts().after_ai_out, 1U);
  ImageMark second = drawn_mark("nodule", {1, 2});
  second.frame = 2;
  EXPECT_TRUE(any.choose({second}).empty());
  EXPECT_EQ(any.counts().several_frames, 1U);
  any.add("a", {late});
  EXPECT_EQ(
      any.label_source(),
      "marks of eva on 1 images of the node's archive; 1 of them marked when a model's answer stood in the study");
}

TEST(ArchiveMarks, what_cannot_be_a_label_is_left_out_or_refused) {
  const auto mixed = with_images(MarkUse::outlines, {{"a", {drawn_mark("nodule", {1, 2})}},
                                                     {"b", {boxed_mark("nodule", {0, 0, 2, 2})}},
                                                     {"c", {said_mark("nodule")}}});
  const auto made = mixed.finish({});
  ASSERT_OK(made);
  EXPECT_EQ(made->labels.size(), 1U) << "a box has no outline, and where the third one's is nobody drew";
  EXPECT_EQ(mixed.counts().undrawn, 2U);
  EXPECT_EQ(mixed.finish({"mass"}).error().code(), Code::invalid);
  EXPECT_EQ(mixed.finish({"mass", "nodule"})->classes, (std::vector<std::string>{"none", "mass", "nodule"}));
  EXPECT_FALSE(with_images(MarkUse::boxes, {{"a", {said_mark("normal")}}}).finish({}).ok());
  const auto labels =
      with_images(MarkUse::labels, {{"a", {said_mark("normal")}}, {"b", {boxed_mark("nodule", {0, 0, 2, 2})}}});
  EXPECT_EQ(labels.finish({})->classes, (std::vector<std::string>{"nodule", "normal"}));
  EXPECT_EQ(labels.finish({})->labels.at("b"), "nodule");
  EXPECT_FALSE(with_images(MarkUse::labels, {{"a", {said_mark("x"), said_mark("y")}}}).finish({}).ok());
  EXPECT_FALSE(parse_mark_use("polygons").ok());
}

}  // namespace
}  // namespace aceso::models
