#include "aceso/base/clock.hpp"

#include <thread>

#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

using namespace std::chrono_literals;

UtcTime at_micros(std::int64_t micros) {
  return UtcTime{std::chrono::microseconds{micros}};
}

// Seconds of POSIX time from "date -u -d 2026-03-01T09:30:00Z +%s" (GNU coreutils 9.1).
TEST(UtcText, known_times) {
  EXPECT_EQ(format_utc(at_micros(1'772'357'400'000'001)), "2026-03-01T09:30:00.000001Z");
  EXPECT_EQ(format_utc(at_micros(0)), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_utc(at_micros(-1)), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(*parse_utc("2026-03-01T09:30:00Z"), at_micros(1'772'357'400'000'000));
  EXPECT_EQ(*parse_utc("0000-01-01T00:00:00Z"), at_micros(-62'167'219'200'000'000));
}

TEST(UtcText, reads_offsets_and_fractions_of_rfc_3339) {
  const UtcTime expected = at_micros(1'772'357'400'500'000);
  EXPECT_EQ(*parse_utc("2026-03-01T09:30:00.5Z"), expected);
  EXPECT_EQ(*parse_utc("2026-03-01t17:30:00.500+08:00"), expected);
  EXPECT_EQ(*parse_utc("2026-03-01T04:00:00.500000999-05:30"), expected);  // below a microsecond is cut
}

TEST(UtcText, what_is_formatted_parses_to_the_same) {
  for (const std::int64_t micros : {-62'167'219'200'000'000, -1L, 0L, 951'782'400'123'456, 253'402'300'799'999'999}) {
    EXPECT_EQ(*parse_utc(format_utc(at_micros(micros))), at_micros(micros));
  }
}

TEST(UtcText, refuses_what_is_no_time) {
  for (const char* text :
       {"", "2026-03-01", "2026-03-01 09:30:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-03-01T24:00:00Z", "2026-03-01T09:60:00Z", "2026-03-01T09:30:60Z", "2026-03-01T09:30:00",
        "2026-03-01T09:30:00.Z", "2026-03-01T09:30:00.1234567890Z", "2026-03-01T09:30:00Zx", "2026-03-01T09:30:00+0800",
        "2026-03-01T09:30:00+24:00", "+026-03-01T09:30:00Z"}) {
    EXPECT_CODE(parse_utc(text), Code::invalid) << text;
  }
}

TEST(ManualClock, moves_only_by_hand) {
  ManualClock clock;
  const auto utc = clock.utc_now();
  const auto steady = clock.steady_now();
  EXPECT_EQ(clock.utc_now(), utc);
  clock.advance(90s);
  EXPECT_EQ(clock.utc_now(), utc + 90s);
  EXPECT_EQ(clock.steady_now(), steady + 90s);
  clock.step_utc(-1h);
  EXPECT_EQ(clock.utc_now(), utc + 90s - 1h);
  EXPECT_EQ(clock.steady_now(), steady + 90s);
}

TEST(ManualClock, wakes_a_sleeper_at_its_deadline) {
  ManualClock clock;
  bool reached = false;
  std::jthread sleeper{
      [&](const std::stop_token& stop) { reached = clock.sleep_until(clock.steady_now() + 10s, stop); }};
  clock.wait_for_sleepers(1);
  clock.advance(9s);
  clock.wait_for_sleepers(1);  // it still sleeps
  clock.advance(1s);
  sleeper.join();
  EXPECT_TRUE(reached);
}

TEST(ManualClock, a_stop_request_ends_the_sleep) {
  ManualClock clock;
  bool reached = true;
  std::jthread sleeper{
      [&](const std::stop_token& stop) { reached = clock.sleep_until(clock.steady_now() + 10s, stop); }};
  clock.wait_for_sleepers(1);
  sleeper.request_stop();
  sleeper.join();
  EXPECT_FALSE(reached);
}

TEST(SystemClock, sleeps_until_the_deadline_or_the_stop) {
  const SystemClock clock;
  EXPECT_TRUE(clock.sleep_until(clock.steady_now() + 1ms, {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.sleep_until(clock.steady_now() + 24h, stop.get_token()));
}

TEST(SystemClock, stands_in_this_century) {
  EXPECT_GT(SystemClock{}.utc_now(), *parse_utc("2020-01-01T00:00:00Z"));
  EXPECT_LT(SystemClock{}.utc_now(), *parse_utc("2100-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace aceso
