#include "aceso/base/text.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace aceso {
namespace {

TEST(Utf8, accepts_and_refuses_what_unicode_table_3_7_says) {
  for (const char* text : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
  }
  for (const char* text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                           "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(is_valid_utf8(text)) << text;
  }
}

TEST(Utf8, counts_code_points) {
  EXPECT_EQ(code_points("aé胸😀"), 4U);
  EXPECT_EQ(code_points("\xff\xff"), 2U);
}

TEST(EscapeControls, keeps_text_and_shows_the_rest) {
  EXPECT_EQ(escape_controls("胸部 é \"x\""), "胸部 é \"x\"");
  EXPECT_EQ(escape_controls(std::string_view{"a\nb\r\t\0\x7f\\", 8}), "a\\nb\\r\\t\\u{0000}\\u{007F}\\\\");
  EXPECT_EQ(escape_controls("\xc2\x9b"
                            "31m \xff"),
            "\\u{009B}31m \\xFF");
  EXPECT_EQ(escape_controls("abcdef", 3), "abc...");
  EXPECT_EQ(escape_controls("ab胸", 3), "ab...");
}

TEST(Nearest, finds_slips_but_not_other_words) {
  const std::vector<std::string> names{"net.port", "net.host", "store.segment"};
  EXPECT_EQ(nearest("net.prot", names), "net.port");
  EXPECT_EQ(nearest("net.por", names), "net.port");
  EXPECT_EQ(nearest("store.segments", names), "store.segment");
  EXPECT_EQ(nearest("telemetry", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), names), "");
}

}  // namespace
}  // namespace aceso
