#include "aceso/dicom/datetime.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace aceso::dicom {
namespace {

using std::chrono::microseconds;

bool all_digits(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int to_int(std::string_view digits) noexcept {  // at most 9 digits
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

Error bad(std::string_view what) {
  return Error{Code::invalid, "not a " + std::string{what}};
}

Result<Date> make_date(int year, int month, int day) {
  const Date date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                  std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return bad("date");
  return date;
}

// ".123456" of seconds.
std::optional<microseconds> fraction(std::string_view digits, microseconds& precision) {
  if (!all_digits(digits) || digits.size() > 6) return std::nullopt;
  std::int64_t value = to_int(digits);
  std::int64_t unit = 1;
  for (std::size_t i = digits.size(); i < 6; ++i) {
    value *= 10;
    unit *= 10;
  }
  precision = microseconds{unit};
  return microseconds{value};
}

std::optional<std::pair<std::string_view, std::string_view>> split_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  return std::pair{text.substr(0, dash), text.substr(dash + 1)};
}

}  // namespace

Result<Date> parse_date(std::string_view text) {
  text = trim(text);
  if (text.size() == 10 && text[4] == text[7] && (text[4] == '.' || text[4] == '-')) {
    const std::string_view year = text.substr(0, 4);
    const std::string_view month = text.substr(5, 2);
    const std::string_view day = text.substr(8);
    if (!all_digits(year) || !all_digits(month) || !all_digits(day)) return bad("date");
    return make_date(to_int(year), to_int(month), to_int(day));
  }
  if (text.size() != 8 || !all_digits(text)) return bad("date");
  return make_date(to_int(text.substr(0, 4)), to_int(text.substr(4, 2)), to_int(text.substr(6)));
}

Result<TimeOfDay> parse_time(std::string_view text) {
  std::string compact{trim(text)};
  if (compact.size() >= 5 && compact[2] == ':') {
    if (compact.size() > 5 && compact[5] != ':') return bad("time");
    std::erase(compact, ':');
  }
  const std::size_t dot = compact.find('.');
  const std::string_view whole = std::string_view{compact}.substr(0, dot);
  if (!all_digits(whole) || whole.size() > 6 || whole.size() % 2 != 0) return bad("time");
  const int hour = to_int(whole.substr(0, 2));
  const int minute = whole.size() >= 4 ? to_int(whole.substr(2, 2)) : 0;
  const int second = whole.size() >= 6 ? to_int(whole.substr(4, 2)) : 0;
  if (hour > 23 || minute > 59 || second > 60) return bad("time");
  TimeOfDay time;
  time.since_midnight = std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second};
  time.precision = whole.size() == 2   ? microseconds{std::chrono::hours{1}}
                   : whole.size() == 4 ? microseconds{std::chrono::minutes{1}}
                                       : microseconds{std::chrono::seconds{1}};
  if (dot != std::string::npos) {
    if (whole.size() != 6) return bad("time");
    const auto part = fraction(std::string_view{compact}.substr(dot + 1), time.precision);
    if (!part) return bad("time");
    time.since_midnight += *part;
  }
  return time;
}

