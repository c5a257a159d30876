#include "aceso/imaging/nifti.hpp"

#include <cstring>

#include "aceso/base/testing.hpp"
#include "hex.hpp"
#include "nifti_files.hpp"

namespace aceso::imaging {
namespace {

template <class T>
std::vector<double> widened(const NiftiImage& image) {
  std::vector<double> values;
  for (std::size_t at = 0; at + sizeof(T) <= image.data.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, &image.data[at], sizeof(T));
    values.push_back(image.slope * static_cast<double>(value) + image.intercept);
  }
  return values;
}

std::vector<double> values_of(const NiftiImage& image) {
  switch (image.type) {
    case VoxelType::u8:
      return widened<std::uint8_t>(image);
    case VoxelType::i16:
      return widened<std::int16_t>(image);
    case VoxelType::f32:
      return widened<float>(image);
    default:
      return widened<double>(image);
  }
}

std::vector<std::byte> file(std::string_view name) {
  for (const auto& c : nifti_cases()) {
    if (c.name == name) return from_hex(c.hex);
  }
  return {};
}

TEST(Nifti, values_order_and_spacing_are_nibabels) {
  for (const auto& c : nifti_cases()) {
    SCOPED_TRACE(c.name);
    const auto bytes = from_hex(c.hex);
    EXPECT_TRUE(is_nifti(bytes));
    const auto image = decode_nifti(bytes);
    ASSERT_OK(image);
    const auto values = values_of(*image);
    ASSERT_EQ(values.size(), c.values.size());
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_DOUBLE_EQ(values[i], c.values[i]) << i;
    for (std::size_t d = 0; d < 3; ++d) {
      EXPECT_EQ(image->size[d], c.size[d]);
      EXPECT_NEAR(image->spacing_mm[d], c.spacing[d], 1e-6);
    }
    EXPECT_TRUE(image->oriented);
  }
  EXPECT_EQ(decode_nifti(file("turned_uint8"))->orientation, "PSR");
}

TEST(Nifti, a_truncated_file_is_an_error) {
  for (const auto& c : nifti_cases()) {
    SCOPED_TRACE(c.name);
    const auto bytes = from_hex(c.hex);
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_nifti(std::span{bytes}.first(n)).ok()) << n;
  }
}

TEST(Nifti, lies_about_sizes_are_refused_before_memory_is_taken) {
  auto huge = file("ras_int16");
  for (const std::size_t at : {42U, 44U, 46U}) {
    huge[at] = std::byte{0xFF};
    huge[at + 1] = std::byte{0x7F};
  }
  EXPECT_CODE(decode_nifti(huge), Code::too_large);
  EXPECT_CODE(decode_nifti(huge, {.side = 40000}), Code::too_large);
  auto none = file("ras_int16");
  none[42] = std::byte{0};
  EXPECT_CODE(decode_nifti(none), Code::invalid);
  auto complex = file("ras_int16");
  complex[70] = std::byte{32};
  EXPECT_CODE(decode_nifti(complex), Code::unsupported);
  auto inside = file("ras_int16");
  std::memset(&inside[108], 0, 4);
  EXPECT_CODE(decode_nifti(inside), Code::invalid);
  auto two = file("ras_int16");
  two[345] = std::byte{'i'};
  EXPECT_CODE(decode_nifti(two), Code::unsupported);
}

TEST(Nifti, what_is_written_is_read_back) {
  NiftiImage image;
  image.type = VoxelType::i16;
  image.size = {4, 3, 2};
  image.spacing_mm = {0.5, 0.75, 2};
  for (int i = 0; i < 48; ++i) image.data.push_back(static_cast<std::byte>(i));
  const auto bytes = encode_nifti(image);
  ASSERT_OK(bytes);
  const auto back = decode_nifti(*bytes);
  ASSERT_OK(back);
  EXPECT_EQ(back->data, image.data);
  EXPECT_EQ(back->size, image.size);
  EXPECT_EQ(back->orientation, "LPS");
  for (std::size_t d = 0; d < 3; ++d) EXPECT_NEAR(back->spacing_mm[d], image.spacing_mm[d], 1e-6);
  image.data.pop_back();
  EXPECT_CODE(encode_nifti(image), Code::invalid);
}

}  // namespace
}  // namespace aceso::imaging
