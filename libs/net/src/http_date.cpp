#include "http_date.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "head.hpp"

namespace aceso::net {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string format_http_date(std::int64_t unix_seconds) {
  using namespace std::chrono;
  const sys_seconds time{seconds{unix_seconds}};
  const sys_days day = floor<days>(time);
  const year_month_day ymd{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday{day}.c_encoding()],
                     static_cast<unsigned>(ymd.day()), kMonths[static_cast<unsigned>(ymd.month()) - 1],
                     static_cast<int>(ymd.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  using namespace std::chrono;
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" || text[7] != ' ' ||
      text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':')
    return std::nullopt;
  const auto day_of_month = parse_digits(text.substr(5, 2));
  const auto year_number = parse_digits(text.substr(12, 4));
  const auto hour = parse_digits(text.substr(17, 2));
  const auto minute = parse_digits(text.substr(20, 2));
  const auto second = parse_digits(text.substr(23, 2));
  if (!day_of_month || !year_number || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  for (unsigned m = 0; m < kMonths.size(); ++m) {
    if (kMonths[m] != text.substr(8, 3)) continue;
    const year_month_day ymd{year{static_cast<int>(*year_number)}, month{m + 1},
                             day{static_cast<unsigned>(*day_of_month)}};
    if (!ymd.ok()) return std::nullopt;
    return sys_seconds{sys_days{ymd}}.time_since_epoch().count() +
           static_cast<std::int64_t>(*hour * 3600 + *minute * 60 + *second);
  }
  return std::nullopt;
}

}  // namespace aceso::net
