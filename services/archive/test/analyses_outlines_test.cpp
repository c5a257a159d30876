// Models that draw, and models that read volumes: masks come back as segmentations that lie where they were drawn,
// series are one volume or say why not.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "aceso/archive/analyses.hpp"
#include "aceso/dicom/geometry.hpp"
#include "aceso/dicom/pixel.hpp"
#include "analyses_fixture.hpp"
#include "conformance.hpp"
#include "validators.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;

constexpr const char* kSegmentationClass = "1.2.840.10008.5.1.4.1.1.66.4";
constexpr const char* kReportClass = "1.2.840.10008.5.1.4.1.1.88.34";
constexpr const char* kVolumeRule = R"([{"name": "ct", "match": {"modality": "CT"}, "model": "pneumonia"}])";

// What a model answers that drew `mask` (labels from 1).
contracts::PictureAnswer drawn_answer(learn::Array mask, std::vector<std::string> labels, double point_size) {
  auto answer = made_up_answer();
  contracts::Outlines outlines{.mask = std::move(mask), .probabilities = {}, .labels = std::move(labels)};
  for (std::size_t label = 0; label < outlines.labels.size(); ++label) {
    const auto values = outlines.mask.as<std::uint8_t>();
    const auto points = static_cast<std::uint64_t>(std::ranges::count(values, static_cast<std::uint8_t>(label + 1)));
    outlines.regions.push_back({.label = outlines.labels[label],
                                .points = points,
                                .size = static_cast<double>(points) * point_size,
                                .parts = points > 0 ? 1U : 0U,
                                .mean_probability = points > 0 ? 0.9 : 0});
  }
  answer.finding = "nodule";
  answer.class_name = "nodule";
  answer.outlines = std::move(outlines);
  return answer;
}

learn::Array mask_of_shape(learn::Shape shape) {
  return learn::Array::zeros(learn::DType::u8, std::move(shape));
}

// Slice `n` of an axial CT, 6 rows and 8 columns, 2.5 mm apart; stored values are 100 n + 10 row + column.
Bytes axial_slice(int n, const std::function<void(dicom::Dataset&)>& change = {}) {
  ObjectSpec spec;
  spec.series = "1.2.3.1.5";
  spec.instance = "1.2.3.1.5." + std::to_string(n + 1);
  spec.rows = 6;
  spec.columns = 8;
  spec.number = n + 1;
  auto d = make_data_set(spec);
  d.set_text(tags::kFrameOfReferenceUID, "1.2.3.1.9").set_text(tags::kPixelSpacing, "0.5\\0.5");
  d.set_text(tags::kImageOrientationPatient, "1\\0\\0\\0\\1\\0").set_text(tags::kSliceThickness, "2.5");
  d.set_text(tags::kImagePositionPatient, "0\\0\\" + std::to_string(100 - 2.5 * n));  // the first lies highest
  d.set_text(tags::kRescaleIntercept, "-1024").set_text(tags::kRescaleSlope, "1");
  Bytes pixels;
  for (int r = 0; r < 6; ++r) {
    for (int c = 0; c < 8; ++c) {
      const int value = 100 * n + 10 * r + c;
      pixels.push_back(static_cast<std::byte>(value & 255));
      pixels.push_back(static_cast<std::byte>(value >> 8));
    }
  }
  d.set_bytes(tags::kPixelData, dicom::Vr::ow, std::move(pixels));
  if (change) change(d);
  return *dicom::write_part10(d, dicom::kExplicitLittle);
}

class OutlinesNode : public AnalysisNode {
 public:
  explicit OutlinesNode(std::string rules = kVolumeRule) : AnalysisNode{std::move(rules)} {}
  ~OutlinesNode() { close(); }

  Json only() { return routed(view()).at(0); }
  std::vector<Bytes> results(std::string_view sop_class) {
    std::vector<Bytes> out;
    const Json row = only();
    for (const auto& uid : row.at("result_instances")) {
      auto file = get(*archive, uid.get<std::string>());
      EXPECT_OK(file);
      if (file && dicom::parse(*file)->sop_class() == sop_class) out.push_back(*std::move(file));
    }
    return out;
  }
};

