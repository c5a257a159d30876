// Text in pictures: what is drawn, where, and what is cut off.
#include "aceso/imaging/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "aceso/base/testing.hpp"

namespace aceso::imaging {
namespace {

Image blank(std::int64_t width, std::int64_t height, int channels = 1) {
  Image image;
  image.width = width;
  image.height = height;
  image.channels = channels;
  image.pixels.resize(static_cast<std::size_t>(width * height * channels));
  return image;
}
std::string row_of(const Image& image, std::int64_t y) {
  std::string out;
  for (std::int64_t x = 0; x < image.width; ++x)
    out += image.pixels.at(static_cast<std::size_t>(y * image.width + x)) == std::byte{0} ? '.' : '#';
  return out;
}

TEST(Text, a_letter_looks_like_the_fonts) {
  Image image = blank(9, 15);
  ASSERT_OK(draw_text(image, 0, 0, "A", 255));
  EXPECT_EQ(row_of(image, 2), "....#....");
  EXPECT_EQ(row_of(image, 3), "...#.#...");
  EXPECT_EQ(row_of(image, 8), ".#######.");
  EXPECT_EQ(row_of(image, 12), ".........");
}

TEST(Text, scale_makes_squares_of_the_pixels) {
  Image image = blank(18, 30);
  ASSERT_OK(draw_text(image, 0, 0, "A", 255, 2));
  EXPECT_EQ(row_of(image, 4), "........##........");
  EXPECT_EQ(row_of(image, 5), row_of(image, 4));
}

TEST(Text, what_lies_outside_is_cut_and_colours_are_equal) {
  Image image = blank(12, 10, 3);
  ASSERT_OK(draw_text(image, -4, -3, "WWWW", 200));
  ASSERT_OK(draw_text(image, 50, 50, "W", 200));
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    EXPECT_EQ(image.pixels[i], image.pixels[i + 1]);
    EXPECT_EQ(image.pixels[i], image.pixels[i + 2]);
  }
  EXPECT_TRUE(std::ranges::count(image.pixels, std::byte{200}) > 0);
}

TEST(Text, latin_letters_are_there_and_others_are_boxes) {
  Image umlaut = blank(9, 15), box = blank(9, 15), malformed = blank(9, 15);
  ASSERT_OK(draw_text(umlaut, 0, 0, "\xC3\xA4", 255));
  ASSERT_OK(draw_text(box, 0, 0, "\xE8\x82\xBA", 255));
  ASSERT_OK(draw_text(malformed, 0, 0, "\xE8", 255));
  EXPECT_EQ(row_of(box, 2), ".#######.");
  EXPECT_EQ(box.pixels, malformed.pixels);
  EXPECT_NE(umlaut.pixels, box.pixels);
}

TEST(Text, lines_break_at_spaces_or_where_they_must) {
  EXPECT_EQ(wrap_text("not for primary diagnosis", 11), (std::vector<std::string>{"not for", "primary", "diagnosis"}));
  EXPECT_EQ(wrap_text("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(wrap_text("a\nb", 10), (std::vector<std::string>{"a b"}));
  EXPECT_EQ(wrap_text("", 10), (std::vector<std::string>{}));
  EXPECT_EQ(wrap_text("\xC3\xA4\xC3\xA4\xC3\xA4", 2), (std::vector<std::string>{"\xC3\xA4\xC3\xA4", "\xC3\xA4"}));
}

TEST(Text, other_pictures_are_refused) {
  Image deep = blank(9, 15);
  deep.bits = 16;
  EXPECT_CODE(draw_text(deep, 0, 0, "A", 255), Code::unsupported);
  Image torn = blank(9, 15);
  torn.pixels.pop_back();
  EXPECT_CODE(draw_text(torn, 0, 0, "A", 255), Code::invalid);
}

}  // namespace
}  // namespace aceso::imaging
