// Planes of frames and stacks of slices.
#include "aceso/dicom/geometry.hpp"

#include <cmath>

#include "aceso/base/testing.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "conformance.hpp"

namespace aceso::dicom {
namespace {

Dataset slice(const std::vector<double>& position, const std::vector<double>& cosines) {
  Dataset d;
  d.set_numbers(tags::kImagePositionPatient, Vr::ds, position);
  d.set_numbers(tags::kImageOrientationPatient, Vr::ds, cosines);
  return d;
}
Plane axial(double z, double x = 0) {
  return {{x, 0, z}, {1, 0, 0}, {0, 1, 0}};
}

TEST(Geometry, a_plane_is_of_the_frame_or_of_the_data_set) {
  Dataset d = slice({1, 2, 3}, {1, 0, 0, 0, 1, 0});
  const auto whole = frame_plane(d);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->position_mm, (std::array<double, 3>{1, 2, 3}));
  Dataset position, group;
  position.set_numbers(tags::kImagePositionPatient, Vr::ds, std::vector<double>{7, 8, 9});
  group.set_items(tags::kPlanePositionSequence, {position});
  d.set_items(tags::kPerFrameFunctionalGroupsSequence, {Dataset{}, group});
  EXPECT_EQ(frame_plane(d, 0)->position_mm[0], 1);
  EXPECT_EQ(frame_plane(d, 1)->position_mm[0], 7);
}

TEST(Geometry, what_is_no_plane_is_none) {
  EXPECT_FALSE(frame_plane(Dataset{}));
  EXPECT_FALSE(frame_plane(slice({1, 2}, {1, 0, 0, 0, 1, 0})));
  EXPECT_FALSE(frame_plane(slice({1, 2, 3}, {1, 0, 0, 1, 0, 0})));  // parallel
  EXPECT_FALSE(frame_plane(slice({1, 2, 3}, {0, 0, 0, 0, 1, 0})));
  EXPECT_FALSE(frame_plane(slice({1, 2, 1e9}, {1, 0, 0, 0, 1, 0})));
}

TEST(Geometry, spacing_of_the_pixels_comes_before_that_of_the_detector) {
  Dataset d;
  EXPECT_FALSE(pixel_spacing_mm(d));
  d.set_numbers(tags::kImagerPixelSpacing, Vr::ds, std::vector<double>{0.2, 0.2});
  EXPECT_EQ(*pixel_spacing_mm(d), (std::array<double, 2>{0.2, 0.2}));
  d.set_numbers(tags::kPixelSpacing, Vr::ds, std::vector<double>{0.5, 0.6});
  EXPECT_EQ(*pixel_spacing_mm(d), (std::array<double, 2>{0.5, 0.6}));
}

TEST(Geometry, slices_are_ordered_by_position_and_gaps_are_counted) {
  const std::vector<Plane> planes{axial(10), axial(-5), axial(0), axial(5), axial(25)};
  const auto stack = stack_planes(planes);
  ASSERT_OK(stack);
  EXPECT_EQ(stack->order, (std::vector<std::size_t>{1, 2, 3, 0, 4}));
  EXPECT_DOUBLE_EQ(stack->spacing_mm, 5);
  EXPECT_EQ(stack->gaps, 1U);
  EXPECT_EQ(stack->missing, 2U);
  EXPECT_FALSE(stack->even());
  EXPECT_TRUE(stack_planes(std::vector<Plane>{axial(0), axial(5.1), axial(10)})->even());
}

TEST(Geometry, axes_are_turned_to_head_back_and_left) {
  const auto as_it_is = stack_planes(std::vector<Plane>{axial(0), axial(1)});
  EXPECT_EQ(as_it_is->axis, (std::array<std::size_t, 3>{0, 1, 2}));
  EXPECT_EQ(as_it_is->flipped, (std::array<bool, 3>{}));
  // Coronal, rows from head to feet: the normal is (1,0,0) x (0,0,-1) = (0,1,0), to the back.
  const std::vector<Plane> coronal{{{0, 0, 0}, {1, 0, 0}, {0, 0, -1}}, {{0, 2, 0}, {1, 0, 0}, {0, 0, -1}}};
  const auto turned = stack_planes(coronal);
  ASSERT_OK(turned);
  EXPECT_EQ(turned->axis, (std::array<std::size_t, 3>{1, 0, 2}));  // z is the rows, y the slices
  EXPECT_EQ(turned->flipped, (std::array<bool, 3>{true, false, false}));
}

TEST(Geometry, what_is_no_box_is_refused) {
  const auto why = [](const std::vector<Plane>& planes) { return stack_planes(planes).error().message(); };
  EXPECT_NE(why({axial(0)}).find("fewer than two"), std::string::npos);
  EXPECT_NE(why({axial(0), axial(5), axial(5)}).find("one place"), std::string::npos);
  EXPECT_NE(why({axial(0), axial(5, 2), axial(10, 4)}).find("tilted"), std::string::npos);
  EXPECT_NE(why({axial(0), {{0, 0, 5}, {0, 1, 0}, {-1, 0, 0}}}).find("directions"), std::string::npos);
}

TEST(Geometry, whole_modality_values_have_a_known_range) {
  Dataset d;
  PixelFormat format;
  format.bits_stored = 12;
  EXPECT_EQ(*whole_modality_range(d, format), (std::array<double, 2>{0, 4095}));
  d.set_number(tags::kRescaleIntercept, -1024);
  d.set_number(tags::kRescaleSlope, 2);
  EXPECT_EQ(*whole_modality_range(d, format), (std::array<double, 2>{-1024, 7166}));
  format.is_signed = true;
  EXPECT_EQ(*whole_modality_range(d, format), (std::array<double, 2>{-5120, 3070}));
  d.set_number(tags::kRescaleSlope, 0.5);
  EXPECT_FALSE(whole_modality_range(d, format));
}

// Every conformance file: no frame makes it fall, and the three slices of the multi-frame CT stack.
TEST(Geometry, conformance_files) {
  const auto& files = testing::conformance().files;
  if (files.empty()) GTEST_SKIP() << "skipped: no real data";
  std::size_t planes = 0;
  ParseOptions heads;
  heads.skip_pixel_data = true;
  for (const auto& [name, bytes] : files) {
    const auto object = parse(bytes, heads);
    if (!object) continue;
    const auto plane = frame_plane(object->dataset);
    if (plane) ++planes;
    (void)pixel_spacing_mm(object->dataset);
  }
  EXPECT_GT(planes, 50U);
  const auto found = files.find("dcmqi/data/segmentations/23x38x3/multiframe/mf.dcm");
  ASSERT_NE(found, files.end());
  const auto object = parse(found->second, heads);
  ASSERT_OK(object);
  std::vector<Plane> of_frames;
  for (std::uint32_t frame = 0; frame < 3; ++frame) of_frames.push_back(*frame_plane(object->dataset, frame));
  const auto stack = stack_planes(of_frames);
  ASSERT_OK(stack);
  EXPECT_GT(stack->spacing_mm, 0);
}

}  // namespace
}  // namespace aceso::dicom
