#include "aceso/imaging/image.hpp"

#include <gtest/gtest.h>
#include <turbojpeg.h>

#include <cstring>
#include <memory>

#include "hex.hpp"

namespace aceso::imaging {
namespace {

Image ramp(std::int64_t width, std::int64_t height, int channels, int bits) {
  Image image{width, height, channels, bits, {}};
  image.pixels.resize(static_cast<std::size_t>(width * height * channels * bits / 8));
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::byte>(i * 37 % 251);
  return image;
}

std::vector<std::byte> jpeg(int width, int height, bool grey) {
  const auto image = ramp(width, height, grey ? 1 : 3, 8);
  const std::unique_ptr<void, int (*)(void*)> handle{tjInitCompress(), tjDestroy};
  unsigned char* out = nullptr;
  unsigned long size = 0;
  tjCompress2(handle.get(), reinterpret_cast<const unsigned char*>(image.pixels.data()), width, 0, height,
              grey ? TJPF_GRAY : TJPF_RGB, &out, &size, grey ? TJSAMP_GRAY : TJSAMP_444, 90, 0);
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), out, size);
  tjFree(out);
  return bytes;
}

TEST(Png, comes_back_as_it_went_in_every_form) {
  for (const int channels : {1, 2, 3, 4}) {
    for (const int bits : {8, 16}) {
      const Image image = ramp(13, 7, channels, bits);
      const auto file = encode_png(image);
      ASSERT_TRUE(file.ok());
      const auto again = decode_image(*file);
      ASSERT_TRUE(again.ok()) << again.error().message();
      EXPECT_EQ(again->width, 13);
      EXPECT_EQ(again->height, 7);
      EXPECT_EQ(again->channels, channels);
      EXPECT_EQ(again->bits, bits);
      EXPECT_EQ(again->pixels, image.pixels);
    }
  }
}

// Written by Pillow 12: a two-colour palette with opacity 255 and 7, and a one-bit image.
TEST(Png, expands_palettes_and_small_greys) {
  const auto palette = decode_png(
      from_hex("89504e470d0a1a0a0000000d4948445200000002000000010103000000ceecedc900000006504c54450a141e28323cd51bb4e90"
               "000000274524e53ff077bd3a5e90000000a49444154789c63700000004200412937f4ef0000000049454e44ae426082"));
  ASSERT_TRUE(palette.ok()) << palette.error().message();
  EXPECT_EQ(palette->channels, 4);
  const std::vector<int> expected{10, 20, 30, 255, 40, 50, 60, 7};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(std::to_integer<int>(palette->pixels[i]), expected[i]);
  const auto bilevel =
      decode_png(from_hex("89504e470d0a1a0a0000000d4948445200000004000000010100000000d14732600000000a49444154789c630800"
                          "0000520051f721d9b70000000049454e44ae426082"));
  ASSERT_TRUE(bilevel.ok()) << bilevel.error().message();
  EXPECT_EQ(bilevel->channels, 1);
  EXPECT_EQ(std::to_integer<int>(bilevel->pixels[1]), 255);
  EXPECT_EQ(std::to_integer<int>(bilevel->pixels[2]), 0);
}

TEST(Png, refuses_every_truncation_and_names_the_format) {
  const auto file = *encode_png(ramp(9, 9, 3, 8));
  for (std::size_t size = 0; size < file.size(); ++size) EXPECT_FALSE(decode_png({file.data(), size}).ok()) << size;
  EXPECT_EQ(decode_png({file.data(), file.size() - 14}).error().message().substr(0, 5), "PNG: ");
}

TEST(Png, refuses_damage) {
  auto file = *encode_png(ramp(9, 9, 3, 8));
  file[50] ^= std::byte{0x10};
  EXPECT_EQ(decode_png(file).error().code(), Code::invalid);
}

TEST(Png, judges_the_declared_size_before_it_allocates) {
  auto file = *encode_png(ramp(4, 4, 1, 8));
  file[16] = std::byte{0x7F};  // width 2130706436; the chunk's checksum no longer matters
  EXPECT_EQ(decode_png(file).error().code(), Code::too_large);
  EXPECT_EQ(decode_png(*encode_png(ramp(64, 64, 3, 16)), {.side = 100, .bytes = 64 * 64 * 6 - 1}).error().code(),
            Code::too_large);
  EXPECT_EQ(decode_png(*encode_png(ramp(101, 1, 1, 8)), {.side = 100}).error().code(), Code::too_large);
  EXPECT_TRUE(decode_png(*encode_png(ramp(64, 64, 3, 16)), {.side = 100, .bytes = 64 * 64 * 6}).ok());
}

TEST(Png, does_not_write_images_that_contradict_themselves) {
  Image image = ramp(4, 4, 1, 8);
  image.width = 5;
  EXPECT_EQ(encode_png(image).error().code(), Code::invalid);
  image = ramp(4, 4, 1, 8);
  image.channels = 5;
  EXPECT_EQ(encode_png(image).error().code(), Code::invalid);
}

TEST(Jpeg, reads_grey_and_colour) {
  const auto grey = decode_image(jpeg(20, 10, true));
  ASSERT_TRUE(grey.ok()) << grey.error().message();
  EXPECT_EQ(grey->channels, 1);
  EXPECT_EQ(grey->pixels.size(), 200U);
  const auto colour = decode_image(jpeg(20, 10, false));
  ASSERT_TRUE(colour.ok());
  EXPECT_EQ(colour->channels, 3);
  EXPECT_EQ(colour->width, 20);
}

TEST(Jpeg, refuses_every_truncation) {
  const auto file = jpeg(20, 10, false);
  for (std::size_t size = 0; size + 2 < file.size(); ++size)
    EXPECT_FALSE(decode_jpeg({file.data(), size}).ok()) << size;
}

TEST(Jpeg, judges_the_declared_size_before_it_allocates) {
  EXPECT_EQ(decode_jpeg(jpeg(64, 64, false), {.side = 63}).error().code(), Code::too_large);
  EXPECT_EQ(decode_jpeg(jpeg(64, 64, false), {.side = 64, .bytes = 12287}).error().code(), Code::too_large);
}

TEST(Image, of_another_kind_is_unsupported) {
  EXPECT_EQ(decode_image(from_hex("474946383961")).error().code(), Code::unsupported);
  EXPECT_EQ(decode_image({}).error().code(), Code::unsupported);
}

}  // namespace
}  // namespace aceso::imaging
