#include "aceso/dicom/datetime.hpp"

#include <gtest/gtest.h>

#include "aceso/base/testing.hpp"

namespace aceso::dicom {
namespace {

using namespace std::chrono_literals;

TEST(Date, is_read_and_written) {
  const auto date = parse_date("20240229");
  ASSERT_OK(date);
  EXPECT_EQ(format_date(*date), "20240229");
  EXPECT_EQ(*parse_date("1997.04.24"), *parse_date("19970424 "));
  for (const auto* text : {"", "20230229", "2024", "202402290", "2024022a", "20241301", "2024-0229"})
    EXPECT_CODE(parse_date(text), Code::invalid);
}

TEST(Time, keeps_its_precision) {
  EXPECT_EQ(parse_time("07")->precision, 1h);
  EXPECT_EQ(parse_time("0715")->since_midnight, 7h + 15min);
  EXPECT_EQ(parse_time("071530.25")->since_midnight, 7h + 15min + 30s + 250ms);
  EXPECT_EQ(parse_time("071530.25")->precision, 10ms);
  EXPECT_EQ(parse_time("07:15:30 ")->since_midnight, 7h + 15min + 30s);
  EXPECT_EQ(format_time(7h + 15min + 30s + 250ms), "071530.250000");
  for (const auto* text : {"", "7", "24", "0760", "071561", "0715.5", "071530.", "071530.1234567", "07:1530"})
    EXPECT_CODE(parse_time(text), Code::invalid);
}

TEST(DateTime, may_be_short_and_have_an_offset) {
  EXPECT_EQ(parse_datetime("2024")->date, *parse_date("20240101"));
  const auto full = parse_datetime("20240229071530.000001+0130");
  ASSERT_OK(full);
  EXPECT_EQ(full->time.since_midnight, 7h + 15min + 30s + 1us);
  EXPECT_EQ(full->utc_offset, 90min);
  EXPECT_EQ(parse_datetime("2024-0500")->utc_offset, -300min);
  for (const auto* text : {"", "20", "20240", "2024022907:15", "2024+2500", "2024+01"})
    EXPECT_CODE(parse_datetime(text), Code::invalid);
}

TEST(DateRange, has_both_ends_inside) {
  EXPECT_EQ(parse_date_range("20240101-20240131")->to, *parse_date("20240131"));
  EXPECT_EQ(parse_date_range("-20240131")->from, std::nullopt);
  EXPECT_EQ(parse_date_range("20240101-")->to, std::nullopt);
  EXPECT_EQ(parse_date_range("20240101")->from, parse_date_range("20240101")->to);
  EXPECT_EQ(parse_date_range("2024-01-01")->from, *parse_date("20240101"));
  EXPECT_CODE(parse_date_range("-"), Code::invalid);
  EXPECT_CODE(parse_date_range("20240131-20240101"), Code::invalid);
}

TEST(TimeRange, an_end_covers_its_precision) {
  EXPECT_EQ(parse_time_range("-11")->to, 12h - 1us);
  EXPECT_EQ(parse_time_range("0700-0830")->from, 7h);
  EXPECT_EQ(parse_time_range("0700-0830")->to, 8h + 31min - 1us);
  EXPECT_EQ(parse_time_range("07")->to, 8h - 1us);
}

TEST(PersonName, has_three_groups) {
  const PersonName name = parse_person_name("Yamada^Tarou^^=山田^太郎=やまだ^たろう");
  EXPECT_EQ(name.alphabetic, "Yamada^Tarou");
  EXPECT_EQ(name.ideographic, "山田^太郎");
  EXPECT_EQ(name.phonetic, "やまだ^たろう");
  EXPECT_EQ(to_string(name), "Yamada^Tarou=山田^太郎=やまだ^たろう");
  EXPECT_EQ(to_string(parse_person_name("Doe^Jane")), "Doe^Jane");
}

TEST(Age, is_read) {
  EXPECT_EQ(parse_age("045Y")->count, 45);
  EXPECT_EQ(parse_age("003M")->unit, 'M');
  EXPECT_CODE(parse_age("45Y"), Code::invalid);
}

}  // namespace
}  // namespace aceso::dicom
