#include "analysis_outlines.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "aceso/dicom/measurement_report.hpp"
#include "aceso/dicom/segmentation.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "result_parts.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using contracts::PictureAnswer;
using Colour = std::array<std::uint8_t, 3>;

// Told apart by people with and without red-green blindness (Okabe and Ito, 2008).
constexpr std::array<Colour, 6> kColours{
    {{213, 94, 0}, {86, 180, 233}, {240, 228, 66}, {0, 158, 115}, {204, 121, 167}, {230, 159, 0}}};
const Colour& colour_of(std::size_t label) {
  return kColours[label % kColours.size()];
}

dicom::AlgorithmIdentification algorithm_of(const PictureAnswer& answer) {
  return {answer.model_name, std::to_string(answer.model_version), {"model hash = " + answer.model_hash}};
}

std::string tracking_uid(std::size_t label, const PictureAnswer& answer, const ResultPlan& plan) {
  return derived_uid("tracking segment " + std::to_string(label), plan.input_sha256, answer, plan);
}
std::string tracking_text(std::size_t label, const PictureAnswer& answer) {
  const std::string of = answer.prediction_id.empty() ? model_text(answer) : answer.prediction_id;
  return of + " " + std::to_string(label + 1);
}

dicom::ImageRegion box_around(const std::vector<std::uint8_t>& mask, std::int64_t columns) {
  std::int64_t left = columns, right = 0, top = -1, bottom = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) continue;
    const auto x = static_cast<std::int64_t>(i) % columns, y = static_cast<std::int64_t>(i) / columns;
    if (top < 0) top = y;
    left = std::min(left, x);
    right = std::max(right, x + 1);
    bottom = y + 1;
  }
  return {static_cast<double>(left), static_cast<double>(top), static_cast<double>(right), static_cast<double>(bottom)};
}

}  // namespace