TEST(AnalysesOutlines, a_mask_on_an_image_becomes_a_segmentation_and_an_area) {
  OutlinesNode node{R"([{"model": "pneumonia", "positive": "nodule"}])"};
  node.predictor.answer = [] {
    auto mask = mask_of_shape({64, 64});
    for (const std::size_t at : {130U, 131U, 195U}) mask.data[at] = std::byte{2};
    return drawn_answer(std::move(mask), {"lung", "nodule"}, 0.25);
  };
  ASSERT_OK(node.open());
  ASSERT_OK(put(*node.archive, make_file(chest())));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  const Json row = node.only();
  EXPECT_EQ(row.at("positive"), true);
  EXPECT_EQ(row.at("regions").at(1).at("points"), 3);
  const auto files = node.results(kSegmentationClass);
  ASSERT_EQ(files.size(), 1U);
  const auto object = *dicom::parse(files[0]);
  const auto segments = object.dataset.items(tags::kSegmentSequence);
  ASSERT_EQ(segments.size(), 1U) << "of what was found only";
  EXPECT_EQ(segments[0].text(tags::kSegmentLabel), "nodule");
  const auto frame = *dicom::decode_frame(object, files[0], 0);
  for (std::size_t at = 0; at < frame.data.size(); ++at)
    ASSERT_EQ(std::to_integer<int>(frame.data[at]), at == 130 || at == 131 || at == 195) << at;
  if (!dicom::testing::has_validator("dciodvfy") || !dicom::testing::has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  for (const auto& uid : row.at("result_instances")) {
    const auto said = dicom::testing::said_by("dciodvfy", *get(*node.archive, uid.get<std::string>()));
    EXPECT_EQ(dicom::testing::error_lines(said), "") << said;
  }
  const auto tree = dicom::testing::said_by("dsrdump +Pc", node.results(kReportClass).at(0));
  EXPECT_NE(tree.find("(42798000,SCT,\"Area\")=\"0.75\" (mm2,UCUM"), std::string::npos) << tree;
}

TEST(AnalysesOutlines, a_series_is_one_volume_by_position_and_its_mask_comes_back_onto_its_slices) {
  OutlinesNode node;
  contracts::VolumeInput seen;
  node.predictor.answer_volume = [&](const contracts::VolumeInput& input) {
    seen = input;
    auto mask = mask_of_shape(input.values.shape);
    // The voxels of 211 and 212: slice 2, row 1, columns 1 and 2, wherever the volume has them.
    for (std::size_t i = 0; i < mask.data.size(); ++i) {
      const float value = input.values.f32()[i] + 1024;
      if (value == 211 || value == 212) mask.data[i] = std::byte{1};
    }
    return drawn_answer(std::move(mask), {"nodule"}, 0.625);
  };
  ASSERT_OK(node.open());
  for (const int n : {3, 0, 4, 1, 2}) ASSERT_OK(put(*node.archive, axial_slice(n)));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  // To the head, to the back, to the left: the lowest slice, which came with the highest number, first.
  EXPECT_EQ(seen.values.shape, (learn::Shape{5, 6, 8}));
  EXPECT_EQ(seen.values.f32()[0], 400 - 1024);
  EXPECT_EQ(seen.values.f32()[4 * 48 + 5 * 8 + 7], 57 - 1024);
  EXPECT_EQ(seen.spacing_mm, (std::vector<double>{2.5, 0.5, 0.5}));
  const Json row = node.only();
  EXPECT_TRUE(row.at("instance").is_null());
  EXPECT_EQ(row.at("images"), 5);
  const auto files = node.results(kSegmentationClass);
  ASSERT_EQ(files.size(), 1U);
  const auto object = *dicom::parse(files[0]);
  const auto groups = object.dataset.items(tags::kPerFrameFunctionalGroupsSequence);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].items(tags::kDerivationImageSequence)[0].items(tags::kSourceImageSequence)[0].text(
                tags::kReferencedSOPInstanceUID),
            "1.2.3.1.5.3");
  EXPECT_DOUBLE_EQ(dicom::frame_plane(object.dataset, 0)->position_mm[2], 95);
  const auto frame = *dicom::decode_frame(object, files[0], 0);
  for (std::size_t at = 0; at < 48; ++at) EXPECT_EQ(std::to_integer<int>(frame.data[at]), at == 9 || at == 10) << at;
  if (!dicom::testing::has_validator("dciodvfy") || !dicom::testing::has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  for (const auto& uid : row.at("result_instances")) {
    const auto said = dicom::testing::said_by("dciodvfy", *get(*node.archive, uid.get<std::string>()));
    EXPECT_EQ(dicom::testing::error_lines(said), "") << said;
  }
  const auto tree = dicom::testing::said_by("dsrdump +Pc +Pt", node.results(kReportClass).at(0));
  EXPECT_NE(tree.find("(118565006,SCT,\"Volume\")=\"1.25\" (mm3,UCUM"), std::string::npos) << tree;
  EXPECT_NE(tree.find("TID 1411 (DCMR)"), std::string::npos) << tree;
  // The box around pixels (1, 1) and (2, 1), for viewers that show regions of images; under the segment's tracking UID.
  const auto report_file = node.results(kReportClass).at(0);
  const auto report = *dicom::parse(report_file);
  const dicom::Dataset measured = report.dataset.items(tags::kContentSequence).back();
  const auto groups_said = measured.items(tags::kContentSequence);
  ASSERT_EQ(groups_said.size(), 3U) << "of the whole image, of the segment, of its box";
  const auto tracked = [](const dicom::Dataset& group) {
    return group.items(tags::kContentSequence)[1].text_or(tags::kUID);
  };
  EXPECT_EQ(tracked(groups_said[1]), tracked(groups_said[2]));
  std::vector<double> box;
  for (const auto& item : groups_said[2].items(tags::kContentSequence)) {
    if (item.text_or(tags::kValueType) == "SCOORD") box = item.numbers(tags::kGraphicData);
  }
  EXPECT_EQ(box, (std::vector<double>{1, 1, 3, 1, 3, 2, 1, 2, 1, 1}));
  EXPECT_EQ(tree.find("E: "), std::string::npos) << tree;
}

