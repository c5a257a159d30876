#include "pixels.hpp"

#include <algorithm>
#include <array>

#include "aceso/dicom/encode.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::privacy {
namespace {

using namespace dicom;

constexpr std::string_view kStorage = "1.2.840.10008.5.1.4.1.1.";

bool matches(const Dataset& data, const PixelRule& rule) {
  return std::ranges::all_of(rule.match, [&](const auto& wanted) {
    const auto tag = parse_tag(wanted.first);
    return tag && data.text_or(*tag) == wanted.second;
  });
}

bool inside(const std::vector<Rectangle>& areas, std::uint32_t x, std::uint32_t y) {
  return std::ranges::any_of(
      areas, [&](const Rectangle& r) { return x >= r.x && y >= r.y && x - r.x < r.width && y - r.y < r.height; });
}

std::vector<Rectangle> ultrasound_regions(const Dataset& data) {
  std::vector<Rectangle> out;
  for (const Dataset& region : data.items(tags::kSequenceOfUltrasoundRegions)) {
    const auto x0 = region.integer(tags::kRegionLocationMinX0);
    const auto y0 = region.integer(tags::kRegionLocationMinY0);
    const auto x1 = region.integer(tags::kRegionLocationMaxX1);
    const auto y1 = region.integer(tags::kRegionLocationMaxY1);
    if (!x0 || !y0 || !x1 || !y1 || *x0 < 0 || *y0 < 0 || *x1 < *x0 || *y1 < *y0 || *x1 > 65535 || *y1 > 65535)
      continue;
    out.push_back({static_cast<std::uint32_t>(*x0), static_cast<std::uint32_t>(*y0),
                   static_cast<std::uint32_t>(*x1 - *x0 + 1), static_cast<std::uint32_t>(*y1 - *y0 + 1)});
  }
  return out;
}

void blank_pixel(Frame& frame, std::size_t pixel) {
  const std::size_t width = frame.bits / 8U;
  std::byte* at = frame.data.data() + pixel * frame.samples * width;
  std::fill_n(at, frame.samples * width, std::byte{0});
  const bool difference = frame.photometric == Photometric::ybr_full && frame.samples == 3 && width == 1;
  if (difference) at[1] = at[2] = std::byte{128};
}

void blank(Frame& frame, const Blanking& blanking) {
  for (std::uint32_t y = 0; y < frame.rows; ++y) {
    for (std::uint32_t x = 0; x < frame.columns; ++x) {
      if (inside(blanking.blank, x, y) || (!blanking.keep.empty() && !inside(blanking.keep, x, y)))
        blank_pixel(frame, std::size_t{y} * frame.columns + x);
    }
  }
}

}  // namespace

std::string suspicion(const Object& object) {
  const Dataset& data = object.dataset;
  const std::string burned = data.text_or(tags::kBurnedInAnnotation);
  if (burned == "YES") return "BurnedInAnnotation says YES";
  if (object.syntax->codec == Codec::mpeg) return "video";
  const std::string type = data.text_or(tags::kImageType) + '\\' + data.text(tags::kImageType, 2).value_or("");
  if (data.text_or(tags::kConversionType) != "" && burned != "NO") return "made by a converter or a screen shot";
  if (type.find("SCREEN") != std::string::npos) return "a screen shot";
  std::string_view sop = "";
  const std::string uid = object.sop_class();
  if (uid.starts_with(kStorage)) sop = std::string_view{uid}.substr(kStorage.size());
  if (sop.starts_with("7") && (sop.size() == 1 || sop[1] == '.') && burned != "NO") return "a secondary capture";
  const bool ultrasound = sop == "3.1" || sop == "6.1" || sop == "6" || sop == "3" || sop == "6.2";
  if (ultrasound && burned != "NO") return "ultrasound";
  if (sop.starts_with("77.1.") && burned != "NO") return "endoscopy or photography";
  return "";
}

Blanking blanking_for(const Object& object, const DeidOptions& options) {
  Blanking out;
  if (!options.clean_pixel_data) return out;
  for (const PixelRule& rule : options.pixel_rules) {
    if (!matches(object.dataset, rule)) continue;
    out.blank.insert(out.blank.end(), rule.blank.begin(), rule.blank.end());
    out.keep.insert(out.keep.end(), rule.keep.begin(), rule.keep.end());
    out.rules.push_back(rule.name);
  }
  if (!out.rules.empty()) return out;
  out.keep = ultrasound_regions(object.dataset);
  if (!out.keep.empty()) out.rules.emplace_back("regions of the ultrasound image");
  return out;
}

bool has_embedded_overlay(const Dataset& dataset) {
  for (std::uint16_t group = 0x6000; group <= 0x60FE; group = static_cast<std::uint16_t>(group + 2)) {
    if (dataset.integer({group, 0x0102}).value_or(0) > 0 && !dataset.contains({group, 0x3000})) return true;
  }
  return false;
}

Status rewrite_pixels(const Object& object, std::span<const std::byte> bytes, const Blanking& blanking, Dataset& out) {
  ACESO_TRY(const PixelFormat format, pixel_format(object.dataset));
  if (format.bits_allocated == 1) return Error{Code::unsupported, "single-bit pixels are not rewritten"};
  const std::uint64_t frame_size =
      std::uint64_t{format.rows} * format.columns * format.samples * (format.bits_allocated / 8U);
  if (frame_size * format.frames > (std::uint64_t{1} << 31)) return Error{Code::too_large, "pixels of more than 2 GiB"};
  std::vector<std::byte> pixels;
  pixels.reserve(static_cast<std::size_t>(frame_size * format.frames));
  Frame frame;
  for (std::uint32_t i = 0; i < format.frames; ++i) {
    ACESO_TRY(frame, decode_frame(object, bytes, i));
    blank(frame, blanking);
    pixels.insert(pixels.end(), frame.data.begin(), frame.data.end());
  }
  for (const Tag table : {tags::kExtendedOffsetTable, tags::kExtendedOffsetTableLengths}) out.erase(table);
  if (frame.type == SampleType::float32) return Error{Code::unsupported, "floating point pixels are not rewritten"};
  if (frame.type == SampleType::float64) return Error{Code::unsupported, "floating point pixels are not rewritten"};
  out.set_bytes(tags::kPixelData, frame.bits == 8 ? Vr::ob : Vr::ow, std::move(pixels));
  out.set_text(tags::kPhotometricInterpretation, encoded_photometric(frame, kExplicitLittle));
  out.set_integer(tags::kHighBit, frame.bits_stored - 1);
  if (frame.samples > 1) out.set_integer(tags::kPlanarConfiguration, 0);
  if (object.syntax->lossy && !out.contains(tags::kLossyImageCompression))
    out.set_text(tags::kLossyImageCompression, "01");
  return {};
}

}  // namespace aceso::privacy
