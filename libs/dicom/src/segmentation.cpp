#include "aceso/dicom/segmentation.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "aceso/dicom/geometry.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "derived_parts.hpp"
#include "report_content.hpp"

namespace aceso::dicom {
namespace {

using Sources = std::span<const Dataset* const>;

constexpr std::size_t kMaxSegments = 65535;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 31;

struct Size {
  std::int64_t rows = 0, columns = 0;
  bool operator==(const Size&) const = default;
};
Size size_of(const Dataset& image) {
  return {image.integer(tags::kRows).value_or(0), image.integer(tags::kColumns).value_or(0)};
}

Status check_sources(Sources sources) {
  if (sources.empty()) return Error{Code::invalid, "a segmentation needs the images it was made of"};
  const Size size = size_of(*sources.front());
  const auto series = sources.front()->text_or(tags::kSeriesInstanceUID);
  for (const Dataset* one : sources) {
    if (one->integer(tags::kNumberOfFrames).value_or(1) > 1)
      return Error{Code::unsupported, "images of several frames are not segmented"};
    if (size.rows < 1 || size.columns < 1 || size_of(*one) != size)
      return Error{Code::invalid, "the segmented images differ in size"};
    if (one->text_or(tags::kSeriesInstanceUID) != series)
      return Error{Code::invalid, "the segmented images are of several series"};
    if (!is_tolerable_uid(one->text_or(tags::kSOPInstanceUID)) || !is_tolerable_uid(one->text_or(tags::kSOPClassUID)))
      return Error{Code::invalid, "a segmented image has no UID"};
  }
  return {};
}

Status check_segments(const Segmentation& s) {
  if (s.segments.empty()) return Error{Code::invalid, "a segmentation needs a segment"};
  if (s.segments.size() > kMaxSegments) return Error{Code::too_large, "more than 65535 segments"};
  if (!is_content_label(s.label))
    return Error{Code::invalid, "a content label has 1 to 16 capitals, digits, spaces and underscores"};
  for (const auto& one : s.segments) {
    if (one.label.empty()) return Error{Code::invalid, "a segment needs a label"};
    if (one.algorithm.name.empty() || one.algorithm.version.empty())
      return Error{Code::invalid, "an algorithm is named with its version"};
    if (one.tracking_identifier.empty() != one.tracking_uid.empty())
      return Error{Code::invalid, "a tracked segment has an identifier and a UID"};
  }
  return {};
}

Status check_frames(Sources sources, const Segmentation& s) {
  if (s.frames.empty()) return Error{Code::invalid, "a segmentation needs a frame"};
  const Size size = size_of(*sources.front());
  const auto pixels = static_cast<std::uint64_t>(size.rows * size.columns);
  if (s.frames.size() > kMaxBytes / pixels) return Error{Code::too_large, "a segmentation of more than 2 GiB"};
  std::set<std::pair<std::size_t, std::size_t>> seen;
  for (const auto& frame : s.frames) {
    if (frame.segment >= s.segments.size() || frame.source >= sources.size())
      return Error{Code::invalid, "a frame refers to a segment or image that is not there"};
    if (frame.values.size() != pixels) return Error{Code::invalid, "a mask has another size than its image"};
    if (!s.fractional && std::ranges::any_of(frame.values, [](std::uint8_t v) { return v > 1; }))
      return Error{Code::invalid, "a binary mask holds values above 1"};
    if (!seen.emplace(frame.segment, frame.source).second)
      return Error{Code::invalid, "two masks of one segment on one image"};
  }
  return {};
}

// Planes of all sources, when each has one and all lie in one frame of reference; else none.
std::optional<std::vector<Plane>> planes_of(Sources sources) {
  std::vector<Plane> out;
  const auto reference = sources.front()->text_or(tags::kFrameOfReferenceUID);
  if (reference.empty() || !pixel_spacing_mm(*sources.front())) return std::nullopt;
  for (const Dataset* one : sources) {
    const auto plane = frame_plane(*one);
    if (!plane || one->text_or(tags::kFrameOfReferenceUID) != reference) return std::nullopt;
    out.push_back(*plane);
  }
  return out;
}

// PS3.3 table 10-19.
Dataset algorithm_item(const AlgorithmIdentification& algorithm) {
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  item.set_items(tags::kAlgorithmFamilyCodeSequence, {code_item(dcm_code("123110", "Artificial Intelligence"))});
  item.set_text(tags::kAlgorithmName, clipped_text(algorithm.name, 64));
  item.set_text(tags::kAlgorithmVersion, clipped_text(algorithm.version, 64));
  std::string parameters;
  for (const auto& one : algorithm.parameters) parameters += (parameters.empty() ? "" : "; ") + one;
  if (!parameters.empty()) item.set_text(tags::kAlgorithmParameters, parameters);
  return finished_item(std::move(item));
}

Dataset segment_item(const Segment& segment, std::size_t number) {
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  item.set_integer(tags::kSegmentNumber, static_cast<std::int64_t>(number));
  item.set_text(tags::kSegmentLabel, clipped_text(segment.label, 64));
  if (!segment.description.empty()) item.set_text(tags::kSegmentDescription, clipped_text(segment.description, 1024));
  item.set_text(tags::kSegmentAlgorithmType, "AUTOMATIC");
  item.set_text(tags::kSegmentAlgorithmName, clipped_text(segment.algorithm.name, 64));
  item.set_items(tags::kSegmentationAlgorithmIdentificationSequence, {algorithm_item(segment.algorithm)});
  item.set_items(tags::kSegmentedPropertyCategoryCodeSequence, {code_item(segment.category)});
  item.set_items(tags::kSegmentedPropertyTypeCodeSequence, {code_item(segment.type)});
  item.set_integers(tags::kRecommendedDisplayCIELabValue, Vr::us, dicom_cielab(segment.colour_rgb));
  if (!segment.tracking_uid.empty())
    item.set_text(tags::kTrackingID, segment.tracking_identifier).set_text(tags::kTrackingUID, segment.tracking_uid);
  return finished_item(std::move(item));
}

Dataset dimension_item(std::string_view organization, Tag pointer, Tag group, std::string_view label) {
  Dataset item;
  item.set_text(tags::kDimensionOrganizationUID, organization);
  item.set_integer(tags::kDimensionIndexPointer, pointer.value());
  item.set_integer(tags::kFunctionalGroupPointer, group.value());
  item.set_text(tags::kDimensionDescriptionLabel, label);
  return item;
}

void set_dimensions(Dataset& d, bool planes) {
  const auto organization = d.text_or(tags::kSOPInstanceUID);  // unique to this object
  Dataset named;
  named.set_text(tags::kDimensionOrganizationUID, organization);
  d.set_items(tags::kDimensionOrganizationSequence, {std::move(named)});
  std::vector<Dataset> index;
  index.push_back(
      dimension_item(organization, tags::kReferencedSegmentNumber, tags::kSegmentIdentificationSequence, "Segment"));
  if (planes)
    index.push_back(
        dimension_item(organization, tags::kImagePositionPatient, tags::kPlanePositionSequence, "Position"));
  d.set_items(tags::kDimensionIndexSequence, std::move(index));
}

// C.7.6.16.2.1, C.7.6.16.2.4.
Dataset shared_groups(const Dataset& source, const std::vector<Plane>& planes) {
  Dataset shared;
  const auto spacing = *pixel_spacing_mm(source);
  Dataset measures;
  measures.set_numbers(tags::kPixelSpacing, Vr::ds, spacing);
  double thickness = source.number(tags::kSliceThickness).value_or(0);
  double between = 0;
  if (planes.size() > 1) {
    if (const auto stack = stack_planes(planes)) between = stack->spacing_mm;
  }
  if (thickness <= 0) thickness = between;
  if (thickness > 0) measures.set_number(tags::kSliceThickness, thickness);
  if (between > 0) measures.set_number(tags::kSpacingBetweenSlices, between);
  shared.set_items(tags::kPixelMeasuresSequence, {std::move(measures)});
  Dataset orientation;
  if (const auto given = source.numbers(tags::kImageOrientationPatient); given.size() == 6)
    orientation.set_numbers(tags::kImageOrientationPatient, Vr::ds, given);
  shared.set_items(tags::kPlaneOrientationSequence, {std::move(orientation)});
  return shared;
}

Dataset frame_groups(const Dataset& source, std::size_t segment, std::size_t position, bool plane) {
  Dataset frame;
  Dataset derivation;
  derivation.set_items(tags::kDerivationCodeSequence, {code_item(dcm_code("113076", "Segmentation"))});
  Dataset from = source_image_item(source);
  from.set_text(tags::kSpatialLocationsPreserved, "YES");
  derivation.set_items(tags::kSourceImageSequence, {std::move(from)});
  frame.set_items(tags::kDerivationImageSequence, {std::move(derivation)});
  std::vector<std::int64_t> index{static_cast<std::int64_t>(segment)};
  if (plane) index.push_back(static_cast<std::int64_t>(position));
  Dataset content;
  content.set_integers(tags::kDimensionIndexValues, Vr::ul, index);
  frame.set_items(tags::kFrameContentSequence, {std::move(content)});
  if (plane) {
    Dataset place;
    place.set_numbers(tags::kImagePositionPatient, Vr::ds, source.numbers(tags::kImagePositionPatient));
    frame.set_items(tags::kPlanePositionSequence, {std::move(place)});
  }
  Dataset identification;
  identification.set_integer(tags::kReferencedSegmentNumber, static_cast<std::int64_t>(segment));
  frame.set_items(tags::kSegmentIdentificationSequence, {std::move(identification)});
  return frame;
}

// PS3.5 8.1.1: bits of all frames one after the other, the first pixel in the lowest bit.
std::vector<std::byte> packed(const std::vector<const SegmentedFrame*>& frames, bool fractional) {
  std::vector<std::byte> out;
  if (fractional) {
    for (const auto* frame : frames) {
      std::ranges::transform(frame->values, std::back_inserter(out), [](std::uint8_t v) { return std::byte{v}; });
    }
    return out;
  }
  std::uint64_t bit = 0;
  for (const auto* frame : frames) {
    out.resize((bit + frame->values.size() + 7) / 8);
    for (const std::uint8_t value : frame->values) {
      if (value != 0) out[bit / 8] |= std::byte{1} << (bit % 8);
      ++bit;
    }
  }
  return out;
}

}  // namespace

std::array<std::int64_t, 3> dicom_cielab(std::array<std::uint8_t, 3> rgb) {
  std::array<double, 3> linear{};
  for (std::size_t i = 0; i < 3; ++i) {  // IEC 61966-2-1
    const double v = rgb[i] / 255.0;
    linear[i] = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  }
  // To XYZ of D65, by its white point; CIE 15:2004, 8.2.1.
  const double x = (0.4124564 * linear[0] + 0.3575761 * linear[1] + 0.1804375 * linear[2]) / 0.95047;
  const double y = 0.2126729 * linear[0] + 0.7151522 * linear[1] + 0.0721750 * linear[2];
  const double z = (0.0193339 * linear[0] + 0.1191920 * linear[1] + 0.9503041 * linear[2]) / 1.08883;
  const auto f = [](double t) { return t > 216.0 / 24389.0 ? std::cbrt(t) : (24389.0 / 27.0 * t + 16.0) / 116.0; };
  const double l = 116 * f(y) - 16, a = 500 * (f(x) - f(y)), b = 200 * (f(y) - f(z));
  const auto scaled = [](double v, double low, double range) {
    return static_cast<std::int64_t>(std::lround(std::clamp((v - low) / range, 0.0, 1.0) * 65535));
  };
  return {scaled(l, 0, 100), scaled(a, -128, 255), scaled(b, -128, 255)};
}

Result<Dataset> make_segmentation(std::span<const Dataset* const> sources, const DerivedObject& object,
                                  const Segmentation& s) {
  ACESO_TRY_OK(check_sources(sources));
  ACESO_TRY_OK(check_segments(s));
  ACESO_TRY_OK(check_frames(sources, s));
  const Dataset& first = *sources.front();
  const auto planes = planes_of(sources);
  Dataset d = make_derived(first, kSegmentationStorage, "SEG", object);
  set_side(d, first);
  d.erase(tags::kLaterality);  // dciodvfy takes none in a segmentation; its source images say it
  if (planes) {
    d.set_text(tags::kFrameOfReferenceUID, first.text_or(tags::kFrameOfReferenceUID));
    d.set_empty(tags::kPositionReferenceIndicator);
  } else {
    set_orientation(d, first);
  }
  d.set_text(tags::kImageType, "DERIVED\\PRIMARY");
  d.set_text(tags::kContentLabel, s.label).set_text(tags::kContentDescription, clipped_text(s.description, 64));
  d.set_empty(tags::kContentCreatorName);
  d.set_text(tags::kLossyImageCompression, first.text_or(tags::kLossyImageCompression) == "01" ? "01" : "00");
  for (const Tag tag : {tags::kLossyImageCompressionRatio, tags::kLossyImageCompressionMethod}) {
    const Element* found = first.find(tag);
    if (first.text_or(tags::kLossyImageCompression) == "01" && found != nullptr && !found->bytes().empty())
      d.set(*found);
  }
  const Size size = size_of(first);
  const std::int64_t bits = s.fractional ? 8 : 1;
  d.set_integer(tags::kSamplesPerPixel, 1).set_text(tags::kPhotometricInterpretation, "MONOCHROME2");
  d.set_integer(tags::kRows, size.rows).set_integer(tags::kColumns, size.columns);
  d.set_integer(tags::kBitsAllocated, bits).set_integer(tags::kBitsStored, bits).set_integer(tags::kHighBit, bits - 1);
  d.set_integer(tags::kPixelRepresentation, 0);
  d.set_text(tags::kSegmentationType, s.fractional ? "FRACTIONAL" : "BINARY");
  if (s.fractional)
    d.set_text(tags::kSegmentationFractionalType, "PROBABILITY").set_integer(tags::kMaximumFractionalValue, 255);
  std::vector<Dataset> segments;
  for (const auto& one : s.segments) segments.push_back(segment_item(one, segments.size() + 1));
  d.set_items(tags::kSegmentSequence, std::move(segments));

  std::vector<const SegmentedFrame*> order;
  for (const auto& frame : s.frames) order.push_back(&frame);
  std::ranges::sort(order, {}, [](const auto* f) { return std::pair{f->segment, f->source}; });
  set_dimensions(d, planes.has_value());
  d.set_items(tags::kSharedFunctionalGroupsSequence, {planes ? shared_groups(first, *planes) : Dataset{}});
  std::vector<Dataset> frames;
  std::set<std::size_t> used;
  for (const auto* frame : order) {
    frames.push_back(frame_groups(*sources[frame->source], frame->segment + 1, frame->source + 1, planes.has_value()));
    used.insert(frame->source);
  }
  d.set_integer(tags::kNumberOfFrames, static_cast<std::int64_t>(frames.size()));
  d.set_items(tags::kPerFrameFunctionalGroupsSequence, std::move(frames));

  std::vector<Dataset> instances;  // C.12.2
  for (const std::size_t at : used)
    instances.push_back(
        object_reference({sources[at]->text_or(tags::kSOPClassUID), sources[at]->text_or(tags::kSOPInstanceUID), {}}));
  Dataset series;
  series.set_text(tags::kSeriesInstanceUID, first.text_or(tags::kSeriesInstanceUID));
  series.set_items(tags::kReferencedInstanceSequence, std::move(instances));
  d.set_items(tags::kReferencedSeriesSequence, {std::move(series)});
  d.set_bytes(tags::kPixelData, Vr::ob, packed(order, s.fractional));
  return d;
}

}  // namespace aceso::dicom
