#include "result_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "aceso/crypto/hash.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/imaging/text.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using contracts::PictureAnswer;

constexpr std::int64_t kSmallSide = 640;   // smaller pictures are enlarged, so that the text has room
constexpr std::int64_t kLargeSide = 1536;  // larger ones are reduced

// Enlarged by a whole factor or reduced to means of whole blocks, so that the longer side is between the two limits.
imaging::Image resized(const imaging::Image& from) {
  const auto side = std::max(from.width, from.height);
  const auto up = side < kSmallSide ? (kSmallSide + side - 1) / side : 1;
  const auto down = side > kLargeSide ? (side + kLargeSide - 1) / kLargeSide : 1;
  const std::int64_t channels = from.channels;
  imaging::Image out;
  out.channels = from.channels;
  out.width = std::max<std::int64_t>(1, from.width / down) * up;
  out.height = std::max<std::int64_t>(1, from.height / down) * up;
  out.pixels.resize(static_cast<std::size_t>(out.width * out.height * channels));
  for (std::int64_t at = 0; at < out.width * out.height * channels; ++at) {
    const auto channel = at % channels, x = at / channels % out.width, y = at / channels / out.width;
    const auto x0 = x / up * down, y0 = y / up * down;
    const auto x1 = std::min(x0 + down, from.width), y1 = std::min(y0 + down, from.height);
    std::int64_t sum = 0;
    for (auto sy = y0; sy < y1; ++sy) {
      for (auto sx = x0; sx < x1; ++sx) {
        sum += std::to_integer<std::int64_t>(
            from.pixels[static_cast<std::size_t>((sy * from.width + sx) * channels + channel)]);
      }
    }
    out.pixels[static_cast<std::size_t>(at)] = static_cast<std::byte>(sum / ((x1 - x0) * (y1 - y0)));
  }
  return out;
}

}  // namespace

std::string fixed_text(double value) {
  std::array<char, 48> text{};
  (void)std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

std::string window_text(const std::optional<dicom::Window>& window) {
  return window ? fixed_text(window->center) + "/" + fixed_text(window->width) : "of the image";
}

std::string derived_uid(std::string_view kind, std::string_view input, const PictureAnswer& answer,
                        const ResultPlan& plan) {
  std::string text = "aceso result 1\n";
  text +=
      std::string{kind} + "\n" + std::string{input} + "\n" + answer.model_hash + "\n" + window_text(plan.window) + "\n";
  return dicom::uid_from_hash(crypto::sha256(text));
}
std::string fixed_uid(std::string_view what) {
  return dicom::uid_from_hash(crypto::sha256("aceso\n" + std::string{what}));
}

dicom::CodedEntry own_code(std::string value, std::string meaning) {
  return {std::move(value), std::string{kScheme}, std::move(meaning)};
}

std::string model_text(const PictureAnswer& answer) {
  return answer.model_name + " version " + std::to_string(answer.model_version);
}

Status check_answer(const PictureAnswer& answer) {
  if (answer.model_name.empty() || answer.model_version < 1 || answer.model_hash.empty() ||
      answer.intended_use.empty() || answer.uncertainty.text.empty() || answer.finding.empty() ||
      answer.class_name.empty())
    return Error{Code::internal, "the answer lacks model, version, intended use or uncertainty: it is not shown"};
  if (!std::isfinite(answer.probability)) return Error{Code::internal, "the answer's probability is not finite"};
  return {};
}

dicom::DerivedObject object_for(std::string_view kind, std::int64_t series_number, const dicom::Dataset& source,
                                const PictureAnswer& answer, const ResultPlan& plan) {
  return {
      .sop_instance_uid = derived_uid(kind, plan.input_sha256, answer, plan),
      .series_uid = derived_uid(std::string{kind} + " series", source.text_or(tags::kSeriesInstanceUID), answer, plan),
      .series_number = series_number,
      .instance_number = std::max<std::int64_t>(1, source.integer(tags::kInstanceNumber).value_or(1)),
      .series_description = std::string{kNotForDiagnosis} + ": " + model_text(answer),
      .created = plan.created,
      .utc_offset = plan.utc_offset,
      .equipment = {.manufacturer = std::string{kResultManufacturer},
                    .model_name = model_text(answer),
                    .serial_number = plan.node,
                    .software = plan.software}};
}

dicom::ReferencedObject reference_of(const dicom::Dataset& image) {
  return {image.text_or(tags::kSOPClassUID), image.text_or(tags::kSOPInstanceUID),
          image.text_or(tags::kSeriesInstanceUID)};
}

std::optional<dicom::ImageRegion> whole_of(const dicom::Dataset& image) {
  const auto columns = image.integer(tags::kColumns).value_or(0), rows = image.integer(tags::kRows).value_or(0);
  if (columns < 1 || rows < 1) return std::nullopt;
  return dicom::ImageRegion{0, 0, static_cast<double>(columns), static_cast<double>(rows)};
}

// PS3.16 CID 100, Quantitative Diagnostic Imaging Procedures (version 20210905): it has none for radiographs.
dicom::CodedEntry procedure_of(std::string_view modality) {
  if (modality == "CT") return {"25045-6", "LN", "CT unspecified body region"};
  if (modality == "MR") return {"25056-3", "LN", "MRI unspecified body region"};
  if (modality == "PT") return {"44136-0", "LN", "PET unspecified body region"};
  if (modality == "NM") return {"49118-3", "LN", "NM unspecified body region"};
  return {"363679005", "SCT", "Imaging procedure"};
}

Result<BannerPicture> with_banner(const imaging::Image& picture, const std::vector<std::string>& lines) {
  constexpr std::int64_t kMargin = 8, kLead = 3;
  const imaging::Image below = resized(picture);
  const std::int64_t width = std::max(below.width, kSmallSide);
  const std::int64_t scale = width >= 2 * kSmallSide ? 2 : 1;
  const std::int64_t line_height = (imaging::kGlyphHeight + kLead) * scale;
  std::vector<std::pair<std::string, std::int64_t>> wrapped;  // text, scale
  for (const auto& line : lines) {
    const std::int64_t size = wrapped.empty() ? 2 * scale : scale;  // the notice is twice as large
    const auto columns = static_cast<std::size_t>((width - 2 * kMargin) / (imaging::kGlyphWidth * size));
    for (auto& part : imaging::wrap_text(line, columns)) wrapped.emplace_back(std::move(part), size);
  }
  std::int64_t banner = 2 * kMargin;
  for (const auto& [text, size] : wrapped) banner += line_height * size / scale;
  BannerPicture out{
      .image = {}, .left = (width - below.width) / 2, .top = banner, .width = below.width, .height = below.height};
  out.image.channels = below.channels;
  out.image.width = width;
  out.image.height = banner + below.height;
  const std::int64_t channels = below.channels;
  out.image.pixels.resize(static_cast<std::size_t>(width * out.image.height * channels));
  std::int64_t y = kMargin;
  for (const auto& [text, size] : wrapped) {
    ACESO_TRY_OK(imaging::draw_text(out.image, kMargin, y, text, 255, size));
    y += line_height * size / scale;
  }
  for (std::int64_t row = 0; row < below.height; ++row) {
    std::copy_n(below.pixels.begin() + static_cast<std::ptrdiff_t>(row * below.width * channels),
                below.width * channels,
                out.image.pixels.begin() + static_cast<std::ptrdiff_t>(((banner + row) * width + out.left) * channels));
  }
  return out;
}

}  // namespace aceso::archive
