#include "aceso/learn/array.hpp"

#include <gtest/gtest.h>

namespace aceso::learn {
namespace {

TEST(ArrayShape, counts_elements_and_refuses_what_cannot_be_held) {
  EXPECT_EQ(*element_count({32, 3, 128, 128}), 32 * 3 * 128 * 128);
  EXPECT_EQ(*element_count({}), 1);
  EXPECT_EQ(*element_count({0, 7}), 0);
  EXPECT_EQ(element_count({2, -1}).error().code(), Code::invalid);
  EXPECT_EQ(element_count({std::int64_t{1} << 21, std::int64_t{1} << 21}).error().code(), Code::too_large);
  EXPECT_EQ(element_count({INT64_MAX, INT64_MAX, 0}).error().code(), Code::too_large);
}

TEST(ArrayShape, reads_as_a_list) {
  EXPECT_EQ(to_string(Shape{32, 3, 128, 128}), "[32, 3, 128, 128]");
}

TEST(ArrayTypes, have_numpys_names) {
  for (const DType type :
       {DType::u8, DType::i8, DType::u16, DType::i16, DType::i32, DType::i64, DType::f32, DType::f64, DType::boolean}) {
    EXPECT_EQ(*parse_dtype(to_string(type)), type);
  }
  EXPECT_EQ(to_string(DType::f32), "float32");
  EXPECT_EQ(size_of(DType::i64), 8U);
  EXPECT_EQ(parse_dtype("object").error().code(), Code::unsupported);
}

TEST(Array, holds_values_row_by_row) {
  const Array array = Array::from({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(array.f32()[4], 5.0F);
  EXPECT_EQ(array.data.size(), 24U);
  EXPECT_EQ(Array::zeros(DType::u16, {4}).data.size(), 8U);
}

}  // namespace
}  // namespace aceso::learn
