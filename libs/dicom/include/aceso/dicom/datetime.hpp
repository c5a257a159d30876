// DA, TM, DT, AS and PN values (PS3.5 6.2), and the ranges that queries use (PS3.4 C.2.2.2.5).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::dicom {

using Date = std::chrono::year_month_day;

struct TimeOfDay {
  std::chrono::microseconds since_midnight{};  // [0, 24 h]; 60 seconds may be a leap second
  std::chrono::microseconds precision{};       // 1 h, 1 min, 1 s, or a power of ten of microseconds
};

// "YYYYMMDD", and "YYYY.MM.DD" of ACR-NEMA and "YYYY-MM-DD", both tolerated. Errors: invalid.
Result<Date> parse_date(std::string_view text);
// "HH[MM[SS[.F{1,6}]]]", and "HH:MM:SS" tolerated. Errors: invalid.
Result<TimeOfDay> parse_time(std::string_view text);
std::string format_date(Date date);                                 // "YYYYMMDD"
std::string format_time(std::chrono::microseconds since_midnight);  // "HHMMSS.FFFFFF"

struct DateTime {
  Date date;
  TimeOfDay time;
  std::optional<std::chrono::minutes> utc_offset;  // -12:00 to +14:00
};
// "YYYY[MM[DD[HH[MM[SS[.F{1,6}]]]]]][&ZZXX]"; missing months and days count as 1. Errors: invalid.
Result<DateTime> parse_datetime(std::string_view text);

// "A", "A-", "-B", "A-B"; both ends belong to the range. Errors: invalid, also for an end before its start.
struct DateRange {
  std::optional<Date> from;
  std::optional<Date> to;
};
Result<DateRange> parse_date_range(std::string_view text);
struct TimeRange {  // an end covers its precision: "-11" holds all before 12:00
  std::optional<std::chrono::microseconds> from;
  std::optional<std::chrono::microseconds> to;  // the last microsecond inside
};
Result<TimeRange> parse_time_range(std::string_view text);

// Age of a patient in days, months, weeks or years as written: "045Y".
struct Age {
  int count = 0;
  char unit = 'Y';  // D W M Y
};
Result<Age> parse_age(std::string_view text);

// A PN value in UTF-8: "Yamada^Tarou=山田^太郎=やまだ^たろう".
struct PersonName {
  std::string alphabetic, ideographic,
      phonetic;  // each "family^given^middle^prefix^suffix", trailing delimiters removed
  bool operator==(const PersonName&) const = default;
};
PersonName parse_person_name(std::string_view utf8);
std::string to_string(const PersonName& name);

}  // namespace aceso::dicom