TEST(AnalysesOutlines, a_series_that_grew_is_another_volume) {
  OutlinesNode node;
  std::vector<std::int64_t> depths;
  node.predictor.answer_volume = [&](const contracts::VolumeInput& input) {
    depths.push_back(input.values.shape[0]);
    return drawn_answer(mask_of_shape(input.values.shape), {"nodule"}, 1);
  };
  ASSERT_OK(node.open());
  for (const int n : {0, 1, 2}) ASSERT_OK(put(*node.archive, axial_slice(n)));
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed"));
  ASSERT_OK(put(*node.archive, axial_slice(3)));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return routed(now).size() == 1 && routed(now).at(0).at("state") == "analysed" &&
           routed(now).at(0).at("images") == 4;
  }));
  EXPECT_EQ(depths, (std::vector<std::int64_t>{3, 4}));
  EXPECT_TRUE(node.results(kSegmentationClass).empty()) << "nothing was found: there is nothing to draw";
  EXPECT_EQ(node.only().at("positive"), false);
}

TEST(AnalysesOutlines, what_is_no_box_of_voxels_says_why_and_no_model_is_asked) {
  const auto why = [](const std::vector<Bytes>& files) {
    OutlinesNode node;
    node.predictor.answer_volume = [](const contracts::VolumeInput& input) {
      return drawn_answer(mask_of_shape(input.values.shape), {"nodule"}, 1);
    };
    EXPECT_OK(node.open());
    for (const auto& file : files) EXPECT_OK(put(*node.archive, file));
    node.quiet();
    EXPECT_TRUE(node.becomes(
        [](const Json& now) { return routed(now).size() == 1 && routed(now).at(0).at("state") == "not_applicable"; }));
    EXPECT_EQ(node.predictor.volumes(), 0);
    return node.only().at("reason").get<std::string>();
  };
  EXPECT_EQ(why({axial_slice(0), axial_slice(1), axial_slice(2), axial_slice(5)}),
            "the series is no volume: about 2 slices are missing");
  EXPECT_EQ(why({axial_slice(0), axial_slice(1, [](auto& d) { d.erase(tags::kImagePositionPatient); })}),
            "the series is no volume: a slice does not say where it lies");
  EXPECT_EQ(why({axial_slice(0)}), "the model reads volumes and the series has one image");
}

TEST(AnalysesOutlines, masks_that_went_with_the_process_are_asked_for_again_and_nothing_else_changes) {
  OutlinesNode node;
  double probability = 0.9;
  node.predictor.answer_volume = [&](const contracts::VolumeInput& input) {
    auto mask = mask_of_shape(input.values.shape);
    mask.data[0] = std::byte{1};
    auto answer = drawn_answer(std::move(mask), {"nodule"}, 1);
    answer.probability = probability;
    return answer;
  };
  node.passing = 1;  // the segmentation passes, the report does not
  ASSERT_OK(node.open());
  for (const int n : {0, 1}) ASSERT_OK(put(*node.archive, axial_slice(n)));
  node.quiet();
  ASSERT_TRUE(node.becomes([](const Json& now) {
    return now.at("reason").get<std::string>().find("a result cannot be stored") != std::string::npos;
  }));
  node.close();
  node.passing = -1;
  probability = 0.1;
  node.clock.advance(std::chrono::hours{5});
  ASSERT_OK(node.open());
  ASSERT_TRUE(node.becomes("analysed"));
  EXPECT_EQ(node.only().at("probability"), 0.9) << "the answer that was kept";
  EXPECT_EQ(node.results(kSegmentationClass).size(), 1U);
  EXPECT_EQ(node.archive->totals().instances, 2U + 4U) << "segmentation, report, picture and key note, once each";
}