std::string format_date(Date date) {
  std::array<char, 24> text{};
  const int n = std::snprintf(text.data(), text.size(), "%04d%02u%02u", static_cast<int>(date.year()),
                              static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return {text.data(), static_cast<std::size_t>(n)};
}

std::string format_time(microseconds since_midnight) {
  const std::int64_t value = since_midnight.count();
  std::array<char, 40> text{};
  const int n = std::snprintf(text.data(), text.size(), "%02d%02d%02d.%06d", static_cast<int>(value / 3'600'000'000),
                              static_cast<int>(value / 60'000'000 % 60), static_cast<int>(value / 1'000'000 % 60),
                              static_cast<int>(value % 1'000'000));
  return {text.data(), static_cast<std::size_t>(n)};
}

Result<DateTime> parse_datetime(std::string_view text) {
  text = trim(text);
  DateTime result{};
  if (const std::size_t sign = text.find_first_of("+-"); sign != std::string_view::npos) {
    const std::string_view zone = text.substr(sign + 1);
    if (zone.size() != 4 || !all_digits(zone)) return bad("date and time");
    const int minutes = to_int(zone.substr(0, 2)) * 60 + to_int(zone.substr(2));
    const int offset = text[sign] == '-' ? -minutes : minutes;
    if (zone.substr(2) > "59" || offset < -12 * 60 || offset > 14 * 60) return bad("date and time");
    result.utc_offset = std::chrono::minutes{offset};
    text = text.substr(0, sign);
  }
  const std::string_view day = text.substr(0, 8);
  if (!all_digits(day) || (day.size() != 4 && day.size() != 6 && day.size() != 8)) return bad("date and time");
  ACESO_TRY(result.date, make_date(to_int(day.substr(0, 4)), day.size() >= 6 ? to_int(day.substr(4, 2)) : 1,
                                   day.size() == 8 ? to_int(day.substr(6)) : 1));
  if (text.size() > 8) {
    if (text.find(':') != std::string_view::npos) return bad("date and time");
    ACESO_TRY(result.time, parse_time(text.substr(8)));
  } else {
    result.time.precision = std::chrono::hours{24};
  }
  return result;
}

Result<DateRange> parse_date_range(std::string_view text) {
  text = trim(text);
  DateRange range;
  const auto ends = text.size() == 10 && text[4] == '-' && text[7] == '-' ? std::nullopt : split_range(text);
  if (!ends) {
    ACESO_TRY(range.from, parse_date(text));
    range.to = range.from;
    return range;
  }
  if (ends->first.empty() && ends->second.empty()) return bad("range of dates");
  if (!ends->first.empty()) {
    ACESO_TRY(range.from, parse_date(ends->first));
  }
  if (!ends->second.empty()) {
    ACESO_TRY(range.to, parse_date(ends->second));
  }
  if (range.from && range.to && *range.to < *range.from) return bad("range of dates: it ends before it begins");
  return range;
}

Result<TimeRange> parse_time_range(std::string_view text) {
  text = trim(text);
  TimeRange range;
  const auto ends = split_range(text);
  const std::string_view first = ends ? ends->first : text;
  const std::string_view second = ends ? ends->second : text;
  if (first.empty() && second.empty()) return bad("range of times");
  if (!first.empty()) {
    ACESO_TRY(const TimeOfDay from, parse_time(first));
    range.from = from.since_midnight;
  }
  if (!second.empty()) {
    ACESO_TRY(const TimeOfDay to, parse_time(second));
    range.to = to.since_midnight + to.precision - microseconds{1};
  }
  if (range.from && range.to && *range.to < *range.from) return bad("range of times: it ends before it begins");
  return range;
}

Result<Age> parse_age(std::string_view text) {
  text = trim(text);
  if (text.size() != 4 || !all_digits(text.substr(0, 3)) ||
      std::string_view{"DWMY"}.find(text[3]) == std::string_view::npos)
    return bad("age");
  return Age{to_int(text.substr(0, 3)), text[3]};
}

PersonName parse_person_name(std::string_view utf8) {
  PersonName name;
  std::string* const groups[] = {&name.alphabetic, &name.ideographic, &name.phonetic};
  for (std::string* group : groups) {
    const std::size_t end = std::min(utf8.find('='), utf8.size());
    std::string_view part = utf8.substr(0, end);
    while (!part.empty() && (part.back() == '^' || part.back() == ' ')) part.remove_suffix(1);
    *group = std::string{part};
    if (end == utf8.size()) break;
    utf8.remove_prefix(end + 1);
  }
  return name;
}

std::string to_string(const PersonName& name) {
  std::string text = name.alphabetic + "=" + name.ideographic + "=" + name.phonetic;
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

}  // namespace aceso::dicom
