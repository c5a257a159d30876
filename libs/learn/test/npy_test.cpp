#include <gtest/gtest.h>

#include <cstring>

#include "aceso/learn/array.hpp"

namespace aceso::learn {
namespace {

std::vector<std::byte> npy(std::string header, const std::vector<std::uint8_t>& data, char major = 1) {
  header += '\n';
  std::string text = std::string{"\x93NUMPY"} + major + '\0';
  text += static_cast<char>(header.size() & 0xFF);
  text += static_cast<char>(header.size() >> 8);
  if (major > 1) text += std::string(2, '\0');
  text += header;
  std::vector<std::byte> bytes(text.size() + data.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  if (!data.empty()) std::memcpy(bytes.data() + text.size(), data.data(), data.size());
  return bytes;
}

constexpr std::uint64_t kLimit = 1 << 20;

TEST(Npy, reads_what_it_writes_for_every_type) {
  for (const DType type :
       {DType::u8, DType::i8, DType::u16, DType::i16, DType::i32, DType::i64, DType::f32, DType::f64, DType::boolean}) {
    Array array = Array::zeros(type, {3, 2});
    array.data[size_of(type)] = std::byte{1};
    const auto again = parse_npy(to_npy(array), kLimit);
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(again->dtype, type);
    EXPECT_EQ(again->shape, array.shape);
    EXPECT_EQ(again->data, array.data);
  }
  EXPECT_EQ(parse_npy(to_npy(Array::zeros(DType::u8, {})), kLimit)->shape, Shape{});
  EXPECT_EQ(parse_npy(to_npy(Array::zeros(DType::u8, {7})), kLimit)->shape, Shape{7});
}

// python3 -c "import io, numpy; b = io.BytesIO(); numpy.save(b, numpy.arange(3, dtype='u1'));
// print(b.getvalue().hex())"
TEST(Npy, writes_numpys_own_bytes) {
  Array array = Array::zeros(DType::u8, {3});
  array.data[1] = std::byte{1};
  array.data[2] = std::byte{2};
  const auto bytes = to_npy(array);
  ASSERT_EQ(bytes.size(), 131U);
  const std::string text{reinterpret_cast<const char*>(bytes.data()) + 10, 118};
  EXPECT_EQ(text, "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }" + std::string(60, ' ') + "\n");
}

TEST(Npy, turns_fortran_order_into_c_order) {
  const auto array =
      parse_npy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", {1, 4, 2, 5, 3, 6}), kLimit);
  ASSERT_TRUE(array.ok()) << array.error().message();
  EXPECT_EQ(array->shape, (Shape{2, 3}));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(std::to_integer<int>(array->data[i]), static_cast<int>(i) + 1);
}

TEST(Npy, reads_format_version_2) {
  EXPECT_TRUE(parse_npy(npy("{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }", {1, 2}, 2), kLimit).ok());
}

TEST(Npy, refuses_pickles_big_endian_and_structured_types) {
  for (const char* descr : {"'|O'", "'>f4'", "[('a', '<f4')]", "'<c8'", "'<U5'"}) {
    const auto array = parse_npy(
        npy(std::string{"{'descr': "} + descr + ", 'fortran_order': False, 'shape': (1,), }", {0, 0, 0, 0}), kLimit);
    EXPECT_EQ(array.error().code(), Code::unsupported) << descr;
  }
}

TEST(Npy, refuses_headers_that_lie_before_it_allocates) {
  const auto code = [](const std::string& shape) {
    return parse_npy(
               npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }", {1, 2, 3, 4, 5, 6, 7, 8}),
               kLimit)
        .error()
        .code();
  };
  EXPECT_EQ(code("(2,)"), Code::invalid);
  EXPECT_EQ(code("(1000000,)"), Code::too_large);
  EXPECT_EQ(code("(9223372036854775807, 9223372036854775807)"), Code::invalid);
  EXPECT_EQ(code("(999999999999999999, 9)"), Code::too_large);
  EXPECT_EQ(code("(-1,)"), Code::invalid);
  EXPECT_EQ(code("(1"), Code::invalid);
}

TEST(Npy, refuses_every_truncation) {
  const auto whole = to_npy(Array::from({2, 2}, {1, 2, 3, 4}));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_npy({whole.data(), size}, kLimit).ok()) << size;
}

NamedArrays two_arrays() {
  return {{"X", Array::from({2, 2}, {1, 2, 3, 4})}, {"y", Array::zeros(DType::u8, {2})}};
}

TEST(Npz, reads_what_it_writes) {
  const auto bytes = to_npz(two_arrays());
  ASSERT_TRUE(bytes.ok()) << bytes.error().message();
  EXPECT_EQ(*bytes, *to_npz(two_arrays()));
  const auto arrays = parse_npz(*bytes, kLimit);
  ASSERT_TRUE(arrays.ok()) << arrays.error().message();
  EXPECT_EQ(arrays->at("X").f32()[3], 4.0F);
  EXPECT_EQ(arrays->at("y").shape, Shape{2});
}

TEST(Npz, refuses_every_truncation_and_any_flipped_byte_of_data) {
  const auto whole = *to_npz(two_arrays());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_npz({whole.data(), size}, kLimit).ok()) << size;
  auto flipped = whole;
  flipped[30 + 5 + 128] ^= std::byte{1};  // after the local header, inside X's numbers
  EXPECT_FALSE(parse_npz(flipped, kLimit).ok());
}

TEST(Npz, holds_to_its_limit_over_all_members) {
  EXPECT_EQ(parse_npz(*to_npz(two_arrays()), 17).error().code(), Code::too_large);
  EXPECT_TRUE(parse_npz(*to_npz(two_arrays()), 18).ok());
}

// Directory, local header and array header agree on 900 MB; the archive has 200 bytes.
TEST(Npz, refuses_a_size_that_the_archive_cannot_hold_before_it_takes_memory) {
  auto bytes = *to_npz({{"X", Array::zeros(DType::u8, {9})}});
  const auto put = [&](std::string_view mark, std::size_t offset, std::string_view value) {
    for (std::size_t i = 0; i + mark.size() <= bytes.size(); ++i) {
      if (std::memcmp(bytes.data() + i, mark.data(), mark.size()) == 0)
        std::memcpy(bytes.data() + i + offset, value.data(), value.size());
    }
  };
  const std::uint32_t size = 900'000'000 + 128;
  const std::string_view four{reinterpret_cast<const char*>(&size), 4};
  put("PK\x01\x02", 24, four);
  put("PK\x03\x04", 22, four);
  put("(9,)", 0, "(900000000,)");
  const auto refused = parse_npz(bytes, std::uint64_t{1} << 30);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message(), "member \"X\": declares more bytes than its part of the archive can hold");
}

TEST(Npz, refuses_names_that_are_paths) {
  auto bytes = *to_npz({{"a.b.c", Array::zeros(DType::u8, {1})}});
  for (std::size_t i = 0; i + 5 < bytes.size(); ++i) {
    if (std::memcmp(bytes.data() + i, "a.b.c", 5) == 0) std::memcpy(bytes.data() + i, "../bc", 5);
  }
  EXPECT_EQ(parse_npz(bytes, kLimit).error().message(),
            "member 0 of the archive has a name that is no plain array name ending in .npy");
}

TEST(Npz, refuses_what_is_no_archive) {
  EXPECT_EQ(parse_npz({}, kLimit).error().code(), Code::invalid);
  EXPECT_EQ(parse_npz(to_npy(Array::zeros(DType::u8, {1})), kLimit).error().code(), Code::invalid);
}

}  // namespace
}  // namespace aceso::learn
