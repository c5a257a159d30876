#include "aceso/dicom/charset.hpp"

#include <gtest/gtest.h>

#include "aceso/base/testing.hpp"

namespace aceso::dicom {
namespace {

std::string decode(std::string_view set, std::string_view bytes, bool name = true) {
  const auto parsed = CharacterSet::parse(set);
  EXPECT_OK(parsed);
  return parsed->to_utf8(std::as_bytes(std::span{bytes.data(), bytes.size()}), name);
}

// The examples of PS3.5 Annexes H, I, J and K.
struct Example {
  std::string_view set, bytes, utf8;
};
const Example kExamples[] = {
    {"\\ISO 2022 IR 87", "Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B",
     "Yamada^Tarou=山田^太郎=やまだ^たろう"},
    {"ISO 2022 IR 13\\ISO 2022 IR 87",
     "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J=\x1B$B$d$^$@\x1B(J^\x1B$B$?$m$&\x1B(J",
     "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
    {"\\ISO 2022 IR 149",
     "Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF",
     "Hong^Gildong=洪^吉洞=홍^길동"},
    {"\\ISO 2022 IR 58", "Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB=", "Zhang^XiaoDong=张^小东="},
    {"GB18030", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB=", "Wang^XiaoDong=王^小东="},
    {"GBK", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB=", "Wang^XiaoDong=王^小东="},
    {"ISO_IR 192", "Wang^XiaoDong=王^小東=", "Wang^XiaoDong=王^小東="},
    {"ISO_IR 100", "Buc^J\xE9r\xF4me", "Buc^Jérôme"},
    {"ISO_IR 101", "W\xB3\xF3\xBC", "Włóź"},
    {"ISO_IR 144", "\xBB\xEE\xDA\xE1\xD5\xDC\xD1\xE3\xE0\xD3", "Люксембург"},
    {"ISO_IR 126", "\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2", "Διονυσιος"},
    {"ISO_IR 138", "\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4", "שרון^דבורה"},
    {"ISO_IR 127", "\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1", "قباني^لنزار"},
    {"ISO_IR 166", "\xB9\xD2\xC1", "นาม"},
    {"ISO 2022 IR 100\\ISO 2022 IR 144", "J\xE9=\x1B-L\xBB\xEE=\xE9", "Jé=Лю=é"},
};

TEST(CharacterSet, decodes_the_examples_of_the_standard) {
  for (const auto& example : kExamples) EXPECT_EQ(decode(example.set, example.bytes), example.utf8) << example.set;
}

TEST(CharacterSet, encodes_what_it_decodes) {
  for (const auto& example : kExamples) {
    const auto set = CharacterSet::parse(example.set);
    ASSERT_OK(set);
    const auto bytes = set->from_utf8(example.utf8);
    ASSERT_OK(bytes) << example.set;
    EXPECT_EQ(decode(example.set, *bytes), example.utf8) << example.set;
    EXPECT_EQ(CharacterSet::parse(set->to_value()).ok(), true);
    EXPECT_EQ(*CharacterSet::parse(set->to_value()), *set) << set->to_value();
  }
}

TEST(CharacterSet, says_what_it_cannot_express) {
  EXPECT_CODE(CharacterSet{}.from_utf8("é"), Code::invalid);
  EXPECT_CODE(CharacterSet::parse("ISO_IR 100")->from_utf8("王"), Code::invalid);
  EXPECT_CODE(CharacterSet::utf8().from_utf8("\xFF"), Code::invalid);
}

TEST(CharacterSet, understands_common_misspellings) {
  EXPECT_EQ(CharacterSet::parse("ISO-IR 100")->first(), CharsetTerm::latin1);
  EXPECT_EQ(CharacterSet::parse("iso_ir_192 ")->first(), CharsetTerm::utf8);
  EXPECT_CODE(CharacterSet::parse("KLINGON"), Code::unsupported);
  EXPECT_EQ(CharacterSet::parse_lenient("KLINGON").first(), CharsetTerm::latin1);
}

TEST(CharacterSet, gives_well_formed_utf8_whatever_comes) {
  EXPECT_EQ(decode("ISO_IR 192", "a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(decode("\\ISO 2022 IR 87", "\x1B$B;"), "\xEF\xBF\xBD");
  EXPECT_EQ(decode("\\ISO 2022 IR 87", "\x1BZz"), "\xEF\xBF\xBDZz");
  EXPECT_EQ(decode("GB18030", "a\xFF"), "a\xEF\xBF\xBD");
}

TEST(CharacterSet, a_forgotten_set_is_utf8_or_latin1) {
  EXPECT_EQ(decode("", "J\xE9r\xF4me"), "Jérôme");
  EXPECT_EQ(decode("", "Jérôme"), "Jérôme");
}

TEST(CharacterSet, a_second_byte_that_looks_like_a_backslash_is_no_delimiter) {
  EXPECT_EQ(decode("GBK", "\x95\x5C"), "昞");  // GBK 955C
  EXPECT_EQ(decode("\\ISO 2022 IR 87", "\x1B$B%\\\x1B(B"), "ボ");
}

}  // namespace
}  // namespace aceso::dicom
