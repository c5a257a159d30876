#include <cstring>

#include "aceso/base/testing.hpp"
#include "aceso/imaging/image.hpp"
#include "hex.hpp"
#include "picture_files.hpp"

namespace aceso::imaging {
namespace {

std::vector<int> values_of(const Image& image) {
  std::vector<int> values;
  for (std::size_t at = 0; at < image.pixels.size(); at += static_cast<std::size_t>(image.bits / 8)) {
    std::uint16_t wide = 0;
    if (image.bits == 16) std::memcpy(&wide, &image.pixels[at], 2);
    values.push_back(image.bits == 16 ? wide : std::to_integer<int>(image.pixels[at]));
  }
  return values;
}

const PictureCase& picture(std::string_view name) {
  for (const auto& c : picture_cases()) {
    if (c.name == name) return c;
  }
  return picture_cases().front();
}

TEST(Pictures, tiff_and_bmp_hold_what_other_programs_put_into_them) {
  for (const auto& c : picture_cases()) {
    SCOPED_TRACE(c.name);
    const auto bytes = from_hex(c.hex);
    const auto image = decode_image(bytes);
    ASSERT_OK(image);
    EXPECT_EQ(image->height, c.height);
    EXPECT_EQ(image->width, c.width);
    EXPECT_EQ(image->channels, c.channels);
    EXPECT_EQ(image->bits, c.bits);
    EXPECT_EQ(values_of(*image), c.values);
    EXPECT_EQ(*image_bits(bytes), c.bits);
    EXPECT_EQ(detect_format(bytes), c.name.starts_with("tiff") ? ImageFormat::tiff : ImageFormat::bmp);
  }
}

TEST(Pictures, every_truncated_tiff_or_bmp_is_an_error_and_none_is_half_a_picture) {
  for (const auto& c : picture_cases()) {
    SCOPED_TRACE(c.name);
    const auto bytes = from_hex(c.hex);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      const auto image = decode_image(std::span{bytes}.first(n));
      if (image.ok()) {  // padding at the end may be missing
        EXPECT_EQ(values_of(*image), c.values) << n;
      }
    }
  }
}

TEST(Pictures, declared_sizes_are_judged_before_memory_is_taken) {
  auto bmp = from_hex(picture("bmp_rgb").hex);
  bmp[18] = bmp[19] = bmp[20] = std::byte{0xFF};
  EXPECT_CODE(decode_image(bmp), Code::too_large);
  const auto tiff = from_hex(picture("tiff_grey16_tiles").hex);
  EXPECT_CODE(decode_image(tiff, {.side = 10}), Code::too_large);
  EXPECT_CODE(decode_image(tiff, {.bytes = 100}), Code::too_large);
  EXPECT_CODE(decode_image(tiff, {.pixels = 100}), Code::too_large);
}

TEST(Pictures, what_is_not_read_says_so) {
  auto bmp = from_hex(picture("bmp_palette").hex);
  bmp[30] = std::byte{1};  // run-length coded
  EXPECT_CODE(decode_bmp(bmp), Code::unsupported);
  EXPECT_CODE(decode_tiff(bmp), Code::invalid);
  EXPECT_CODE(decode_bmp(from_hex(picture("tiff_grey8").hex)), Code::invalid);
}

}  // namespace
}  // namespace aceso::imaging
