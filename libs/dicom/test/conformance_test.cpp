// Every conformance file against the index another decoder wrote.
#include "conformance.hpp"

#include "aceso/base/testing.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/frames.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::dicom {
namespace {

using testing::conformance;
using testing::Row;

// What is no object or is damaged, and the code it is refused with. All else must be read.
const std::map<std::string, Code>& refused() {
  static const std::map<std::string, Code> files{
      {"pydicom-LICENSE", Code::invalid},
      {"orthanc-tests/Worklists/Sequences/STATION_AET/lockfile", Code::invalid},
      {"pydicom-data-src/test_files/MR_truncated.dcm", Code::data_loss},
      {"pydicom-data-src/test_files/crayons.icc", Code::invalid},
      {"pydicom-data-src/test_files/no_meta.dcm", Code::invalid},  // begins with a stray byte
      {"pydicom-data-src/test_files/rtplan_truncated.dcm", Code::data_loss},
      {"pydicom-data-src/test_files/zipMR.gz", Code::invalid},
  };
  return files;
}

std::string number(const Dataset& dataset, Tag tag) {
  const auto value = dataset.integer(tag);
  if (value) return std::to_string(*value);
  return dataset.text_or(tag);
}

// "['ISO 2022 IR 13', 'ISO 2022 IR 87']" for several values, as the index has them.
std::string charset_text(const Dataset& dataset) {
  const auto values = dataset.texts(tags::kSpecificCharacterSet);
  if (values.empty()) return "";
  if (values.size() == 1) return values[0];
  std::string text = "[";
  for (const auto& value : values) text += (text.size() > 1 ? ", '" : "'") + value + "'";
  return text + "]";
}

void expect_fields(const Object& object, const Row& row) {
  const Dataset& data = object.dataset;
  EXPECT_EQ(object.meta.text_or(tags::kTransferSyntaxUID), row.at("transfer_syntax"));
  const std::string uid = object.sop_class();
  EXPECT_TRUE(row.at("sop_class").empty() || sop_class_name(uid).empty() || sop_class_name(uid) == row.at("sop_class"))
      << sop_class_name(uid) << " / " << row.at("sop_class");
  EXPECT_EQ(data.text_or(tags::kModality), row.at("modality"));
  EXPECT_EQ(number(data, tags::kRows), row.at("rows"));
  EXPECT_EQ(number(data, tags::kColumns), row.at("cols"));
  EXPECT_EQ(number(data, tags::kBitsAllocated), row.at("bits_alloc"));
  EXPECT_EQ(number(data, tags::kBitsStored), row.at("bits_stored"));
  EXPECT_EQ(number(data, tags::kPixelRepresentation), row.at("pixrep"));
  EXPECT_EQ(number(data, tags::kSamplesPerPixel), row.at("spp"));
  EXPECT_EQ(data.text_or(tags::kPhotometricInterpretation), row.at("photometric"));
  EXPECT_EQ(number(data, tags::kNumberOfFrames), row.at("frames"));
  EXPECT_EQ(charset_text(data), row.at("charset"));
}

TEST(Conformance, every_file_is_read_as_the_index_says_or_refused) {
  if (conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  std::size_t read = 0;
  for (const Row& row : conformance().index) {
    const std::string& name = row.at("file");
    SCOPED_TRACE(name);
    const auto file = conformance().files.find(name);
    ASSERT_NE(file, conformance().files.end());
    const auto object = parse(file->second);
    const auto expected = refused().find(name);
    if (expected != refused().end()) {
      EXPECT_CODE(object, expected->second);
      continue;
    }
    ASSERT_OK(object);
    ++read;
    expect_fields(*object, row);
  }
  EXPECT_EQ(read, conformance().index.size() - refused().size());
}

TEST(Conformance, pieces_give_the_same_elements_as_the_whole) {
  if (conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  for (const auto& [name, bytes] : conformance().files) {
    SCOPED_TRACE(name);
    const auto whole = parse(bytes);
    StreamReader reader;
    Status status;
    std::size_t cut = 7;
    for (std::size_t at = 0; at < bytes.size() && status.ok(); at += cut, cut = cut * 3 % 60'013 + 1)
      status = reader.feed(std::span{bytes}.subspan(at, std::min(cut, bytes.size() - at)));
    const auto pieces = reader.finish();
    ASSERT_EQ(whole.ok(), pieces.ok());
    if (!whole.ok()) continue;
    ASSERT_EQ(whole->dataset.size(), pieces->dataset.size());
    for (std::size_t i = 0; i < whole->dataset.size(); ++i) {
      const Element& a = whole->dataset.elements()[i];
      const Element& b = pieces->dataset.elements()[i];
      EXPECT_TRUE(a.tag() == b.tag() && a.offset() == b.offset() && a.length() == b.length() &&
                  a.fragments() == b.fragments() && a.items().size() == b.items().size());
      EXPECT_TRUE(b.skipped() || a.vr() != b.vr() || std::ranges::equal(a.bytes(), b.bytes()));
    }
  }
}

TEST(Conformance, damaged_copies_never_crash) {
  if (conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  std::uint32_t state = 1;
  const auto next = [&] { return state = state * 1664525U + 1013904223U; };
  for (const auto& [name, original] : conformance().files) {
    if (original.empty() || original.size() > 20'000) continue;
    for (int round = 0; round < 4; ++round) {
      auto bytes = original;
      for (int i = 0; i < 8; ++i) bytes[next() % bytes.size()] = static_cast<std::byte>(next() >> 24);
      if (const auto object = parse(bytes); object.ok()) (void)FrameTable::build(*object, bytes);
      bytes.resize(next() % bytes.size());
      (void)parse(bytes);
    }
  }
}

TEST(Conformance, frame_tables_cover_every_frame) {
  if (conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  std::size_t tables = 0;
  for (const Row& row : conformance().index) {
    if (!row.at("pydicom2.3_decode").starts_with("ok")) continue;
    SCOPED_TRACE(row.at("file"));
    const auto& bytes = conformance().files.at(row.at("file"));
    const auto object = parse(bytes);
    ASSERT_OK(object);
    const auto& body = object->inflated.empty() ? bytes : object->inflated;
    const auto table = FrameTable::build(*object, body);
    ASSERT_OK(table);
    EXPECT_EQ(table->count(), row.at("frames").empty() ? 1U : static_cast<unsigned>(std::stoi(row.at("frames"))));
    for (std::uint32_t i = 0; i < table->count(); ++i) ASSERT_OK(frame_bytes(*table, i, body));
    const auto again = FrameTable::from_bytes(table->to_bytes());
    ASSERT_OK(again);
    EXPECT_EQ(again->to_bytes(), table->to_bytes());
    ++tables;
  }
  EXPECT_EQ(tables, 204U);
}

}  // namespace
}  // namespace aceso::dicom
