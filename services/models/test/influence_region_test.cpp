// Where a map of influence is highest, in pixels of the picture.
#include "influence_region.hpp"

#include <gtest/gtest.h>

namespace aceso::models {
namespace {

learn::Array map_of(std::int64_t rows, std::int64_t columns, std::initializer_list<float> values) {
  return learn::Array::from({rows, columns}, std::vector<float>{values});
}

TEST(InfluenceRegion, holds_what_hangs_together_with_the_highest_place) {
  // The 4 at the right reaches half of the range and does not touch the peak.
  const auto map = map_of(3, 5,
                          {0, 0, 0, 0, 4,  //
                           0, 6, 3, 0, 0,  //
                           0, 2, 3, 0, 0});
  EXPECT_EQ(influence_region(map, 5, 3), (std::array<double, 4>{1, 1, 3, 3}));
  EXPECT_EQ(influence_region(map, 50, 6), (std::array<double, 4>{10, 2, 30, 6})) << "scaled to the picture";
}

TEST(InfluenceRegion, that_is_nearly_everything_is_no_place) {
  EXPECT_EQ(influence_region(map_of(2, 3, {6, 6, 5, 0, 6, 0}), 3, 2), std::nullopt);
  EXPECT_TRUE(influence_region(map_of(2, 3, {6, 6, 0, 0, 0, 0}), 3, 2).has_value());
}

TEST(InfluenceRegion, of_a_flat_map_or_a_volume_there_is_none) {
  EXPECT_EQ(influence_region(map_of(2, 2, {1, 1, 1, 1}), 2, 2), std::nullopt);
  EXPECT_EQ(influence_region(learn::Array::from({1, 2, 1}, {0, 1}), 2, 1), std::nullopt);
}

}  // namespace
}  // namespace aceso::models