// <xmin>290</xmin> and so on of a VOC annotation.
std::size_t bound(std::string_view xml, std::string_view name) {
  const auto at = xml.find("<" + std::string{name} + ">") + name.size() + 2;
  return static_cast<std::size_t>(std::atoi(std::string{xml.substr(at, 8)}.c_str()));  // NOLINT(cert-err34-c)
}

// The chest CT of the shared data: a model that draws the tumour's boxes, which the files name by SOP instance and by
// pixels. What it draws by position in the volume comes back onto those very slices.
TEST(AnalysesOutlines, a_real_chest_ct_is_a_volume_and_its_tumour_boxes_come_back_onto_their_slices) {
  std::vector<Bytes> files;
  std::map<std::string, std::string> boxes;  // by SOP instance
  if (const auto data = dicom::testing::shared_data(); !data.empty()) {
    for (auto& [name, file] : dicom::testing::read_tar_xz(data / "dicom" / "lung_ct_tcia_A0001.tar.xz")) {
      if (name.ends_with(".xml"))
        boxes[std::filesystem::path{name}.stem().string()] = {reinterpret_cast<const char*>(file.data()), file.size()};
      if (name.ends_with(".dcm")) files.push_back(std::move(file));
    }
  }
  if (files.empty()) GTEST_SKIP() << "skipped: no real data";
  struct Slice {
    double z = 0;
    std::string sop;
  };
  std::vector<Slice> slices;
  for (const auto& file : files) {
    const auto object = *dicom::parse(file);
    slices.push_back({dicom::frame_plane(object.dataset)->position_mm[2], object.sop_instance()});
  }
  std::ranges::sort(slices, {}, &Slice::z);
  OutlinesNode node;
  contracts::VolumeInput seen;
  std::map<std::string, std::size_t> drawn;  // pixels by SOP instance
  node.predictor.answer_volume = [&](const contracts::VolumeInput& input) {
    seen = input;
    auto mask = mask_of_shape(input.values.shape);
    for (std::size_t z = 0; z < slices.size(); ++z) {
      const auto box = boxes.find(slices[z].sop);
      if (box == boxes.end()) continue;
      for (auto y = bound(box->second, "ymin"); y < bound(box->second, "ymax"); ++y) {
        for (auto x = bound(box->second, "xmin"); x < bound(box->second, "xmax"); ++x) {
          mask.data[(z * 512 + y) * 512 + x] = std::byte{1};
          ++drawn[slices[z].sop];
        }
      }
    }
    return drawn_answer(std::move(mask), {"nodule"}, 5 * 0.841796875 * 0.841796875);
  };
  ASSERT_OK(node.open());
  for (const auto& file : files) ASSERT_OK(put(*node.archive, file));
  const std::string study = dicom::parse(files[0])->dataset.text_or(tags::kStudyInstanceUID);
  node.quiet();
  ASSERT_TRUE(node.becomes("analysed", study));
  EXPECT_EQ(seen.values.shape, (learn::Shape{64, 512, 512}));
  EXPECT_EQ(seen.spacing_mm, (std::vector<double>{5, 0.841796875, 0.841796875}));
  // As pydicom 3.0.2 reads them (services/models/test/dicom_source_test.cpp says how).
  const auto value = [&](std::size_t z, std::size_t y, std::size_t x) {
    return seen.values.f32()[(z * 512 + y) * 512 + x];
  };
  EXPECT_EQ(value(0, 256, 256), -99);
  EXPECT_EQ(value(31, 300, 120), -833);
  EXPECT_EQ(value(50, 128, 300), -1003);
  EXPECT_EQ(value(20, 330, 380), -790);
  ASSERT_FALSE(drawn.empty()) << "boxes of these slices";
  const Json row = routed(node.view(study)).at(0);
  const auto bytes = *get(*node.archive, row.at("result_instances").at(0).get<std::string>());
  const auto object = *dicom::parse(bytes);
  ASSERT_EQ(object.sop_class(), kSegmentationClass);
  std::map<std::string, std::size_t> back;
  std::uint32_t number = 0;
  for (const auto& group : object.dataset.items(tags::kPerFrameFunctionalGroupsSequence)) {
    const auto source = group.items(tags::kDerivationImageSequence)[0].items(tags::kSourceImageSequence)[0];
    const auto frame = *dicom::decode_frame(object, bytes, number++);
    back[source.text_or(tags::kReferencedSOPInstanceUID)] =
        static_cast<std::size_t>(std::ranges::count(frame.data, std::byte{1}));
  }
  EXPECT_EQ(back, drawn);
  if (dicom::testing::has_validator("dciodvfy")) {
    const auto said = dicom::testing::said_by("dciodvfy", bytes);
    EXPECT_EQ(dicom::testing::error_lines(said), "") << said;
  }
}

}  // namespace
}  // namespace aceso::archive
