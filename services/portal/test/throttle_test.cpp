#include "throttle.hpp"

#include <gtest/gtest.h>

namespace aceso::portal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds kNow{0};

TEST(Throttle, doubles_the_delay_after_the_free_attempts) {
  ManualClock clock;
  Throttle throttle{{}, clock};
  EXPECT_EQ(throttle.admit("a"), kNow);
  EXPECT_EQ(throttle.admit("a"), kNow);
  EXPECT_EQ(throttle.admit("a"), kNow);
  EXPECT_EQ(throttle.admit("a"), seconds{1});
  clock.advance(seconds{1});
  EXPECT_EQ(throttle.admit("a"), kNow);
  EXPECT_EQ(throttle.admit("a"), seconds{2});
  clock.advance(seconds{2});
  EXPECT_EQ(throttle.admit("a"), kNow);
  EXPECT_EQ(throttle.admit("a"), seconds{4});
}

TEST(Throttle, a_refused_attempt_does_not_prolong_the_wait) {
  ManualClock clock;
  Throttle throttle{{}, clock};
  for (int i = 0; i < 3; ++i) throttle.admit("a");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(throttle.admit("a"), seconds{1});
}

TEST(Throttle, never_waits_longer_than_its_bound) {
  ManualClock clock;
  Throttle throttle{{}, clock};
  milliseconds longest{0};
  for (int i = 0; i < 60; ++i) {
    const auto wait = throttle.admit("a");
    longest = std::max(longest, wait);
    clock.advance(wait);
  }
  EXPECT_EQ(longest, minutes{15});
}

TEST(Throttle, keys_do_not_wait_for_each_other_and_success_forgets) {
  ManualClock clock;
  Throttle throttle{{}, clock};
  for (int i = 0; i < 4; ++i) throttle.admit("a");
  EXPECT_EQ(throttle.admit("b"), kNow);
  throttle.succeeded("a");
  EXPECT_EQ(throttle.admit("a"), kNow);
}

TEST(Throttle, forgets_an_hour_after_the_last_attempt) {
  ManualClock clock;
  Throttle throttle{{}, clock};
  for (int i = 0; i < 3; ++i) throttle.admit("a");
  clock.advance(hours{1} + seconds{1});
  EXPECT_EQ(throttle.admit("a"), kNow);
  EXPECT_EQ(throttle.admit("a"), kNow);
}

TEST(Throttle, a_flood_of_names_keeps_to_the_table_and_to_those_tried_last) {
  ManualClock clock;
  Throttle throttle{{.keys = 100}, clock};
  for (int i = 0; i < 3; ++i) throttle.admit("victim");
  for (int i = 0; i < 1000; ++i) {
    clock.advance(milliseconds{1});
    throttle.admit("flood" + std::to_string(i));
  }
  EXPECT_EQ(throttle.size(), 100U);
}

TEST(RateLimit, lets_a_burst_through_then_so_many_a_second_and_counts_the_rest) {
  ManualClock clock;
  RateLimit limit{3, 1, clock};
  std::uint64_t refused = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.admit(refused));
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(limit.admit(refused));
  clock.advance(seconds{1});
  EXPECT_TRUE(limit.admit(refused));
  EXPECT_EQ(refused, 7U);
  EXPECT_FALSE(limit.admit(refused));
}

}  // namespace
}  // namespace aceso::portal
