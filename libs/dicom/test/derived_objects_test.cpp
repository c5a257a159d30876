// Segmentations, presentation states and key object notes: what they hold, read back by the parser, by DCMTK, by
// dicom3tools and by pydicom.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/geometry.hpp"
#include "aceso/dicom/key_objects.hpp"
#include "aceso/dicom/measurement_report.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/presentation_state.hpp"
#include "aceso/dicom/segmentation.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "validators.hpp"

namespace aceso::dicom {
namespace {

using testing::error_lines;
using testing::has_validator;
using testing::said_by;

constexpr const char* kCtImage = "1.2.840.10008.5.1.4.1.1.2";

// A CT slice of 5 rows and 7 columns: 35 pixels do not fill whole bytes.
Dataset ct_slice(int number, double z) {
  Dataset d;
  d.set_charset(CharacterSet::utf8());
  d.set_text(tags::kSOPClassUID, kCtImage).set_text(tags::kSOPInstanceUID, "1.2.3.7.1." + std::to_string(number));
  d.set_text(tags::kStudyInstanceUID, "1.2.3.7").set_text(tags::kSeriesInstanceUID, "1.2.3.7.1");
  d.set_text(tags::kFrameOfReferenceUID, "1.2.3.7.9");
  d.set_text(tags::kPatientName, "Doe^Jane").set_text(tags::kPatientID, "P7").set_text(tags::kPatientSex, "F");
  d.set_text(tags::kPatientBirthDate, "19610203").set_text(tags::kStudyDate, "20260131");
  d.set_text(tags::kStudyTime, "101500").set_text(tags::kModality, "CT").set_text(tags::kBodyPartExamined, "CHEST");
  d.set_text(tags::kPhotometricInterpretation, "MONOCHROME2");
  d.set_integer(tags::kRows, 5).set_integer(tags::kColumns, 7);
  d.set_text(tags::kPixelSpacing, "0.7\\0.8").set_text(tags::kSliceThickness, "2.5");
  d.set_text(tags::kImageOrientationPatient, "1\\0\\0\\0\\1\\0");
  d.set_text(tags::kImagePositionPatient, "-10\\20\\" + std::to_string(z));
  d.set_text(tags::kRescaleIntercept, "-1024").set_text(tags::kRescaleSlope, "1").set_text(tags::kRescaleType, "HU");
  d.set_text(tags::kWindowCenter, "-600").set_text(tags::kWindowWidth, "1500");
  return d;
}
Dataset radiograph() {
  Dataset d = ct_slice(1, 0);
  for (const Tag tag :
       {tags::kFrameOfReferenceUID, tags::kPixelSpacing, tags::kSliceThickness, tags::kImageOrientationPatient,
        tags::kImagePositionPatient, tags::kRescaleIntercept, tags::kRescaleSlope, tags::kRescaleType})
    d.erase(tag);
  d.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.1.1").set_text(tags::kModality, "DX");
  d.set_text(tags::kImagerPixelSpacing, "0.2\\0.2");
  return d;
}

DerivedObject derived_object(std::string instance) {
  return {.sop_instance_uid = std::move(instance),
          .series_uid = "2.25.12",
          .series_number = 9001,
          .series_description = "AI result, not for primary diagnosis",
          .created = std::chrono::sys_seconds{std::chrono::seconds{1'769'860'801}},  // 2026-01-31T12:00:01Z
          .utc_offset = std::chrono::minutes{330},
          .equipment = {.manufacturer = "Aceso", .model_name = "nodules", .serial_number = "1", .software = "0.1"}};
}

struct Slices {
  std::vector<Dataset> kept{ct_slice(1, 0), ct_slice(2, 2.5), ct_slice(3, 5)};
  std::vector<const Dataset*> all() const {
    std::vector<const Dataset*> out;
    for (const auto& one : kept) out.push_back(&one);
    return out;
  }
};

std::vector<std::uint8_t> mask(std::initializer_list<int> set, std::uint8_t value = 1) {
  std::vector<std::uint8_t> out(35);
  for (const int at : set) out[static_cast<std::size_t>(at)] = value;
  return out;
}

Segmentation nodules(bool fractional = false) {
  const std::uint8_t on = fractional ? 200 : 1;
  return {.fractional = fractional,
          .label = "AI",
          .description = "AI, not for primary diagnosis",
          .segments = {{.label = "nodule",
                        .algorithm = {.name = "nodules", .version = "2", .parameters = {"threshold = 0.5"}},
                        .tracking_identifier = "nodule 1",
                        .tracking_uid = "2.25.31"},
                       {.label = "lung",
                        .category = {"123037004", "SCT", "Anatomical Structure"},
                        .type = {"39607008", "SCT", "Lung"},
                        .algorithm = {.name = "nodules", .version = "2"}}},
          .frames = {{.segment = 1, .source = 0, .values = mask({34}, on)},
                     {.segment = 0, .source = 2, .values = mask({0, 8, 16}, on)},
                     {.segment = 0, .source = 1, .values = mask({0, 1, 34}, on)}}};
}

TEST(Segmentation, masks_come_back_bit_for_bit_with_their_places_and_sources) {
  const Slices slices;
  const auto made = make_segmentation(slices.all(), derived_object("2.25.21"), nodules());
  ASSERT_OK(made);
  const auto bytes = *write_part10(*made, kExplicitLittle);
  const auto back = parse(bytes);
  ASSERT_OK(back);
  const Dataset& d = back->dataset;
  EXPECT_EQ(d.text(tags::kSegmentationType), "BINARY");
  EXPECT_EQ(d.find(tags::kPixelData)->bytes().size(), 14U) << "three times 35 bits, padded to a word";
  // By segment, then by position.
  const std::vector<std::vector<std::uint8_t>> expected{mask({0, 1, 34}), mask({0, 8, 16}), mask({34})};
  for (std::uint32_t frame = 0; frame < 3; ++frame) {
    const auto decoded = decode_frame(*back, bytes, frame);
    ASSERT_OK(decoded);
    ASSERT_EQ(decoded->data.size(), 35U);
    for (std::size_t i = 0; i < 35; ++i)
      EXPECT_EQ(std::to_integer<int>(decoded->data[i]), expected[frame][i]) << frame << " " << i;
    const auto groups = d.items(tags::kPerFrameFunctionalGroupsSequence);
    ASSERT_EQ(groups.size(), 3U);
    EXPECT_EQ(groups[frame].items(tags::kSegmentIdentificationSequence)[0].integer(tags::kReferencedSegmentNumber),
              frame < 2 ? 1 : 2);
    const auto source = groups[frame].items(tags::kDerivationImageSequence)[0].items(tags::kSourceImageSequence);
    EXPECT_EQ(source[0].text(tags::kReferencedSOPInstanceUID), "1.2.3.7.1." + std::to_string(frame == 0   ? 2
                                                                                             : frame == 1 ? 3
                                                                                                          : 1));
    const auto plane = frame_plane(d, frame);
    ASSERT_TRUE(plane);
    EXPECT_DOUBLE_EQ(plane->position_mm[2], frame == 0 ? 2.5 : frame == 1 ? 5.0 : 0.0);
  }
  const auto segments = d.items(tags::kSegmentSequence);
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].text(tags::kSegmentAlgorithmType), "AUTOMATIC");
  const auto algorithm = segments[0].items(tags::kSegmentationAlgorithmIdentificationSequence);
  ASSERT_EQ(algorithm.size(), 1U);
  EXPECT_EQ(algorithm[0].text(tags::kAlgorithmVersion), "2");
  EXPECT_EQ(segments[0].text(tags::kTrackingUID), "2.25.31");
  EXPECT_EQ(d.items(tags::kReferencedSeriesSequence)[0].items(tags::kReferencedInstanceSequence).size(), 3U);
}

TEST(Segmentation, fractional_masks_keep_their_probabilities) {
  const Slices slices;
  const auto made = make_segmentation(slices.all(), derived_object("2.25.22"), nodules(true));
  ASSERT_OK(made);
  const auto bytes = *write_part10(*made, kExplicitLittle);
  const auto back = *parse(bytes);
  EXPECT_EQ(back.dataset.text(tags::kSegmentationFractionalType), "PROBABILITY");
  EXPECT_EQ(back.dataset.integer(tags::kMaximumFractionalValue), 255);
  const auto decoded = decode_frame(back, bytes, 0);
  ASSERT_OK(decoded);
  EXPECT_EQ(std::to_integer<int>(decoded->data[34]), 200);
  EXPECT_EQ(std::to_integer<int>(decoded->data[33]), 0);
}

TEST(Segmentation, of_a_projection_refers_to_its_image_only) {
  const Dataset image = radiograph();
  const Dataset* const one = &image;
  auto single = nodules();
  single.frames = {{.segment = 0, .source = 0, .values = mask({3})}};
  const auto made = make_segmentation({&one, 1}, derived_object("2.25.23"), single);
  ASSERT_OK(made);
  EXPECT_FALSE(made->contains(tags::kFrameOfReferenceUID));
  const auto groups = made->items(tags::kPerFrameFunctionalGroupsSequence);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_FALSE(groups[0].contains(tags::kPlanePositionSequence));
  EXPECT_EQ(groups[0].items(tags::kDerivationImageSequence)[0].items(tags::kSourceImageSequence)[0].text(
                tags::kReferencedSOPInstanceUID),
            "1.2.3.7.1.1");
}

TEST(Segmentation, what_is_no_mask_is_refused) {
  const Slices slices;
  const auto refused = [&](const auto& change) {
    auto wrong = nodules();
    change(wrong);
    return make_segmentation(slices.all(), derived_object("2.25.21"), wrong);
  };
  EXPECT_CODE(refused([](auto& s) { s.frames.clear(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.segments.clear(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.frames[0].source = 3; }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.frames[0].segment = 2; }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.frames[0].values.pop_back(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.frames[0].values[4] = 2; }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.frames[0] = s.frames[1]; }), Code::invalid) << "twice the same place";
  EXPECT_CODE(refused([](auto& s) { s.segments[0].algorithm.version.clear(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.segments[0].tracking_uid.clear(); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.label = "lower case"; }), Code::invalid);
  EXPECT_CODE(make_segmentation({}, derived_object("2.25.21"), nodules()), Code::invalid);
  Slices other_size;
  other_size.kept[1].set_integer(tags::kRows, 6);
  EXPECT_CODE(make_segmentation(other_size.all(), derived_object("2.25.21"), nodules()), Code::invalid);
  Slices frames;
  frames.kept[1].set_integer(tags::kNumberOfFrames, 2);
  EXPECT_CODE(make_segmentation(frames.all(), derived_object("2.25.21"), nodules()), Code::unsupported);
}

TEST(Segmentation, colours_are_those_of_cielab) {
  // Published values of sRGB primaries under D65: red L* 53.24 a* 80.09 b* 67.20, white 100 0 0.
  const auto red = dicom_cielab({255, 0, 0});
  EXPECT_NEAR(static_cast<double>(red[0]) / 65535 * 100, 53.24, 0.01);
  EXPECT_NEAR(static_cast<double>(red[1]) / 65535 * 255 - 128, 80.09, 0.02);
  EXPECT_NEAR(static_cast<double>(red[2]) / 65535 * 255 - 128, 67.20, 0.02);
  const auto white = dicom_cielab({255, 255, 255});
  EXPECT_EQ(white[0], 65535);
  EXPECT_NEAR(static_cast<double>(white[1]), 32896, 1);
}

TEST(Segmentation, other_hands_find_no_error) {
  if (!has_validator("dciodvfy")) GTEST_SKIP() << "skipped: package dicom3tools is not installed";
  const Slices slices;
  for (const bool fractional : {false, true}) {
    const auto bytes = *write_part10(*make_segmentation(slices.all(), derived_object("2.25.21"), nodules(fractional)),
                                     kExplicitLittle);
    const auto verdict = said_by("dciodvfy", bytes);
    EXPECT_EQ(error_lines(verdict), "") << verdict;
    EXPECT_NE(verdict.find("Segmentation"), std::string::npos) << verdict;
  }
  for (const std::string part : {"", "CHEST", "HAND"}) {
    Dataset image = radiograph();
    image.set_text(tags::kBodyPartExamined, part).set_text(tags::kLaterality, part == "HAND" ? "L" : "");
    const Dataset* const one = &image;
    auto single = nodules();
    single.frames = {{.segment = 0, .source = 0, .values = mask({3})}};
    const auto verdict = said_by(
        "dciodvfy", *write_part10(*make_segmentation({&one, 1}, derived_object("2.25.23"), single), kExplicitLittle));
    EXPECT_EQ(error_lines(verdict), "") << part << verdict;
  }
}

TEST(Segmentation, pydicom_reads_the_same_masks) {
  if (!testing::has_pydicom()) GTEST_SKIP() << "skipped: package python3-pydicom is not installed";
  const Slices slices;
  const auto bytes =
      *write_part10(*make_segmentation(slices.all(), derived_object("2.25.21"), nodules()), kExplicitLittle);
  EXPECT_EQ(testing::said_by_pydicom(bytes,
                                     "import numpy\n"
                                     "a = d.pixel_array\n"
                                     "print(a.shape)\n"
                                     "for f in a: print([int(i) for i in numpy.flatnonzero(f)])\n"
                                     "print(d.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning,\n"
                                     "      float(d.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]"
                                     ".ImagePositionPatient[2]))\n"),
            "(3, 5, 7)\n[0, 1, 34]\n[0, 8, 16]\n[34]\nLesion 5.0\n");
}

PresentationState places() {
  return {
      .label = "AI",
      .description = "AI finding",
      .notice = "AI, not for primary diagnosis",
      .annotations = {
          {.image = 0, .kind = GraphicAnnotation::Kind::point, .points = {{3, 2}}, .text = "nodule 0.91"},
          {.image = 1, .kind = GraphicAnnotation::Kind::polyline, .points = {{1, 1}, {4, 1}, {4, 3}, {1, 3}, {1, 1}}},
          {.image = 1, .kind = GraphicAnnotation::Kind::ellipse, .points = {{1, 2}, {5, 2}, {3, 1}, {3, 3}}}}};
}

TEST(PresentationState, holds_its_graphics_and_the_greys_of_the_image) {
  const Slices slices;
  const auto made = make_presentation_state(slices.all(), derived_object("2.25.41"), places());
  ASSERT_OK(made);
  const auto bytes = *write_part10(*made, kExplicitLittle);  // what is read refers to them
  const auto back = *parse(bytes);
  const Dataset& d = back.dataset;
  EXPECT_EQ(d.text(tags::kPresentationLUTShape), "IDENTITY");
  EXPECT_EQ(d.number(tags::kRescaleIntercept), -1024);
  EXPECT_EQ(d.items(tags::kSoftcopyVOILUTSequence)[0].number(tags::kWindowWidth), 1500);
  const auto items = d.items(tags::kGraphicAnnotationSequence);
  ASSERT_EQ(items.size(), 3U) << "the notice stands on every image";
  const auto box = items[1].items(tags::kGraphicObjectSequence);
  ASSERT_EQ(box.size(), 2U);
  EXPECT_EQ(box[0].numbers(tags::kGraphicData), (std::vector<double>{1, 1, 4, 1, 4, 3, 1, 3, 1, 1}));
  EXPECT_EQ(box[1].text(tags::kGraphicType), "ELLIPSE");
  EXPECT_EQ(items[0].items(tags::kTextObjectSequence)[0].text(tags::kUnformattedTextValue), "nodule 0.91");
  EXPECT_EQ(items[2].items(tags::kTextObjectSequence)[0].text(tags::kUnformattedTextValue),
            "AI, not for primary diagnosis");
  EXPECT_EQ(d.items(tags::kDisplayedAreaSelectionSequence).size(), 3U);
}

TEST(PresentationState, what_cannot_be_drawn_is_refused) {
  const Slices slices;
  const auto refused = [&](const auto& change) {
    auto wrong = places();
    change(wrong);
    return make_presentation_state(slices.all(), derived_object("2.25.41"), wrong);
  };
  EXPECT_CODE(refused([](auto& s) { s.annotations[0].points.push_back({1, 1}); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.annotations[1].points.resize(1); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.annotations[2].points.resize(3); }), Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.annotations[0].points[0][0] = std::numeric_limits<double>::infinity(); }),
              Code::invalid);
  EXPECT_CODE(refused([](auto& s) { s.annotations[0].image = 3; }), Code::invalid);
  EXPECT_CODE(make_presentation_state(slices.all(), derived_object("2.25.41"), {}), Code::invalid);
  Slices colour;
  colour.kept[0].set_text(tags::kPhotometricInterpretation, "RGB");
  EXPECT_CODE(make_presentation_state(colour.all(), derived_object("2.25.41"), places()), Code::unsupported);
}

TEST(PresentationState, other_hands_find_no_error) {
  if (!has_validator("dciodvfy") || !has_validator("dcmpschk"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  const Slices slices;
  const Dataset image = radiograph();
  const Dataset* const one = &image;
  auto single = places();
  single.annotations.resize(1);
  for (const auto& made : {make_presentation_state(slices.all(), derived_object("2.25.41"), places()),
                           make_presentation_state({&one, 1}, derived_object("2.25.42"), single)}) {
    const auto bytes = *write_part10(*made, kExplicitLittle);
    const auto verdict = said_by("dciodvfy", bytes);
    EXPECT_EQ(error_lines(verdict), "") << verdict;
    const auto checked = said_by("dcmpschk", bytes);
    EXPECT_NE(checked.find("Test passed"), std::string::npos) << checked;
  }
}

TEST(KeyObjects, point_out_images_and_how_to_see_them) {
  const Slices slices;
  const ReferencedObject image{kCtImage, "1.2.3.7.1.2", "1.2.3.7.1"};
  const ReferencedObject state{std::string{kGrayscalePresentation}, "2.25.41", "2.25.12"};
  const KeyObjects keys{.description = "AI, not for primary diagnosis: nodule",
                        .device_uid = "2.25.14",
                        .device_name = "ACESO",
                        .images = {{image, state}, {{kCtImage, "1.2.3.7.1.3", "1.2.3.7.1"}}}};
  const auto made = make_key_objects(slices.kept[0], derived_object("2.25.51"), keys);
  ASSERT_OK(made);
  const auto bytes = *write_part10(*made, kExplicitLittle);
  const auto back = *parse(bytes);
  const auto rows = back.dataset.items(tags::kContentSequence);
  ASSERT_EQ(rows.size(), 8U) << "five of the observer, the words, two images";
  EXPECT_EQ(rows[6].items(tags::kReferencedSOPSequence)[0].text(tags::kReferencedSOPInstanceUID), "1.2.3.7.1.2");
  EXPECT_EQ(rows[6].items(tags::kReferencedSOPSequence)[0].items(tags::kReferencedSOPSequence)[0].text(
                tags::kReferencedSOPInstanceUID),
            "2.25.41");
  auto wordless = keys;
  wordless.description.clear();
  EXPECT_CODE(make_key_objects(slices.kept[0], derived_object("2.25.51"), wordless), Code::invalid);
  auto none = keys;
  none.images.clear();
  EXPECT_CODE(make_key_objects(slices.kept[0], derived_object("2.25.51"), none), Code::invalid);
  auto torn = keys;
  torn.images[0].image.sop_instance_uid = "not a UID";
  EXPECT_CODE(make_key_objects(slices.kept[0], derived_object("2.25.51"), torn), Code::invalid);
  if (!has_validator("dciodvfy") || !has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  const auto verdict = said_by("dciodvfy", bytes);
  EXPECT_EQ(error_lines(verdict), "") << verdict;
  EXPECT_NE(verdict.find("KeyObjectSelectionDocument"), std::string::npos) << verdict;
  const auto tree = said_by("dsrdump +Pc +Pt", bytes);
  EXPECT_NE(tree.find("(113000,DCM,\"Of Interest\")"), std::string::npos) << tree;
  EXPECT_NE(tree.find("TID 2010 (DCMR)"), std::string::npos) << tree;
  EXPECT_EQ(tree.find("E: "), std::string::npos) << tree;
}

TEST(MeasurementReport, of_a_segment_refers_to_it) {
  const Slices slices;
  const MeasurementReport report{
      .device_uid = "2.25.14",
      .device_name = "ACESO",
      .procedure = {"77477000", "SCT", "Computed tomography"},
      .groups = {{.tracking_identifier = "nodule 1",
                  .tracking_uid = "2.25.31",
                  .finding = CodedEntry{"52988006", "SCT", "Lesion"},
                  .algorithm = AlgorithmIdentification{"nodules", "2", {}},
                  .numbers = {{.concept_name = {"118565006", "SCT", "Volume"},
                               .value = 12.5,
                               .unit = {"mm3", "UCUM", "cubic millimeter"}}},
                  .images = {{kCtImage, "1.2.3.7.1.2", "1.2.3.7.1"}},
                  .segment = ReferencedSegment{{std::string{kSegmentationStorage}, "2.25.21", "2.25.12"}, 1}}}};
  const auto made = make_measurement_report(slices.kept[0], derived_object("2.25.61"), report);
  ASSERT_OK(made);
  const auto bytes = *write_part10(*made, kExplicitLittle);
  if (!has_validator("dciodvfy") || !has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  const auto verdict = said_by("dciodvfy", bytes);
  EXPECT_EQ(error_lines(verdict), "") << verdict;
  const auto tree = said_by("dsrdump +Pc +Pt", bytes);
  EXPECT_NE(tree.find("(121191,DCM,\"Referenced Segment\")=(SG image,,1)"), std::string::npos) << tree;
  EXPECT_NE(tree.find("TID 1411 (DCMR)"), std::string::npos) << tree;
  EXPECT_EQ(tree.find("E: "), std::string::npos) << tree;
}

TEST(MeasurementReport, of_a_region_says_where_it_lies_and_numbers_come_from_it) {
  const Slices slices;
  MeasurementReport report{.device_uid = "2.25.14",
                           .device_name = "ACESO",
                           .procedure = {"25045-6", "LN", "CT unspecified body region"},
                           .groups = {{.tracking_identifier = "nodule 1",
                                       .tracking_uid = "2.25.31",
                                       .finding = CodedEntry{"52988006", "SCT", "Lesion"},
                                       .algorithm = AlgorithmIdentification{"nodules", "2", {}},
                                       .numbers = {{.concept_name = {"42798000", "SCT", "Area"},
                                                    .value = 12.5,
                                                    .unit = {"mm2", "UCUM", "square millimeter"}}},
                                       .images = {{kCtImage, "1.2.3.7.1.2", "1.2.3.7.1"}},
                                       .region = ImageRegion{.left = 2, .top = 1, .right = 6, .bottom = 4}}}};
  const auto made = make_measurement_report(slices.kept[0], derived_object("2.25.61"), report);
  ASSERT_OK(made);
  const auto bytes = *write_part10(*made, kExplicitLittle);
  const auto back = *parse(bytes);
  const Dataset group = back.dataset.items(tags::kContentSequence).back().items(tags::kContentSequence)[0];
  EXPECT_EQ(group.items(tags::kContentTemplateSequence)[0].text(tags::kTemplateIdentifier), "1410");
  const std::vector<double> around{2, 1, 6, 1, 6, 4, 2, 4, 2, 1};  // closed: PS3.3 C.18.6.1.2
  int places = 0;
  const auto is_place = [&](const Dataset& item, std::string_view relation) {
    if (item.text_or(tags::kValueType) != "SCOORD") return;
    ++places;
    EXPECT_EQ(item.text(tags::kRelationshipType), relation);
    EXPECT_EQ(item.text(tags::kGraphicType), "POLYLINE");
    EXPECT_EQ(item.numbers(tags::kGraphicData), around);
    const auto of = item.items(tags::kContentSequence);
    ASSERT_EQ(of.size(), 1U);
    EXPECT_EQ(of[0].text(tags::kRelationshipType), "SELECTED FROM");
    EXPECT_EQ(of[0].items(tags::kReferencedSOPSequence)[0].text(tags::kReferencedSOPInstanceUID), "1.2.3.7.1.2");
  };
  for (const Dataset& item : group.items(tags::kContentSequence)) {
    is_place(item, "CONTAINS");
    if (item.text_or(tags::kValueType) != "NUM") continue;
    for (const Dataset& child : item.items(tags::kContentSequence)) is_place(child, "INFERRED FROM");
  }
  EXPECT_EQ(places, 2) << "of the group and of its number";
  for (const ImageRegion wrong :
       {ImageRegion{2, 1, 2, 4}, ImageRegion{2, 5, 6, 4}, ImageRegion{std::nan(""), 1, 6, 4}}) {
    auto torn = report;
    torn.groups[0].region = wrong;
    EXPECT_CODE(make_measurement_report(slices.kept[0], derived_object("2.25.61"), torn), Code::invalid);
  }
  auto both = report;
  both.groups[0].segment = ReferencedSegment{{std::string{kSegmentationStorage}, "2.25.21", "2.25.12"}, 1};
  EXPECT_CODE(make_measurement_report(slices.kept[0], derived_object("2.25.61"), both), Code::invalid);
  if (!has_validator("dciodvfy") || !has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  const auto verdict = said_by("dciodvfy", bytes);
  EXPECT_EQ(error_lines(verdict), "") << verdict;
  const auto tree = said_by("dsrdump +Pc +Pt", bytes);
  EXPECT_NE(tree.find("SCOORD:(111030,DCM,\"Image Region\")=(POLYLINE"), std::string::npos) << tree;
  EXPECT_NE(tree.find("TID 1410 (DCMR)"), std::string::npos) << tree;
  EXPECT_EQ(tree.find("E: "), std::string::npos) << tree;
  if (!testing::has_pixelmed()) return;
  const auto said = testing::said_by_pixelmed(bytes);
  EXPECT_NE(said.find("IOD validation complete"), std::string::npos) << said;
  EXPECT_EQ(said.find("Error:"), std::string::npos) << said;
}

}  // namespace
}  // namespace aceso::dicom
