// Marks on images by hand; numbers of other programs are in libs/learn/test/boxes_test.cpp (pycocotools, scikit-learn).
#include "aceso/stats/froc.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "aceso/stats/bootstrap.hpp"

namespace aceso::stats {
namespace {

// Two images with three findings; by score: hit, wrong, hit, wrong.
MarkedImages two_images() {
  return *MarkedImages::create({{0.6, true, 1}, {0.9, true, 0}, {0.8, false, 0}, {0.3, false, 1}}, {1, 2});
}

TEST(Froc, operating_points_go_from_the_highest_score_on) {
  const auto points = two_images().froc();
  ASSERT_TRUE(points.has_value());
  ASSERT_EQ(points->size(), 4U);
  EXPECT_DOUBLE_EQ((*points)[0].threshold, 0.9);
  EXPECT_DOUBLE_EQ((*points)[0].sensitivity, 1.0 / 3);
  EXPECT_DOUBLE_EQ((*points)[0].false_positives, 0);
  EXPECT_DOUBLE_EQ((*points)[1].false_positives, 0.5);
  EXPECT_DOUBLE_EQ((*points)[2].sensitivity, 2.0 / 3);
  EXPECT_DOUBLE_EQ((*points)[3].false_positives, 1);
}

TEST(Froc, sensitivity_is_linear_between_points_and_level_behind_the_last) {
  const MarkedImages marked = two_images();
  const auto all = marked.all();
  EXPECT_DOUBLE_EQ(*marked.sensitivity_at(0, all), 1.0 / 3);
  EXPECT_DOUBLE_EQ(*marked.sensitivity_at(0.25, all),
                   1.0 / 3);                                    // the next point has one false positive and no hit more
  EXPECT_DOUBLE_EQ(*marked.sensitivity_at(0.5, all), 2.0 / 3);  // of two points there the higher
  EXPECT_DOUBLE_EQ(*marked.sensitivity_at(8, all), 2.0 / 3);
  EXPECT_NEAR(*marked.froc_score(all), (2 * 1.0 / 3 + 5 * 2.0 / 3) / 7, 1e-12);
  // A hit and a false positive of one score are one step: half of both in between.
  const MarkedImages tied = *MarkedImages::create({{0.5, true, 0}, {0.5, false, 0}}, {1});
  EXPECT_DOUBLE_EQ(*tied.sensitivity_at(0.5, tied.all()), 0.5);
  EXPECT_EQ(tied.froc()->size(), 1U);
}

TEST(Froc, average_precision_is_the_area_under_the_envelope_at_101_recalls) {
  const MarkedImages marked = two_images();
  // Recall 1/3 at precision 1 and 2/3 at 2/3: 34 recalls from 0 to 0.33, then 33 up to 0.66, and none above.
  EXPECT_NEAR(*marked.average_precision(marked.all()), (34 * 1.0 + 33 * 2.0 / 3) / 101, 1e-12);
  const MarkedImages perfect = *MarkedImages::create({{0.9, true, 0}, {0.8, true, 1}}, {1, 1});
  EXPECT_DOUBLE_EQ(*perfect.average_precision(perfect.all()), 1);
  EXPECT_DOUBLE_EQ(*perfect.froc_score(perfect.all()), 1);
}

TEST(Froc, images_drawn_twice_count_twice) {
  const MarkedImages marked = two_images();
  const std::vector<std::size_t> drawn{0, 0};  // one finding and one false positive each
  EXPECT_DOUBLE_EQ(*marked.sensitivity_at(1, drawn), 1);
  EXPECT_DOUBLE_EQ(*marked.average_precision(drawn), 1);
  const std::vector<std::size_t> other{1};
  EXPECT_DOUBLE_EQ(*marked.sensitivity_at(8, other), 0.5);
  const auto interval = bootstrap(2, [&](std::span<const std::size_t> indices) { return marked.froc_score(indices); },
                                  {.replicates = 200});
  ASSERT_TRUE(interval.ok());
  EXPECT_LE(interval->interval.low, interval->value);
  EXPECT_GE(interval->interval.high, interval->value);
}

TEST(Froc, without_findings_there_is_no_figure) {
  const MarkedImages clear = *MarkedImages::create({{0.5, false, 0}}, {0, 0});
  EXPECT_FALSE(clear.froc());
  EXPECT_FALSE(clear.froc_score(clear.all()));
  EXPECT_FALSE(clear.average_precision(clear.all()));
  EXPECT_FALSE(two_images().sensitivity_at(1, {}));
  const MarkedImages blind = *MarkedImages::create({}, {3});
  EXPECT_DOUBLE_EQ(*blind.froc_score(blind.all()), 0);
  EXPECT_DOUBLE_EQ(*blind.average_precision(blind.all()), 0);
}

TEST(Froc, marks_that_cannot_be_are_refused) {
  EXPECT_FALSE(MarkedImages::create({}, {}).ok());
  EXPECT_FALSE(MarkedImages::create({{std::nan(""), true, 0}}, {1}).ok());
  EXPECT_FALSE(MarkedImages::create({{0.5, true, 1}}, {1}).ok());
  EXPECT_FALSE(MarkedImages::create({{0.5, true, 0}, {0.4, true, 0}}, {1}).ok());
}

}  // namespace
}  // namespace aceso::stats
