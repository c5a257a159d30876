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

void blank(const Dataset& dataset, Frame& frame, std::uint32_t number, const Blanking& blanking) {
  if (blanking.empty()) return;
  const auto black = black_of(dataset, frame, number);
  for (const Rectangle& area : blanking.blank) fill(frame, area, black);
  if (blanking.keep.empty()) return;
  for (std::uint32_t y = 0; y < frame.rows; ++y) {
    for (std::uint32_t x = 0; x < frame.columns; ++x) {
      if (!inside(blanking.keep, x, y)) fill(frame, {x, y, 1, 1}, black);
    }
  }
}

// Errors as clean_pixels.
Result<std::vector<Frame>> decoded(const Object& object, std::span<const std::byte> bytes) {
  ACESO_TRY(const PixelFormat format, pixel_format(object.dataset));
  if (format.bits_allocated == 1) return Error{Code::unsupported, "single-bit pixels are not rewritten"};
  if (format.type != SampleType::integer) return Error{Code::unsupported, "floating point pixels are not rewritten"};
  const std::uint64_t frame_size =
      std::uint64_t{format.rows} * format.columns * format.samples * (format.bits_allocated / 8U);
  if (frame_size * format.frames > (std::uint64_t{1} << 31)) return Error{Code::too_large, "pixels of more than 2 GiB"};
  std::vector<Frame> frames(format.frames);
  for (std::uint32_t i = 0; i < format.frames; ++i) {
    ACESO_TRY(frames[i], decode_frame(object, bytes, i));
  }
  if (frames.empty()) return Error{Code::invalid, "an image without frames"};
  return frames;
}

}  // namespace

std::string suspicion(const Object& object) {
  const Dataset& data = object.dataset;
  const std::string burned = data.text_or(tags::kBurnedInAnnotation);
  if (burned == "YES") return "BurnedInAnnotation says YES";
  if (object.syntax->codec == Codec::mpeg) return "video";
  const std::string type = data.text_or(tags::kImageType) + '\\' + data.text(tags::kImageType, 2).value_or("");
  if (!data.text_or(tags::kConversionType).empty() && burned != "NO") return "made by a converter or a screen shot";
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

Result<CleanedPixels> clean_pixels(const Object& object, std::span<const std::byte> bytes, const PixelWork& work,
                                   const DeidControl& control, Dataset& out) {
  ACESO_TRY(auto frames, decoded(object, bytes));
  for (std::uint32_t i = 0; i < frames.size(); ++i) blank(object.dataset, frames[i], i, work.blanking);
  CleanedPixels done;
  if (work.detect) {
    ACESO_TRY(done.text, clean_text_of(object.dataset, frames, control));
  }
  done.changed = work.rewrite || !work.blanking.empty() || !done.text.found.empty();
  if (!done.changed) return done;
  const Frame& first = frames.front();
  const bool wide = first.bits != 8;
  const std::string photometric{encoded_photometric(first, kExplicitLittle)};
  out.set_text(tags::kPhotometricInterpretation, photometric);
  out.set_integer(tags::kHighBit, first.bits_stored - 1);
  if (first.samples > 1) out.set_integer(tags::kPlanarConfiguration, 0);
  std::vector<std::byte> pixels;
  pixels.reserve(frames.size() * first.data.size() + 1);
  for (Frame& frame : frames) {
    pixels.insert(pixels.end(), frame.data.begin(), frame.data.end());
    frame.data = {};
  }
  for (const Tag table : {tags::kExtendedOffsetTable, tags::kExtendedOffsetTableLengths}) out.erase(table);
  out.set_bytes(tags::kPixelData, wide ? Vr::ow : Vr::ob, std::move(pixels));
  if (object.syntax->lossy && !out.contains(tags::kLossyImageCompression))
    out.set_text(tags::kLossyImageCompression, "01");
  return done;
}

}  // namespace aceso::privacy
