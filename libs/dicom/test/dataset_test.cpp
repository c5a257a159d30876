#include "aceso/dicom/dataset.hpp"

#include <gtest/gtest.h>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "bytes_builder.hpp"

namespace aceso::dicom {
namespace {

Dataset sample() {
  Dataset data;
  data.set_charset(CharacterSet::utf8());
  data.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.2").set_text(tags::kSOPInstanceUID, "1.2.3.4.5");
  data.set_text(tags::kPatientName, "Müller^Jürgen").set_text(tags::kImageType, "DERIVED\\SECONDARY");
  data.set_integer(tags::kRows, 512).set_number(tags::kSliceThickness, 0.1).set_integer(tags::kInstanceNumber, -7);
  data.set_numbers(tags::kImagePositionPatient, Vr::ds, std::vector<double>{-1.5, 2.0 / 3.0, -123456.7890123456});
  data.set_numbers(Tag{0x0018, 0x9087}, Vr::fd, std::vector<double>{1000.25});
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  item.set_text(tags::kCodeValue, "T-04000").set_text(tags::kCodeMeaning, "Brüst");
  data.set_items(tags::kAnatomicRegionSequence, {item, Dataset{}});
  data.set_bytes(tags::kPixelData, Vr::ow, std::vector<std::byte>(7));
  data.set_empty(tags::kPatientID);
  return data;
}

void expect_sample(const Dataset& data) {
  EXPECT_EQ(data.text(tags::kPatientName), "Müller^Jürgen");
  EXPECT_EQ(data.person_name(tags::kPatientName)->alphabetic, "Müller^Jürgen");
  EXPECT_EQ(data.texts(tags::kImageType), (std::vector<std::string>{"DERIVED", "SECONDARY"}));
  EXPECT_EQ(data.integer(tags::kRows), 512);
  EXPECT_EQ(data.integer(tags::kInstanceNumber), -7);
  EXPECT_EQ(data.number(tags::kSliceThickness), 0.1);
  const auto position = data.numbers(tags::kImagePositionPatient);
  ASSERT_EQ(position.size(), 3U);
  EXPECT_NEAR(position[1], 2.0 / 3.0, 1e-13);
  EXPECT_NEAR(position[2], -123456.7890123456, 1e-8);
  EXPECT_EQ(data.number(Tag{0x0018, 0x9087}), 1000.25);
  ASSERT_EQ(data.items(tags::kAnatomicRegionSequence).size(), 2U);
  EXPECT_EQ(data.items(tags::kAnatomicRegionSequence)[0].text(tags::kCodeMeaning), "Brüst");
  EXPECT_TRUE(data.items(tags::kAnatomicRegionSequence)[1].empty());
  EXPECT_EQ(data.find(tags::kPixelData)->bytes().size(), 8U);
  EXPECT_EQ(data.text(tags::kPatientID), std::nullopt);
  EXPECT_TRUE(data.contains(tags::kPatientID));
}

TEST(Dataset, gives_back_what_was_set) {
  expect_sample(sample());
}

TEST(Dataset, survives_being_written_and_read) {
  for (const auto syntax : {kExplicitLittle, kImplicitLittle}) {
    const auto bytes = write_part10(sample(), syntax, "ACESO");
    ASSERT_OK(bytes);
    const auto object = parse(*bytes);
    ASSERT_OK(object);
    EXPECT_EQ(object->syntax->uid, syntax);
    EXPECT_EQ(object->meta.text(tags::kMediaStorageSOPInstanceUID), "1.2.3.4.5");
    EXPECT_EQ(object->meta.text(tags::kSourceApplicationEntityTitle), "ACESO");
    EXPECT_FALSE(object->odd.no_meta_length || object->odd.out_of_order || object->odd.odd_length);
    expect_sample(object->dataset);
    const auto again = write_part10(object->dataset, syntax, "ACESO");
    ASSERT_OK(again);
    EXPECT_EQ(*again, *bytes);
  }
}

TEST(Dataset, decimal_strings_have_at_most_16_characters) {
  Dataset data;
  for (const double value : {1.0 / 3.0, -1.0 / 3.0e-10, 123456789.123456789, -1.7976931348623157e308, 5e-324, 0.0}) {
    data.set_number(tags::kSliceThickness, value);
    EXPECT_LE(data.find(tags::kSliceThickness)->bytes().size(), 16U);
    EXPECT_NEAR(*data.number(tags::kSliceThickness), value, std::abs(value) * 1e-8);
  }
}

TEST(Dataset, big_endian_values_are_written_little) {
  testing::Builder file;
  file.part10(kExplicitBig);
  testing::Builder body{true};
  body.tag(0x0028, 0x0010).raw("US").u16(2).u16(0x0102).longs(0x7FE0, 0x0010, "OW", 4).u16(0x0304).u16(0x0506);
  file.raw(body.text());
  const auto object = parse(file.bytes());
  ASSERT_OK(object);
  const auto little = write_dataset(object->dataset, kExplicitLittle);
  ASSERT_OK(little);
  const auto again = parse_dataset(*little, kExplicitLittle);
  ASSERT_OK(again);
  EXPECT_EQ(again->dataset.integer(tags::kRows), 0x0102);
  EXPECT_EQ(again->dataset.integer(tags::kPixelData, 1), 0x0506);
}

TEST(Dataset, frames_are_written_as_fragments_with_offsets) {
  Dataset data;
  data.set_text(tags::kSOPClassUID, "1.2").set_text(tags::kSOPInstanceUID, "1.3");
  data.set_frames({std::vector<std::byte>(5), std::vector<std::byte>(8)});
  const auto bytes = write_part10(data, kJpegBaseline);
  ASSERT_OK(bytes);
  const auto object = parse(*bytes);
  ASSERT_OK(object);
  const Element* pixels = object->dataset.find(tags::kPixelData);
  EXPECT_EQ(pixels->basic_offsets(), (std::vector<std::uint64_t>{0, 14}));
  ASSERT_EQ(pixels->fragments().size(), 2U);
  EXPECT_EQ(pixels->fragments()[0].length, 6U);
  EXPECT_CODE(write_part10(data, kImplicitLittle), Code::invalid);
}

TEST(Dataset, long_values_of_short_vrs_are_written_as_unknown) {
  Dataset data;
  data.set_text(Tag{0x3006, 0x0050}, Vr::ds, std::string(70'000, '1'));
  const auto bytes = write_dataset(data, kExplicitLittle);
  ASSERT_OK(bytes);
  const auto object = parse_dataset(*bytes, kExplicitLittle);
  ASSERT_OK(object);
  EXPECT_EQ(object->dataset.find(Tag{0x3006, 0x0050})->vr(), Vr::ds);  // the dictionary knows it
  EXPECT_EQ(object->dataset.find(Tag{0x3006, 0x0050})->length(), 70'000U);
}

TEST(Dictionary, knows_tags_keywords_and_repeating_groups) {
  EXPECT_EQ(keyword(tags::kPatientName), "PatientName");
  EXPECT_EQ(find_keyword("StudyInstanceUID")->tag, (Tag{0x0020, 0x000D}));
  EXPECT_EQ(keyword(Tag{0x6002, 0x3000}), "OverlayData");
  EXPECT_EQ(find_attribute(Tag{0x0009, 0x0010}), nullptr);
  EXPECT_EQ(find_keyword("NoSuchKeyword"), nullptr);
  EXPECT_EQ(sop_class_name("1.2.840.10008.5.1.4.1.1.2"), "CT Image Storage");
  EXPECT_EQ(implicit_vr(Tag{0x0008, 0x0000}, false), Vr::ul);
}

TEST(Tag, is_read_as_digits_or_keyword) {
  EXPECT_EQ(parse_tag("00100010"), tags::kPatientName);
  EXPECT_EQ(parse_tag("(0010,0010)"), tags::kPatientName);
  EXPECT_EQ(parse_tag("PatientName"), tags::kPatientName);
  EXPECT_EQ(parse_tag("7FE0001"), std::nullopt);
  EXPECT_EQ(to_hex(tags::kPixelData), "7FE00010");
  EXPECT_EQ(to_string(tags::kPixelData), "(7FE0,0010)");
}

TEST(Uid, is_checked_and_derived) {
  EXPECT_TRUE(is_valid_uid("1.2.840.10008.1.2"));
  for (const auto* uid :
       {"", "1..2", ".1", "1.", "1.02", "1.a", "1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.12345"})
    EXPECT_FALSE(is_valid_uid(uid)) << uid;
  EXPECT_TRUE(is_tolerable_uid("1.02"));
  std::vector<std::byte> hash(32, std::byte{0xFF});
  // 0xFFFFFFFFFFFF8FFFBFFFFFFFFFFFFFFF: version 8, variant 10
  EXPECT_EQ(uid_from_hash(hash), "2.25.340282366920937934553716840013076889599");
  EXPECT_TRUE(is_valid_uid(uid_from_hash(hash)));
  hash.assign(16, std::byte{0});
  EXPECT_TRUE(is_valid_uid(uid_from_hash(hash)));
}

}  // namespace
}  // namespace aceso::dicom
