// Reports and pictures that the node makes of an image: what they hold, and what validators of other hands say of them.
#include "aceso/dicom/derived.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/measurement_report.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/secondary_capture.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "validators.hpp"

namespace aceso::dicom {
namespace {

using testing::error_lines;
using testing::has_validator;
using testing::said_by;

constexpr const char* kChestImage = "1.2.840.10008.5.1.4.1.1.1.1";  // Digital X-Ray, for presentation

Dataset chest() {
  Dataset d;
  d.set_charset(CharacterSet::utf8());
  d.set_text(tags::kSOPClassUID, kChestImage).set_text(tags::kSOPInstanceUID, "1.2.3.1.1.1");
  d.set_text(tags::kStudyInstanceUID, "1.2.3").set_text(tags::kSeriesInstanceUID, "1.2.3.1.1");
  d.set_text(tags::kPatientName, "Müller^Jürgen").set_text(tags::kPatientID, "P1");
  d.set_text(tags::kPatientBirthDate, "19610203").set_text(tags::kPatientSex, "M");
  d.set_text(tags::kStudyDate, "20260131").set_text(tags::kStudyTime, "101500").set_text(tags::kAccessionNumber, "A1");
  d.set_text(tags::kBodyPartExamined, "CHEST").set_text(tags::kModality, "DX");
  d.set_text(tags::kPatientOrientation, "L\\F").set_text(tags::kBurnedInAnnotation, "NO");
  d.set_text(tags::kImageType, "ORIGINAL\\PRIMARY");
  return d;
}

DerivedObject object(std::string instance = "2.25.11") {
  return {.sop_instance_uid = std::move(instance),
          .series_uid = "2.25.12",
          .series_number = 9001,
          .series_description = "AI result, not for primary diagnosis",
          .created = std::chrono::sys_seconds{std::chrono::seconds{1'769'860'801}},  // 2026-01-31T12:00:01Z
          .utc_offset = std::chrono::minutes{330},
          .equipment = {.manufacturer = "Aceso", .model_name = "pneumonia", .serial_number = "1", .software = "0.1"}};
}

MeasurementReport report() {
  MeasurementGroup group{.tracking_identifier = "pneumonia 1",
                         .tracking_uid = "2.25.13",
                         .finding = CodedEntry{"a class name longer than sixteen", "99ACESO", "pneumonia"},
                         .algorithm = AlgorithmIdentification{"pneumonia", "3", {"threshold = 0.43"}},
                         .numbers = {{.concept_name = {"122157", "DCM", "Probability"},
                                      .value = 0.8765432109,
                                      .unit = {"1", "UCUM", "no units"},
                                      .modifiers = {{{"CLASS", "99ACESO", "Class"}, {"P", "99ACESO", "pneumonia"}}}}},
                         .texts = {{{"121106", "DCM", "Comment"}, "AI, not for primary diagnosis"}},
                         .images = {{kChestImage, "1.2.3.1.1.1", "1.2.3.1.1"}}};
  return {.device_uid = "2.25.14",
          .device_name = "ACESO",
          .procedure = {"363679005", "SCT", "Imaging procedure"},
          .schemes = {{"99ACESO", "2.25.15", "Aceso"}},
          .groups = {std::move(group)}};
}

CapturedPicture picture(int channels = 1) {
  CapturedPicture out;
  out.image.width = 40;
  out.image.height = 30;
  out.image.channels = channels;
  out.image.pixels.resize(static_cast<std::size_t>(40 * 30 * channels), std::byte{7});
  out.description = "AI finding burned in";
  out.comment = "AI, not for primary diagnosis";
  return out;
}

TEST(Derived, stays_in_patient_and_study_and_tells_its_own_time) {
  const Dataset d = make_derived(chest(), kSecondaryCapture, "OT", object());
  EXPECT_EQ(d.text(tags::kPatientName), "Müller^Jürgen");
  EXPECT_EQ(d.text(tags::kStudyInstanceUID), "1.2.3");
  EXPECT_EQ(d.text(tags::kStudyTime), "101500");
  EXPECT_TRUE(d.contains(tags::kReferringPhysicianName)) << "type 2: there, if empty";
  EXPECT_FALSE(d.contains(tags::kBodyPartExamined)) << "nothing of the source's series";
  EXPECT_EQ(d.text(tags::kContentDate), "20260131");
  EXPECT_EQ(d.text(tags::kContentTime), "173001");
  EXPECT_EQ(d.text(tags::kTimezoneOffsetFromUTC), "+0530");
  EXPECT_EQ(utc_offset_of(d), std::chrono::minutes{330});
}

TEST(Derived, offsets_are_read_or_refused) {
  Dataset d;
  EXPECT_EQ(utc_offset_of(d), std::nullopt);
  d.set_text(tags::kTimezoneOffsetFromUTC, "-0930");
  EXPECT_EQ(utc_offset_of(d), std::chrono::minutes{-570});
  for (const char* wrong : {"0930", "+09:30", "+0960", "+9", "+1500", "++930"}) {
    d.set_text(tags::kTimezoneOffsetFromUTC, wrong);
    EXPECT_EQ(utc_offset_of(d), std::nullopt) << wrong;
  }
}

TEST(Derived, long_texts_are_cut_to_what_a_viewer_must_take) {
  auto long_object = object();
  long_object.series_description = std::string(63, 'x') + "ü and more";
  const Dataset d = make_derived(chest(), kSecondaryCapture, "OT", long_object);
  EXPECT_EQ(d.text(tags::kSeriesDescription), std::string(63, 'x') + "ü");
}

TEST(MeasurementReport, holds_finding_probability_algorithm_and_its_image) {
  const auto made = make_measurement_report(chest(), object(), report());
  ASSERT_OK(made);
  const auto bytes = write_part10(*made, kExplicitLittle);
  ASSERT_OK(bytes);
  const auto back = parse(*bytes);
  ASSERT_OK(back);
  const Dataset& d = back->dataset;
  EXPECT_EQ(d.text(tags::kSOPClassUID), kComprehensive3dSr);
  EXPECT_EQ(d.text(tags::kVerificationFlag), "UNVERIFIED");
  const auto rows = d.items(tags::kContentSequence);
  ASSERT_FALSE(rows.empty());
  const auto groups = rows.back().items(tags::kContentSequence);
  ASSERT_EQ(groups.size(), 1U);
  std::string seen;
  for (const Dataset& item : groups[0].items(tags::kContentSequence)) {
    seen += item.items(tags::kConceptNameCodeSequence)[0].text_or(tags::kCodeMeaning) + "=";
    if (const auto values = item.items(tags::kMeasuredValueSequence); !values.empty())
      seen += values[0].text_or(tags::kNumericValue);
    if (const auto codes = item.items(tags::kConceptCodeSequence); !codes.empty())
      seen += codes[0].text_or(tags::kCodeMeaning);
    seen += item.text_or(tags::kTextValue) + item.text_or(tags::kUID) + ";";
  }
  EXPECT_EQ(seen,
            "Tracking Identifier=pneumonia 1;Tracking Unique Identifier=2.25.13;Finding=pneumonia;"
            "Algorithm Name=pneumonia;Algorithm Version=3;Algorithm Parameters=threshold = 0.43;Probability=0.876543;"
            "Comment=AI, not for primary diagnosis;");
  const auto study = d.items(tags::kCurrentRequestedProcedureEvidenceSequence);
  ASSERT_EQ(study.size(), 1U);
  EXPECT_EQ(study[0].text(tags::kStudyInstanceUID), "1.2.3");
}

TEST(MeasurementReport, is_never_made_without_algorithm_image_or_sound_numbers) {
  const auto refused = [](const auto& change) {
    auto wrong = report();
    change(wrong);
    return make_measurement_report(chest(), object(), wrong);
  };
  EXPECT_CODE(refused([](auto& r) { r.groups.clear(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& r) { r.groups[0].images.clear(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& r) { r.groups[0].algorithm->version.clear(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& r) { r.groups[0].numbers[0].value = std::nan(""); }), Code::invalid);
  EXPECT_CODE(refused([](auto& r) { r.groups[0].tracking_uid = "x"; }), Code::invalid);
}

TEST(MeasurementReport, other_hands_find_no_error) {
  const auto bytes = *write_part10(*make_measurement_report(chest(), object(), report()), kExplicitLittle);
  if (!has_validator("dciodvfy") || !has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  const auto verdict = said_by("dciodvfy", bytes);
  EXPECT_EQ(error_lines(verdict), "") << verdict;
  EXPECT_NE(verdict.find("Comprehensive3DSR"), std::string::npos) << verdict;
  const auto tree = said_by("dsrdump +Pc +Pt", bytes);
  EXPECT_NE(tree.find("(122157,DCM,\"Probability\")=\"0.876543\" (1,UCUM,\"no units\")"), std::string::npos) << tree;
  EXPECT_NE(tree.find("(126000,DCM,\"Imaging Measurement Report\")=SEPARATE>  # TID 1500 (DCMR)"), std::string::npos)
      << tree;
  EXPECT_NE(tree.find("<has concept mod CODE:(CLASS,99ACESO,\"Class\")=(P,99ACESO,\"pneumonia\")>"), std::string::npos)
      << tree;
  EXPECT_EQ(tree.find("E: "), std::string::npos) << tree;
  if (HasFailure()) std::puts(verdict.c_str());
}

TEST(MeasurementReport, pixelmed_finds_no_error_against_its_template) {
  if (!testing::has_pixelmed()) GTEST_SKIP() << "skipped: package libpixelmed-java is not installed";
  auto by_person = report();
  by_person.verification = Verification{.person_name = "Lang^Ada", .organization = "", .time = object().created};
  by_person.predecessors = {{std::string{kComprehensive3dSr}, "2.25.99", "2.25.98"}};
  const auto said =
      testing::said_by_pixelmed(*write_part10(*make_measurement_report(chest(), object(), by_person), kExplicitLittle));
  EXPECT_NE(said.find("Found Root Template TID_1500"), std::string::npos) << said;
  EXPECT_NE(said.find("IOD validation complete"), std::string::npos) << said;
  EXPECT_EQ(said.find("Error:"), std::string::npos) << said;
}

TEST(MeasurementReport, a_person_verifies_it_and_it_takes_the_place_of_its_predecessor) {
  auto by_person = report();
  by_person.groups[0].algorithm.reset();
  EXPECT_CODE(make_measurement_report(chest(), object(), by_person), Code::invalid) << "nobody answers for it";
  by_person.verification = Verification{.person_name = "Çelik^Ayşe",
                                        .organization = "",
                                        .time = std::chrono::sys_seconds{std::chrono::seconds{1'769'860'801}}};
  by_person.predecessors = {{std::string{kComprehensive3dSr}, "2.25.99", "2.25.98"}};
  const auto made = make_measurement_report(chest(), object("2.25.16"), by_person);
  ASSERT_OK(made);
  const auto bytes = *write_part10(*made, kExplicitLittle);
  const auto back = parse(bytes);
  ASSERT_OK(back);
  const Dataset& d = back->dataset;
  EXPECT_EQ(d.text(tags::kVerificationFlag), "VERIFIED");
  EXPECT_EQ(d.text(tags::kPreliminaryFlag), "FINAL");
  const auto observers = d.items(tags::kVerifyingObserverSequence);
  ASSERT_EQ(observers.size(), 1U);
  EXPECT_EQ(observers[0].text(tags::kVerifyingObserverName), "Çelik^Ayşe");
  EXPECT_EQ(observers[0].text(tags::kVerificationDateTime), "20260131173001");
  const auto before = d.items(tags::kPredecessorDocumentsSequence);
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(before[0].text(tags::kStudyInstanceUID), "1.2.3");
  EXPECT_EQ(before[0].items(tags::kReferencedSeriesSequence)[0].items(tags::kReferencedSOPSequence)[0].text(
                tags::kReferencedSOPInstanceUID),
            "2.25.99");
  by_person.verification->person_name.clear();
  EXPECT_CODE(make_measurement_report(chest(), object(), by_person), Code::invalid);
  if (!has_validator("dciodvfy") || !has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  const auto verdict = said_by("dciodvfy", bytes);
  EXPECT_EQ(error_lines(verdict), "") << verdict;
  const auto tree = said_by("dsrdump +Pc", bytes);
  EXPECT_NE(tree.find("Verification Flag   : VERIFIED"), std::string::npos) << tree;
  EXPECT_NE(tree.find("<has obs context PNAME:(121008,DCM,\"Person Observer Name\")"), std::string::npos) << tree;
  EXPECT_EQ(tree.find("E: "), std::string::npos) << tree;
}

TEST(SecondaryCapture, refers_to_its_source_and_says_what_it_is) {
  auto source = chest();
  source.set_text(tags::kLossyImageCompression, "01").set_text(tags::kLossyImageCompressionRatio, "12.5");
  const auto made = make_secondary_capture(source, object(), picture());
  ASSERT_OK(made);
  EXPECT_EQ(made->items(tags::kSourceImageSequence)[0].text(tags::kReferencedSOPInstanceUID), "1.2.3.1.1.1");
  EXPECT_EQ(made->texts(tags::kImageType), (std::vector<std::string>{"DERIVED", "SECONDARY"}));
  EXPECT_EQ(made->text(tags::kBurnedInAnnotation), "NO");
  EXPECT_EQ(made->number(tags::kLossyImageCompressionRatio), 12.5);
  EXPECT_EQ(made->find(tags::kPixelData)->bytes().size(), 1200U);
}

TEST(SecondaryCapture, other_pictures_are_refused) {
  auto torn = picture();
  torn.image.pixels.pop_back();
  EXPECT_CODE(make_secondary_capture(chest(), object(), torn), Code::invalid);
  auto deep = picture();
  deep.image.bits = 16;
  EXPECT_CODE(make_secondary_capture(chest(), object(), deep), Code::unsupported);
  auto empty = picture();
  empty.image = {};
  EXPECT_CODE(make_secondary_capture(chest(), object(), empty), Code::invalid);
}

TEST(SecondaryCapture, other_hands_find_no_error) {
  if (!has_validator("dciodvfy")) GTEST_SKIP() << "skipped: package dicom3tools is not installed";
  for (const std::string side : {"", "L"}) {
    for (const std::string part : {"", "CHEST", "HAND"}) {
      auto source = chest();
      source.set_text(tags::kBodyPartExamined, part).set_text(tags::kImageLaterality, side);
      if (part == "CHEST" && side == "L") continue;  // contradicts itself
      const int channels = part == "HAND" ? 3 : 1;
      const auto bytes = *write_part10(*make_secondary_capture(source, object(), picture(channels)), kExplicitLittle);
      const auto verdict = said_by("dciodvfy", bytes);
      EXPECT_EQ(error_lines(verdict), "") << part << side << verdict;
      EXPECT_NE(verdict.find("SCImage"), std::string::npos) << verdict;
    }
  }
}

}  // namespace
}  // namespace aceso::dicom
