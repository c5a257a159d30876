#include "aceso/base/json.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "aceso/base/testing.hpp"

namespace aceso {
namespace {

std::string repeated(std::string_view part, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

TEST(ParseJson, reads_every_kind_of_value_in_order) {
  const std::string text =
      R"({"z":[1,-2,3.5,18446744073709551615,true,false,null],"a":{"text":"\u00e9\n\ud83d\ude00"},"e":{},"l":[]})";
  const auto value = parse_json(text);
  ASSERT_OK(value);
  EXPECT_EQ(value->begin().key(), "z");
  EXPECT_EQ((*value)["z"][3].get<std::uint64_t>(), 18446744073709551615U);
  EXPECT_EQ((*value)["a"]["text"], "é\n😀");
  EXPECT_EQ(*value, Json::parse(text));
  EXPECT_EQ(*parse_json("  7 "), 7);
}

TEST(ParseJson, errors_give_line_and_column_and_never_the_text) {
  const auto value = parse_json("{\n  \"name\": Smith\n}");
  ASSERT_CODE(value, Code::invalid);
  EXPECT_EQ(value.error().message(), "line 2, column 11: not JSON");
}

TEST(ParseJson, refuses_what_rfc_8259_does_not_allow) {
  for (const std::string& text : {std::string{},          std::string{" "},          std::string{"{"},
                                  std::string{"[1,]"},    std::string{"{\"a\":1,}"}, std::string{"{a:1}"},
                                  std::string{"'a'"},     std::string{"01"},         std::string{"+1"},
                                  std::string{".5"},      std::string{"NaN"},        std::string{"-Infinity"},
                                  std::string{"1 2"},     std::string{"// c\n1"},    std::string{"\"\t\""},
                                  std::string{"\"\\x\""}, std::string{"1\0", 2},     std::string{"1\0x", 3},
                                  std::string{"tru"},     std::string{"[1}"}}) {
    EXPECT_CODE(parse_json(text), Code::invalid) << text;
  }
}

TEST(ParseJson, refuses_numbers_that_are_no_finite_double) {
  EXPECT_CODE(parse_json("1e999"), Code::invalid);
  EXPECT_CODE(parse_json("[-1e999]"), Code::invalid);
  EXPECT_EQ(parse_json("1e-999")->get<double>(), 0.0);
}

TEST(ParseJson, refuses_malformed_utf8_and_lone_surrogates) {
  for (const char* text : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"",
                           R"("\ud800")", R"("\udc00x")", R"("\ud800\u0041")"}) {
    EXPECT_CODE(parse_json(text), Code::invalid) << text;
  }
}

TEST(ParseJson, refuses_a_key_given_twice_in_one_object) {
  const auto value = parse_json("{\"a\": 1,\n \"a\": 2}");
  ASSERT_CODE(value, Code::invalid);
  EXPECT_EQ(value.error().message(), "line 2, column 4: a key is given twice in one object");
  EXPECT_CODE(parse_json(R"({"a":1,"\u0061":2})"), Code::invalid);
  EXPECT_OK(parse_json(R"([{"a":1},{"a":{"a":2}}])"));
}

TEST(ParseJson, bounds_depth_and_size) {
  EXPECT_OK(parse_json(repeated("[", 64) + repeated("]", 64)));
  EXPECT_CODE(parse_json(repeated("[", 65) + repeated("]", 65)), Code::invalid);
  EXPECT_CODE(parse_json(repeated("{\"a\":", 1'000'000)), Code::invalid);
  EXPECT_OK(parse_json("[[1]]", {.depth = 2}));
  EXPECT_CODE(parse_json("[[1]]", {.depth = 1}), Code::invalid);
  EXPECT_OK(parse_json("[1]", {.bytes = 3}));
  EXPECT_CODE(parse_json("[1]", {.bytes = 2}), Code::too_large);
}

TEST(ParseJson, an_object_with_very_many_members_is_read_in_linear_time) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
  EXPECT_EQ(parse_json(text + "}")->size(),
            200'000U);  // a quadratic reader needs minutes here, and the test's time limit ends it
}

TEST(DumpJson, never_throws) {
  EXPECT_EQ(dump_json(Json{{"a", "\xff"}}), "{\"a\":\"\xEF\xBF\xBD\"}");
  EXPECT_EQ(dump_json(Json{{"a", 1}}, 2), "{\n  \"a\": 1\n}");
}

}  // namespace
}  // namespace aceso
