// Matching of keys (PS3.4 C.2.2.2).
#include "matcher.hpp"

#include <gtest/gtest.h>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

bool matches(dicom::Tag tag, std::string_view key, std::string_view stored, bool fuzzy = false) {
  const auto matcher = Matcher::create({tag}, key, fuzzy);
  return matcher.ok() && matcher->matches_value(stored);
}

TEST(Wildcard, star_is_any_text_and_question_mark_one_character) {
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("Che*", "Chest"));
  EXPECT_TRUE(wildcard_match("*es*", "Chest"));
  EXPECT_TRUE(wildcard_match("Ch?st", "Chest"));
  EXPECT_FALSE(wildcard_match("Ch?st", "Chst"));
  EXPECT_FALSE(wildcard_match("Chest", "Chest CT"));
  EXPECT_TRUE(wildcard_match("?田*", "山田^太郎"));
  EXPECT_FALSE(wildcard_match("a*b*a*b*a*b*c", std::string(2000, 'a')));
}

TEST(Matcher, an_empty_key_and_a_lone_star_match_everything) {
  EXPECT_TRUE(matches(tags::kStudyDescription, "", "anything"));
  EXPECT_TRUE(matches(tags::kStudyDescription, "*", ""));
}

TEST(Matcher, text_is_compared_with_case_and_names_without) {
  EXPECT_FALSE(matches(tags::kPatientID, "p1", "P1"));
  EXPECT_TRUE(matches(tags::kPatientName, "doe^jane", "Doe^Jane"));
  EXPECT_TRUE(matches(tags::kPatientName, "DOE*", "Doe^Jane"));
  EXPECT_TRUE(matches(tags::kPatientName, "Doe^Jane^^^", "Doe^Jane"));
  EXPECT_FALSE(matches(tags::kPatientName, "Doe", "Doe^Jane"));
  EXPECT_TRUE(matches(tags::kPatientName, "山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう"));
}

TEST(Matcher, fuzzy_names_match_beginnings_of_words_in_any_order) {
  EXPECT_TRUE(matches(tags::kPatientName, "jan do", "Doe^Jane", true));
  EXPECT_FALSE(matches(tags::kPatientName, "ane", "Doe^Jane", true));
}

TEST(Matcher, dates_and_times_by_range) {
  EXPECT_TRUE(matches(tags::kStudyDate, "20240101-20240131", "20240131"));
  EXPECT_TRUE(matches(tags::kStudyDate, "-20240131", "19990101"));
  EXPECT_FALSE(matches(tags::kStudyDate, "20240201-", "20240131"));
  EXPECT_FALSE(matches(tags::kStudyDate, "20240101-", ""));
  EXPECT_TRUE(matches(tags::kStudyTime, "10-11", "1115"));
  EXPECT_CODE(Matcher::create({tags::kStudyDate}, "yesterday", false), Code::invalid);
}

TEST(Matcher, lists_of_uids_and_modalities) {
  EXPECT_TRUE(matches(tags::kStudyInstanceUID, "1.2\\1.3", "1.3"));
  EXPECT_TRUE(matches(tags::kStudyInstanceUID, "1.2,1.3", "1.2"));
  EXPECT_FALSE(matches(tags::kStudyInstanceUID, "1.2", "1.20"));
  EXPECT_TRUE(matches(tags::kModality, "CT,MR", "MR"));
  EXPECT_CODE(Matcher::create({tags::kStudyInstanceUID}, "1.2.x", false), Code::invalid);
}

TEST(Matcher, numbers_by_value) {
  EXPECT_TRUE(matches(tags::kInstanceNumber, "7", "007"));
  EXPECT_TRUE(matches(tags::kRows, "512", "512"));
  EXPECT_CODE(Matcher::create({tags::kRows}, "many", false), Code::invalid);
}

TEST(Matcher, one_of_several_values_is_enough) {
  EXPECT_TRUE(matches(tags::kImageType, "AXIAL", "ORIGINAL\\PRIMARY\\AXIAL"));
}

TEST(Attributes, keep_values_and_nested_items) {
  dicom::Dataset item;
  item.set_text(tags::kRequestedProcedureID, "RP1");
  dicom::Dataset data;
  data.set_text(tags::kModality, "CT").set_items(tags::kRequestAttributesSequence, {item});
  data.set_text(tags::kImageType, "\\PRIMARY");
  const auto series = Attributes::pick(data, QueryLevel::series);
  EXPECT_EQ(series.value(tags::kModality), "CT");
  ASSERT_EQ(series.items(tags::kRequestAttributesSequence).size(), 1U);
  const auto again = Attributes::from_bytes(series.bytes());
  EXPECT_EQ(again.bytes(), series.bytes());
  dicom::Dataset out;
  again.copy_to(out);
  EXPECT_EQ(out.items(tags::kRequestAttributesSequence)[0].text_or(tags::kRequestedProcedureID), "RP1");
  EXPECT_EQ(Attributes::pick(data, QueryLevel::image).value(tags::kImageType), "\\PRIMARY");
  const auto nested = Matcher::create({tags::kRequestAttributesSequence, tags::kRequestedProcedureID}, "RP*", false);
  ASSERT_OK(nested);
  EXPECT_TRUE(nested->matches(series));
}

TEST(Attributes, damaged_bytes_give_what_is_readable) {
  dicom::Dataset data;
  data.set_text(tags::kModality, "CT").set_text(tags::kSeriesDescription, "Lung");
  const auto bytes = Attributes::pick(data, QueryLevel::series).bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto some = Attributes::from_bytes(std::string_view{bytes}.substr(0, n));
    EXPECT_TRUE(some.value(tags::kModality).empty() || some.value(tags::kModality) == "CT");
  }
}

}  // namespace
}  // namespace aceso::archive
