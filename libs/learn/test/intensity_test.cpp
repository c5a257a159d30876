#include "intensity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace aceso::learn {
namespace {

// One value after the other.
template <class T>
void expect_plain_sums(DType type, const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span{values});
  Intensity seen;
  const std::size_t some = values.size() / 3;  // in two parts, as samples come
  seen.add(type, bytes.first(some * sizeof(T)));
  seen.add(type, bytes.subspan(some * sizeof(T)));
  double low = INFINITY, high = -INFINITY, sum = 0, squares = 0;
  for (const T value : values) {
    const auto v = static_cast<double>(value);
    low = std::min(low, v);
    high = std::max(high, v);
    sum += v;
    squares += v * v;
  }
  EXPECT_EQ(seen.low, low);
  EXPECT_EQ(seen.high, high);
  EXPECT_EQ(seen.sum, sum);  // exact below 2^53
  EXPECT_EQ(seen.squares, squares);
  EXPECT_EQ(seen.count, static_cast<double>(values.size()));
}

template <class T>
std::vector<T> whole_numbers_of_all_sizes(std::size_t count) {
  std::mt19937 bits{7};
  std::uniform_int_distribution<int> draw{std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(draw(bits));
  values.front() = std::numeric_limits<T>::min();
  values.back() = std::numeric_limits<T>::max();
  return values;
}

TEST(Intensity, is_what_one_value_after_the_other_gives) {
  for (const std::size_t count : {3U, 100U, 4096U, 20011U}) {
    expect_plain_sums(DType::u8, whole_numbers_of_all_sizes<std::uint8_t>(count));
    expect_plain_sums(DType::i8, whole_numbers_of_all_sizes<std::int8_t>(count));
    expect_plain_sums(DType::u16, whole_numbers_of_all_sizes<std::uint16_t>(count));
    expect_plain_sums(DType::i16, whole_numbers_of_all_sizes<std::int16_t>(count));
    expect_plain_sums(DType::f32, std::vector<float>(count, 0.3F));
    expect_plain_sums(DType::f64, std::vector<double>(count, -0.7));
    expect_plain_sums(DType::i32, std::vector<std::int32_t>(count, -70000));
  }
  expect_plain_sums(DType::u16, std::vector<std::uint16_t>(9000, 65535));
  expect_plain_sums(DType::i16, std::vector<std::int16_t>(9000, -32768));
}

TEST(Intensity, of_nothing_there_is_none_and_no_number_changes_no_bound) {
  Intensity seen;
  seen.add(DType::u16, {});
  EXPECT_EQ(seen.count, 0);
  EXPECT_EQ(seen.low, INFINITY);
  const std::vector<float> values{1, std::numeric_limits<float>::quiet_NaN(), -2};
  seen.add(DType::f32, std::as_bytes(std::span{values}));
  EXPECT_EQ(seen.low, -2);
  EXPECT_EQ(seen.high, 1);
}

}  // namespace
}  // namespace aceso::learn
