// The image pixel module (PS3.3 C.7.6.3).
#include <array>

#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::dicom {
namespace {

struct Name {
  std::string_view text;
  Photometric value;
};
constexpr std::array<Name, 11> kNames{{{"MONOCHROME1", Photometric::monochrome1},
                                       {"MONOCHROME2", Photometric::monochrome2},
                                       {"PALETTE COLOR", Photometric::palette},
                                       {"RGB", Photometric::rgb},
                                       {"YBR_FULL", Photometric::ybr_full},
                                       {"YBR_FULL_422", Photometric::ybr_full_422},
                                       {"YBR_PARTIAL_422", Photometric::ybr_full_422},
                                       {"YBR_PARTIAL_420", Photometric::ybr_partial_420},
                                       {"YBR_ICT", Photometric::ybr_ict},
                                       {"YBR_RCT", Photometric::ybr_rct},
                                       {"XYB", Photometric::other}}};

std::optional<std::int64_t> in_range(const Dataset& dataset, Tag tag, std::int64_t low, std::int64_t high) {
  const auto value = dataset.integer(tag);
  return value && *value >= low && *value <= high ? value : std::nullopt;
}

Error bad(std::string_view field) {
  return {Code::invalid, std::string{field} + " is missing or out of range"};
}

Status read_depth(const Dataset& dataset, PixelFormat& format) {
  const auto allocated = in_range(dataset, tags::kBitsAllocated, 1, 64);
  if (!allocated || (*allocated != 1 && *allocated != 8 && *allocated != 16 && *allocated != 32 && *allocated != 64))
    return bad("BitsAllocated");
  format.bits_allocated = static_cast<std::uint16_t>(*allocated);
  if (dataset.contains(tags::kFloatPixelData) || dataset.contains(tags::kDoubleFloatPixelData)) {
    format.type = dataset.contains(tags::kFloatPixelData) ? SampleType::float32 : SampleType::float64;
    if (format.bits_allocated != (format.type == SampleType::float32 ? 32 : 64)) return bad("BitsAllocated");
    format.bits_stored = format.bits_allocated;
    format.high_bit = static_cast<std::uint16_t>(format.bits_allocated - 1);
    format.is_signed = true;
    return {};
  }
  const auto stored = in_range(dataset, tags::kBitsStored, 1, *allocated);
  if (dataset.contains(tags::kBitsStored) && !stored) return bad("BitsStored");
  format.bits_stored = static_cast<std::uint16_t>(stored.value_or(*allocated));
  const auto high = in_range(dataset, tags::kHighBit, format.bits_stored - 1, *allocated - 1);
  if (dataset.contains(tags::kHighBit) && !high) return bad("HighBit");
  format.high_bit = static_cast<std::uint16_t>(high.value_or(format.bits_stored - 1));
  format.is_signed = dataset.integer(tags::kPixelRepresentation).value_or(0) == 1;
  return {};
}

}  // namespace

Result<PixelFormat> pixel_format(const Dataset& dataset) {
  if (!dataset.contains(tags::kRows) && !dataset.contains(tags::kColumns))
    return Error{Code::not_found, "the object is no image"};
  PixelFormat format;
  const auto rows = in_range(dataset, tags::kRows, 1, 65535);
  const auto columns = in_range(dataset, tags::kColumns, 1, 65535);
  if (!rows || !columns) return bad("Rows or Columns");
  format.rows = static_cast<std::uint32_t>(*rows);
  format.columns = static_cast<std::uint32_t>(*columns);
  const auto samples = dataset.contains(tags::kSamplesPerPixel) ? in_range(dataset, tags::kSamplesPerPixel, 1, 4)
                                                                : std::optional<std::int64_t>{1};
  if (!samples) return bad("SamplesPerPixel");
  format.samples = static_cast<std::uint16_t>(*samples);
  ACESO_TRY_OK(read_depth(dataset, format));
  format.planar = format.samples > 1 && dataset.integer(tags::kPlanarConfiguration).value_or(0) == 1;
  const std::string name = dataset.text_or(tags::kPhotometricInterpretation);
  format.photometric = format.samples > 1 ? Photometric::rgb : Photometric::monochrome2;
  if (!name.empty()) format.photometric = Photometric::other;
  for (const auto& known : kNames) {
    if (known.text == name) format.photometric = known.value;
  }
  const bool one = format.photometric == Photometric::monochrome1 || format.photometric == Photometric::monochrome2 ||
                   format.photometric == Photometric::palette;
  if (format.photometric != Photometric::other && one != (format.samples == 1))
    return Error{Code::invalid, "SamplesPerPixel and PhotometricInterpretation contradict each other"};
  const std::int64_t frames = dataset.integer(tags::kNumberOfFrames).value_or(1);
  if (frames < 1 || frames > 4'000'000) return bad("NumberOfFrames");
  format.frames = static_cast<std::uint32_t>(frames);
  return format;
}

}  // namespace aceso::dicom
