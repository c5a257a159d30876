#include "aceso/base/clock.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace aceso {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

// Digits text[at, at + count) as a number.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

bool has(std::string_view text, std::size_t at, char a, char b) {
  return at < text.size() && (text[at] == a || text[at] == b);
}

// ".123" at `at`: moves `at` behind it. Digits after the sixth are cut.
std::optional<microseconds> fraction(std::string_view text, std::size_t& at) {
  if (!has(text, at, '.', '.')) return microseconds{0};
  std::int64_t value = 0;
  std::size_t count = 0;
  for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++count) {
    if (count < 6) value = value * 10 + (text[at] - '0');
  }
  if (count == 0 || count > 9) return std::nullopt;
  for (; count < 6; ++count) value *= 10;
  return microseconds{value};
}

// "Z" or "+hh:mm" that ends the text.
std::optional<std::chrono::minutes> offset(std::string_view text, std::size_t at) {
  if (has(text, at, 'Z', 'z') && at + 1 == text.size()) return std::chrono::minutes{0};
  if (!has(text, at, '+', '-') || at + 6 != text.size() || text[at + 3] != ':') return std::nullopt;
  const auto hours = digits(text, at + 1, 2);
  const auto minutes = digits(text, at + 4, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::minutes value{*hours * 60 + *minutes};
  return text[at] == '-' ? -value : value;
}

std::optional<UtcTime> parse(std::string_view text) {
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || !has(text, 10, 'T', 't') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  std::size_t at = 19;
  const auto part = fraction(text, at);
  const auto shift = offset(text, at);
  if (!part || !shift) return std::nullopt;
  return UtcTime{std::chrono::sys_days{date}} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
         std::chrono::seconds{*second} + *part - *shift;
}

}  // namespace

UtcTime SystemClock::utc_now() const {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const {
  return std::chrono::steady_clock::now();
}

bool SystemClock::sleep_until(SteadyTime deadline, std::stop_token stop) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock{mutex};
  wake.wait_until(lock, stop, deadline, [&] { return steady_now() >= deadline; });
  return steady_now() >= deadline;
}

ManualClock::ManualClock(UtcTime start) : utc_{start}, steady_{std::chrono::hours{1}} {}

UtcTime ManualClock::utc_now() const {
  const std::lock_guard lock{mutex_};
  return utc_;
}

SteadyTime ManualClock::steady_now() const {
  const std::lock_guard lock{mutex_};
  return steady_;
}

bool ManualClock::sleep_until(SteadyTime deadline, std::stop_token stop) const {
  std::unique_lock lock{mutex_};
  ++sleepers_;
  changed_.notify_all();
  changed_.wait(lock, stop, [&] { return steady_ >= deadline; });
  --sleepers_;
  return steady_ >= deadline;
}

void ManualClock::advance(std::chrono::nanoseconds by) {
  const std::lock_guard lock{mutex_};
  steady_ += duration_cast<SteadyTime::duration>(by);
  utc_ += duration_cast<microseconds>(by);
  changed_.notify_all();
}

void ManualClock::step_utc(microseconds by) {
  const std::lock_guard lock{mutex_};
  utc_ += by;
}

void ManualClock::wait_for_sleepers(int count) const {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return sleepers_ >= count; });
}

std::string format_utc(UtcTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<UtcTime> parse_utc(std::string_view text) {
  if (const auto time = parse(text)) return *time;
  return Error{Code::invalid, "not an RFC 3339 time such as 2026-03-01T09:30:00Z"};
}

}  // namespace aceso
