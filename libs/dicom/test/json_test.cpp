#include "aceso/dicom/json.hpp"

#include <algorithm>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/tags.hpp"
#include "conformance.hpp"

namespace aceso::dicom {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

// After PS3.18 F.2.1.1.2 and F.2.2: text, a name in two scripts, several values with an empty one, a nested item.
TEST(DicomJson, writes_the_model_of_the_standard) {
  Dataset code;
  code.set_text(tags::kCodeValue, "121327").set_text(tags::kCodingSchemeDesignator, "DCM");
  Dataset data;
  data.set_charset(*CharacterSet::parse("ISO_IR 192"));
  data.set_text(tags::kStudyDate, "20130409");
  data.set_text(tags::kModalitiesInStudy, "CT\\\\PET");
  data.set_text(tags::kPatientName, "Wang^XiaoDong=王^小东");
  data.set_integer(tags::kRows, 512);
  data.set_text(tags::kSeriesNumber, "7")
      .set_text(tags::kRescaleSlope, "+01.50")
      .set_text(tags::kSliceThickness, "0.5");
  data.set_items(tags::kPurposeOfReferenceCodeSequence, {code});
  data.set_empty(tags::kReferringPhysicianName);
  data.set_bytes(tags::kICCProfile, Vr::ob, bytes_of("abcd"));
  EXPECT_EQ(to_json(data),
            R"({"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080020":{"vr":"DA","Value":["20130409"]},)"
            R"("00080061":{"vr":"CS","Value":["CT",null,"PET"]},"00080090":{"vr":"PN"},)"
            R"("00100010":{"vr":"PN","Value":[{"Alphabetic":"Wang^XiaoDong","Ideographic":"王^小东"}]},)"
            R"("00180050":{"vr":"DS","Value":[0.5]},"00200011":{"vr":"IS","Value":[7]},)"
            R"("00280010":{"vr":"US","Value":[512]},"00281053":{"vr":"DS","Value":[1.5]},)"
            R"("00282000":{"vr":"OB","InlineBinary":"YWJjZA=="},"0040A170":{"vr":"SQ","Value":[)"
            R"({"00080100":{"vr":"SH","Value":["121327"]},"00080102":{"vr":"SH","Value":["DCM"]}}]}})");
}

TEST(DicomJson, names_bulk_data_by_the_path_to_it) {
  Dataset item;
  item.set_bytes(tags::kWaveformData, Vr::ow, std::vector<std::byte>(4000));
  Dataset data;
  data.set_items(tags::kWaveformSequence, {item, item});
  data.set_bytes(tags::kPixelData, Vr::ow, std::vector<std::byte>(2));
  JsonOptions options;
  options.bulk_uri = [](std::string_view path, const Element&) { return "bulk/" + std::string{path}; };
  EXPECT_EQ(to_json(data, options),
            R"({"54000100":{"vr":"SQ","Value":[{"54001010":{"vr":"OW","BulkDataURI":"bulk/54000100/1/54001010"}},)"
            R"({"54001010":{"vr":"OW","BulkDataURI":"bulk/54000100/2/54001010"}}]},)"
            R"("7FE00010":{"vr":"OW","BulkDataURI":"bulk/7FE00010"}})");
  EXPECT_EQ(to_json(data), R"({"54000100":{"vr":"SQ","Value":[{"54001010":{"vr":"OW"}},{"54001010":{"vr":"OW"}}]},)"
                           R"("7FE00010":{"vr":"OW"}})");
}

TEST(DicomJson, values_that_are_no_numbers_stay_text) {
  Dataset data;
  data.set_text(tags::kSliceThickness, "thin").set_text(tags::kSeriesNumber, "1.5");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  data.set_numbers(tags::kRealWorldValueSlope, Vr::fd, {{nan, 1.0, -std::numeric_limits<double>::infinity()}});
  EXPECT_EQ(to_json(data), R"({"00180050":{"vr":"DS","Value":["thin"]},"00200011":{"vr":"IS","Value":["1.5"]},)"
                           R"("00409225":{"vr":"FD","Value":["NaN",1,"-inf"]}})");
}

TEST(DicomJson, reads_what_it_writes) {
  const std::string text =
      R"({"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Müller^Jörg"}]},)"
      R"("00189810":{"vr":"FD"},"00280009":{"vr":"AT","Value":["00181063"]},"00282000":{"vr":"OB","InlineBinary":"YWI="},)"
      R"("00720082":{"vr":"SV","Value":[-9007199254740993]},"0040A730":{"vr":"SQ","Value":[{"0040A160":{"vr":"UT","Value":["a\\b"]}},{}]}})";
  const auto data = from_json(text);
  ASSERT_OK(data);
  EXPECT_EQ(data->text_or(tags::kPatientName), "Müller^Jörg");
  EXPECT_EQ(data->items(tags::kContentSequence).front().text_or(tags::kTextValue), "a\\b");
  const auto again = from_json(to_json(*data));
  ASSERT_OK(again);
  EXPECT_EQ(to_json(*again), to_json(*data));
}

TEST(DicomJson, refuses_what_is_not_the_model) {
  EXPECT_CODE(from_json("[]"), Code::invalid);
  EXPECT_CODE(from_json(R"({"PatientName":{"vr":"PN"}})"), Code::invalid);
  EXPECT_CODE(from_json(R"({"00280010":{"vr":"US","Value":[70000]}})"), Code::invalid);
  EXPECT_CODE(from_json(R"({"00280010":{"vr":"US","Value":["x"]}})"), Code::invalid);
  EXPECT_CODE(from_json(R"({"00080020":{"vr":"ZZ"}})"), Code::invalid);
  EXPECT_CODE(from_json(R"({"00080020":{"vr":"DA","Value":["a\\b"]}})"), Code::invalid);
  EXPECT_CODE(from_json(R"({"00282000":{"vr":"OB","InlineBinary":"YWI"}})"), Code::invalid);
  EXPECT_CODE(from_json(R"({"7FE00010":{"vr":"OW","BulkDataURI":"x"}})"), Code::unsupported);
  std::string deep = R"({"0040A730":{"vr":"SQ","Value":[)";
  std::string text = "{}";
  for (int i = 0; i < 40; ++i) text = deep + text + "]}}";
  EXPECT_FALSE(from_json(text).ok());
}

TEST(DicomJson, error_messages_hold_no_values) {
  const auto bad = from_json(R"({"00100020":{"vr":"LO","Value":["SECRET\\7"]}})");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message().find("SECRET"), std::string::npos);
  EXPECT_NE(bad.error().message().find("(0010,0020)"), std::string::npos);
}

TEST(DicomJson, every_conformance_file_survives_a_round) {
  if (testing::conformance().files.empty()) GTEST_SKIP() << "skipped: no real data";
  int rounds = 0;
  for (const auto& [name, bytes] : testing::conformance().files) {
    const auto object = parse(bytes);
    if (!object.ok()) continue;
    SCOPED_TRACE(name);
    const std::string once = to_json(object->dataset);
    const auto again = from_json(once);
    // A backslash inside an item of an unsplit value, or a value the VR does not allow, is the file's fault and said
    // so.
    if (!again.ok()) {
      EXPECT_CODE(again, Code::invalid);
      continue;
    }
    const std::string twice = to_json(*again);  // "1.50" has become 1.5
    const std::string thrice = to_json(*from_json(twice));
    const auto at = static_cast<std::size_t>(std::ranges::mismatch(twice, thrice).in1 - twice.begin());
    EXPECT_TRUE(thrice == twice) << twice.substr(at - std::min<std::size_t>(at, 60), 120);
    ++rounds;
  }
  EXPECT_GE(rounds, 280);
}

}  // namespace
}  // namespace aceso::dicom