Result<std::optional<DrawnResult>> make_drawn(std::span<const dicom::Dataset* const> sources,
                                              const PictureAnswer& answer, const MaskOf& mask_of,
                                              const ResultPlan& plan) {
  ACESO_TRY_OK(check_answer(answer));
  const auto& labels = answer.outlines->labels;
  dicom::Segmentation segmentation{.label = "AI", .description = std::string{kNotForDiagnosis}};
  DrawnResult drawn{.object = {}, .segment_of = std::vector<std::size_t>(labels.size())};
  drawn.place_of.resize(labels.size());
  const std::int64_t columns = sources.front()->integer(tags::kColumns).value_or(0);
  std::vector<std::int64_t> share(sources.size());
  for (std::size_t label = 0; label < labels.size(); ++label) {
    std::int64_t most = 0;
    for (std::size_t source = 0; source < sources.size(); ++source) {
      auto mask = mask_of(label, source);
      const auto points = std::ranges::count(mask, std::uint8_t{1});
      if (points == 0) continue;
      if (drawn.segment_of[label] == 0) {
        segmentation.segments.push_back({.label = labels[label],
                                         .description = std::string{kNotForDiagnosis},
                                         .algorithm = algorithm_of(answer),
                                         .tracking_identifier = tracking_text(label, answer),
                                         .tracking_uid = tracking_uid(label, answer, plan),
                                         .colour_rgb = colour_of(label)});
        drawn.segment_of[label] = segmentation.segments.size();
      }
      share[source] += points;
      if (points > most && columns > 0) {
        most = points;
        drawn.place_of[label] = DrawnPlace{reference_of(*sources[source]), box_around(mask, columns)};
      }
      segmentation.frames.push_back(
          {.segment = drawn.segment_of[label] - 1, .source = source, .values = std::move(mask)});
    }
  }
  if (segmentation.frames.empty()) return std::optional<DrawnResult>{};
  drawn.key_source = static_cast<std::size_t>(std::ranges::max_element(share) - share.begin());
  const auto object = object_for("SEG", kSegmentSeries, *sources.front(), answer, plan);
  ACESO_TRY(const auto made, dicom::make_segmentation(sources, object, segmentation));
  ACESO_TRY(auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  drawn.object = {made.text_or(tags::kSOPClassUID), object.sop_instance_uid, object.series_uid, std::move(file)};
  return std::optional{std::move(drawn)};
}

std::vector<dicom::MeasurementGroup> groups_of(const dicom::Dataset& source, const PictureAnswer& answer,
                                               const DrawnResult& drawn, bool volume, const ResultPlan& plan) {
  std::vector<dicom::MeasurementGroup> out;
  for (std::size_t label = 0; label < answer.outlines->regions.size(); ++label) {
    const auto& region = answer.outlines->regions[label];
    if (label >= drawn.segment_of.size() || drawn.segment_of[label] == 0) continue;
    dicom::MeasurementGroup group{.tracking_identifier = tracking_text(label, answer),
                                  .tracking_uid = tracking_uid(label, answer, plan),
                                  .finding = own_code(region.label, region.label),
                                  .algorithm = algorithm_of(answer),
                                  .images = {reference_of(source)}};
    const auto& place = drawn.place_of[label];
    const bool segment = volume && !drawn.object.file.empty();
    dicom::MeasurementGroup box = group;  // of a volume: where to look
    if (place) {
      box.images = {place->image};
      box.region = place->box;
      if (segment) {
        box.texts.push_back({{"121106", "DCM", "Comment"},
                             std::string{kNotForDiagnosis} + ". The box around what was drawn on this image."});
      } else {
        group = box;
      }
    }
    if (region.size && volume) {
      group.numbers.push_back({.concept_name = {"118565006", "SCT", "Volume"},
                               .value = *region.size,
                               .unit = {"mm3", "UCUM", "cubic millimeter"}});
    }
    if (region.size && !volume) {
      group.numbers.push_back({.concept_name = {"42798000", "SCT", "Area"},
                               .value = *region.size,
                               .unit = {"mm2", "UCUM", "square millimeter"}});
    }
    const dicom::CodedEntry none{"1", "UCUM", "no units"};
    group.numbers.push_back({.concept_name = own_code("MEAN_PROBABILITY", "Mean probability of what was drawn"),
                             .value = region.mean_probability,
                             .unit = none});
    group.numbers.push_back({.concept_name = own_code("PARTS", "Parts that do not touch"),
                             .value = static_cast<double>(region.parts),
                             .unit = none});
    group.texts.push_back({{"121106", "DCM", "Comment"}, std::string{kNotForDiagnosis} + "."});
    if (segment) {
      group.segment =
          dicom::ReferencedSegment{{drawn.object.sop_class_uid, drawn.object.sop_instance_uid, drawn.object.series_uid},
                                   static_cast<std::int64_t>(drawn.segment_of[label])};
    }
    out.push_back(std::move(group));
    if (segment && place) out.push_back(std::move(box));
  }
  return out;
}

imaging::Image with_outlines(const imaging::Image& grey, std::size_t labels, const MaskOf& mask_of,
                             std::size_t source) {
  imaging::Image out{.width = grey.width, .height = grey.height, .channels = 3, .pixels = {}};
  out.pixels.reserve(grey.pixels.size() * 3);
  for (const std::byte value : grey.pixels) out.pixels.insert(out.pixels.end(), {value, value, value});
  for (std::size_t label = 0; label < labels; ++label) {
    const auto mask = mask_of(label, source);
    if (mask.size() != grey.pixels.size()) continue;
    const auto set = [&](std::int64_t x, std::int64_t y) {
      return x >= 0 && y >= 0 && x < grey.width && y < grey.height &&
             mask[static_cast<std::size_t>(y * grey.width + x)] != 0;
    };
    for (std::int64_t y = 0; y < grey.height; ++y) {
      for (std::int64_t x = 0; x < grey.width; ++x) {
        if (!set(x, y) || (set(x - 1, y) && set(x + 1, y) && set(x, y - 1) && set(x, y + 1))) continue;
        for (std::size_t c = 0; c < 3; ++c)
          out.pixels[static_cast<std::size_t>(y * grey.width + x) * 3 + c] = std::byte{colour_of(label)[c]};
      }
    }
  }
  return out;
}

}  // namespace aceso::archive
