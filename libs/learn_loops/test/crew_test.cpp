#include "crew.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace aceso::learn_loops {
namespace {

TEST(Crew, does_every_piece_once_and_none_of_a_thread_at_the_same_time) {
  for (const int threads : {1, 2, 5}) {
    Crew crew{threads};
    ASSERT_EQ(crew.threads(), threads);
    std::vector<std::atomic<int>> inside(static_cast<std::size_t>(threads));
    for (const std::int64_t count : {0, 1, 2, 3, 7, 100}) {
      for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
        std::atomic<bool> alone{true};
        crew.run(count, [&](std::int64_t piece, int thread) {
          auto& mine = inside.at(static_cast<std::size_t>(thread));
          if (mine.fetch_add(1) != 0) alone = false;
          ++done.at(static_cast<std::size_t>(piece));
          mine.fetch_sub(1);
        });
        EXPECT_TRUE(alone);
        EXPECT_TRUE(std::all_of(done.begin(), done.end(), [](const auto& times) { return times == 1; }));
      }
    }
  }
}

TEST(Crew, serves_callers_that_come_together) {
  Crew crew{3};
  std::vector<std::thread> callers;
  std::vector<std::int64_t> sums(4);
  for (std::size_t c = 0; c < sums.size(); ++c) {
    callers.emplace_back([&crew, &sum = sums[c]] {
      for (int round = 0; round < 200; ++round) {
        std::atomic<std::int64_t> total{0};
        crew.run(20, [&](std::int64_t piece, int) { total += piece; });
        sum += total;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sums, std::vector<std::int64_t>(4, 200 * 190));
}

}  // namespace
}  // namespace aceso::learn_loops
