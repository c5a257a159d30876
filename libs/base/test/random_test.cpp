#include "aceso/base/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "aceso/base/id.hpp"
#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Random123 1.14.0, tests/kat_vectors, the three lines "philox4x32 10".
TEST(Philox, agrees_with_the_known_answers_of_random123) {
  EXPECT_EQ(Philox{0}.block(0, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox{~0ULL}.block(~0ULL, ~0ULL), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox{0x299f31d0a4093822}.block(0x0370734413198a2e, 0x85a308d3243f6a88),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, uniform_draws_have_the_moments_of_the_uniform_distribution) {
  const Philox philox{7};
  constexpr int kDraws = 100'000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = philox.uniform01(1, static_cast<std::uint64_t>(i));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kDraws));
}

TEST(Philox, normal_draws_have_the_moments_and_tails_of_the_normal_distribution) {
  const Philox philox{7};
  constexpr int kDraws = 100'000;
  double sum = 0;
  double squares = 0;
  int beyond = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double z = philox.normal(2, static_cast<std::uint64_t>(i));
    sum += z;
    squares += z * z;
    beyond += std::abs(z) > 1.959964 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(beyond / double{kDraws}, 0.05, 5 * std::sqrt(0.05 * 0.95 / kDraws));
}

TEST(SeededRandom, the_seed_decides_everything) {
  SeededRandom a{1};
  SeededRandom b{1};
  SeededRandom c{2};
  const auto first = a.next_u64();
  EXPECT_EQ(first, b.next_u64());
  EXPECT_NE(first, c.next_u64());
  EXPECT_NE(first, a.next_u64());
}

TEST(SeededRandom, uniform_reaches_each_value_equally_often) {
  SeededRandom random{3};
  std::vector<int> counts(6);
  for (int i = 0; i < 60'000; ++i) ++counts.at(random.uniform(6));
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 5 * std::sqrt(10'000 * 5.0 / 6));
}

TEST(SeededRandom, fills_any_length) {
  SeededRandom random{3};
  std::vector<std::byte> bytes(37);
  random.fill(bytes);
  EXPECT_GT((std::set<std::byte>{bytes.begin(), bytes.end()}.size()), 20U);
}

TEST(Uuid, has_the_layout_of_version_7) {
  // RFC 9562, appendix A.6: 2022-02-22T19:22:22.000Z is 017f22e2-79b0-7...
  ManualClock clock{*parse_utc("2022-02-22T19:22:22Z")};
  SeededRandom random{1};
  const Uuid id = Uuid::v7(clock, random);
  const std::string text = id.to_string();
  EXPECT_EQ(text.substr(0, 15), "017f22e2-79b0-7");
  EXPECT_NE(std::string{"89ab"}.find(text[19]), std::string::npos);
  EXPECT_EQ(*Uuid::parse(text), id);
}

TEST(Uuid, sorts_by_the_microsecond_and_differs_within_it) {
  ManualClock clock;
  SeededRandom random{1};
  std::string last;
  for (int i = 0; i < 3000; ++i) {
    const std::string id = Uuid::v7(clock, random).to_string();
    EXPECT_LT(last, id);
    EXPECT_NE(Uuid::v7(clock, random).to_string(), id);
    last = id;
    clock.advance(std::chrono::microseconds{1});
    last.resize(18);  // what the time decides
    last += "-ffff-ffffffffffff";
  }
}

TEST(Uuid, parses_either_case_and_refuses_the_rest) {
  EXPECT_EQ(Uuid::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")->to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  EXPECT_TRUE(Uuid::parse("00000000-0000-0000-0000-000000000000")->is_nil());
  for (const char* text : {"", "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                           "017f22e2-79b0-7cc3-98c4-dc0c0c07398f ", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
                           "017f22e2079b0-7cc3-98c4-dc0c0c07398f"}) {
    EXPECT_CODE(Uuid::parse(text), Code::invalid) << text;
  }
}

}  // namespace
}  // namespace aceso
