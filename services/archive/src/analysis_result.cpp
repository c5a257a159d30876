#include "analysis_result.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "aceso/crypto/hash.hpp"
#include "aceso/dicom/measurement_report.hpp"
#include "aceso/dicom/secondary_capture.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "aceso/imaging/text.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using contracts::PictureAnswer;
using dicom::CodedEntry;

constexpr std::string_view kScheme = "99ACESO";
constexpr std::int64_t kReportSeries = 9001;  // series numbers behind those of modalities
constexpr std::int64_t kPictureSeries = 9002;
constexpr std::int64_t kSmallSide = 640;   // smaller pictures are enlarged, so that the text has room
constexpr std::int64_t kLargeSide = 1536;  // larger ones are reduced

std::string fixed(double value) {
  std::array<char, 48> text{};
  (void)std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

std::string window_text(const std::optional<dicom::Window>& window) {
  return window ? fixed(window->center) + "/" + fixed(window->width) : "of the image";
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

CodedEntry own(std::string value, std::string meaning) {
  return {std::move(value), std::string{kScheme}, std::move(meaning)};
}

// SNOMED CT procedures by modality; PS3.16 CID 100 may be extended.
CodedEntry procedure_of(std::string_view modality) {
  if (modality == "CT") return {"77477000", "SCT", "Computed tomography"};
  if (modality == "MR") return {"113091000", "SCT", "Magnetic resonance imaging"};
  if (modality == "DX" || modality == "CR") return {"363680008", "SCT", "Radiographic imaging"};
  return {"363679005", "SCT", "Imaging procedure"};
}

Status check(const PictureAnswer& answer) {
  if (answer.model_name.empty() || answer.model_version < 1 || answer.model_hash.empty() ||
      answer.intended_use.empty() || answer.uncertainty.text.empty() || answer.finding.empty() ||
      answer.class_name.empty())
    return Error{Code::internal, "the answer lacks model, version, intended use or uncertainty: it is not shown"};
  if (!std::isfinite(answer.probability)) return Error{Code::internal, "the answer's probability is not finite"};
  return {};
}

std::string model_text(const PictureAnswer& answer) {
  return answer.model_name + " version " + std::to_string(answer.model_version);
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

dicom::MeasurementGroup group_of(const dicom::Dataset& source, const PictureAnswer& answer, const ResultPlan& plan) {
  const CodedEntry none{"1", "UCUM", "no units"};
  const auto speaks_of = dicom::ReportedCode{own("CLASS", "Class"), own(answer.class_name, answer.class_name)};
  dicom::MeasurementGroup group{
      .tracking_identifier = answer.prediction_id.empty() ? model_text(answer) : answer.prediction_id,
      .tracking_uid = derived_uid("tracking", plan.input_sha256, answer, plan),
      .finding = own(answer.finding, answer.finding),
      .algorithm = {.name = answer.model_name,
                    .version = std::to_string(answer.model_version),
                    .parameters = {"model hash = " + answer.model_hash, "window = " + window_text(plan.window)}},
      .images = {{source.text_or(tags::kSOPClassUID), source.text_or(tags::kSOPInstanceUID),
                  source.text_or(tags::kSeriesInstanceUID)}}};
  if (answer.threshold) group.algorithm.parameters.push_back("decision threshold = " + fixed(*answer.threshold));
  group.numbers.push_back({.concept_name = {"122157", "DCM", "Probability"},
                           .value = answer.probability,
                           .unit = none,
                           .modifiers = {speaks_of}});
  if (const auto& interval = answer.uncertainty.interval) {
    group.numbers.push_back({.concept_name = own("OBSERVED", "Observed frequency in validation cases"),
                             .value = interval->observed,
                             .unit = none,
                             .modifiers = {speaks_of}});
    group.numbers.push_back({.concept_name = own("OBSERVED_LOW", "Lower bound of observed frequency, 95 %"),
                             .value = interval->low,
                             .unit = none});
    group.numbers.push_back({.concept_name = own("OBSERVED_HIGH", "Upper bound of observed frequency, 95 %"),
                             .value = interval->high,
                             .unit = none});
  }
  group.texts.push_back({{"121106", "DCM", "Comment"}, std::string{kNotForDiagnosis} + "."});
  group.texts.push_back({own("INTENDED_USE", "Intended use of the model"), answer.intended_use});
  group.texts.push_back({own("UNCERTAINTY", "Uncertainty"), answer.uncertainty.text});
  for (const auto& warning : answer.warnings) group.texts.push_back({own("WARNING", "Warning"), warning});
  return group;
}

Result<ResultObject> report_of(const dicom::Dataset& source, const PictureAnswer& answer, const ResultPlan& plan) {
  const auto object = object_for("SR", kReportSeries, source, answer, plan);
  const dicom::MeasurementReport report{.device_uid = fixed_uid("node " + plan.node),
                                        .device_name = "Aceso " + plan.node,
                                        .procedure = procedure_of(source.text_or(tags::kModality)),
                                        .schemes = {{std::string{kScheme}, fixed_uid("coding scheme"), "Aceso"}},
                                        .groups = {group_of(source, answer, plan)}};
  ACESO_TRY(const auto made, dicom::make_measurement_report(source, object, report));
  ACESO_TRY(auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  return ResultObject{object.sop_instance_uid, std::move(file)};
}

// Enlarged by a whole factor or reduced to means of whole blocks, so that the longer side is between the two limits.
imaging::Image resized(const imaging::Image& from) {
  const auto side = std::max(from.width, from.height);
  const auto up = side < kSmallSide ? (kSmallSide + side - 1) / side : 1;
  const auto down = side > kLargeSide ? (side + kLargeSide - 1) / kLargeSide : 1;
  imaging::Image out;
  out.width = std::max<std::int64_t>(1, from.width / down) * up;
  out.height = std::max<std::int64_t>(1, from.height / down) * up;
  out.pixels.resize(static_cast<std::size_t>(out.width * out.height));
  for (std::int64_t y = 0; y < out.height; ++y) {
    for (std::int64_t x = 0; x < out.width; ++x) {
      const auto x0 = x / up * down, y0 = y / up * down;
      const auto x1 = std::min(x0 + down, from.width), y1 = std::min(y0 + down, from.height);
      std::int64_t sum = 0;
      for (auto sy = y0; sy < y1; ++sy) {
        for (auto sx = x0; sx < x1; ++sx)
          sum += std::to_integer<std::int64_t>(from.pixels[static_cast<std::size_t>(sy * from.width + sx)]);
      }
      out.pixels[static_cast<std::size_t>(y * out.width + x)] = static_cast<std::byte>(sum / ((x1 - x0) * (y1 - y0)));
    }
  }
  return out;
}

// The picture below a black banner with the lines; nothing of the picture is covered.
Result<imaging::Image> with_banner(const imaging::Image& picture, const std::vector<std::string>& lines) {
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
  imaging::Image out;
  out.width = width;
  out.height = banner + below.height;
  out.pixels.resize(static_cast<std::size_t>(out.width * out.height));
  std::int64_t y = kMargin;
  for (const auto& [text, size] : wrapped) {
    ACESO_TRY_OK(imaging::draw_text(out, kMargin, y, text, 255, size));
    y += line_height * size / scale;
  }
  const auto left = (width - below.width) / 2;
  for (std::int64_t row = 0; row < below.height; ++row)
    std::copy_n(below.pixels.begin() + static_cast<std::ptrdiff_t>(row * below.width), below.width,
                out.pixels.begin() + static_cast<std::ptrdiff_t>((banner + row) * width + left));
  return out;
}

Result<ResultObject> picture_of(const dicom::Dataset& source, const imaging::Image& picture,
                                const PictureAnswer& answer, const ResultPlan& plan) {
  const auto object = object_for("SC", kPictureSeries, source, answer, plan);
  const auto lines = result_lines(answer);
  dicom::CapturedPicture captured;
  ACESO_TRY(captured.image, with_banner(picture, lines));
  captured.description = std::string{kNotForDiagnosis} + ". Finding of " + model_text(answer) +
                         " written above the image, which was scaled to 8 bits";
  for (const auto& line : lines) captured.comment += line + "\n";
  ACESO_TRY(const auto made, dicom::make_secondary_capture(source, object, captured));
  ACESO_TRY(auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  return ResultObject{object.sop_instance_uid, std::move(file)};
}

}  // namespace

std::vector<std::string> result_lines(const PictureAnswer& answer) {
  std::vector<std::string> lines{std::string{kNotForDiagnosis}};
  std::string finding =
      "Finding: " + answer.finding + ". Probability of " + answer.class_name + " " + fixed(answer.probability);
  if (answer.threshold) finding += ", threshold " + fixed(*answer.threshold);
  lines.push_back(std::move(finding));
  lines.push_back("Uncertainty: " + answer.uncertainty.text);
  lines.push_back("Model: " + model_text(answer) + " (" + answer.stage + "), hash " + answer.model_hash.substr(0, 16));
  lines.push_back("Intended use: " + answer.intended_use);
  for (const auto& warning : answer.warnings) lines.push_back("Warning: " + warning);
  return lines;
}

Result<std::vector<ResultObject>> make_results(const dicom::Dataset& source, const imaging::Image& picture,
                                               const PictureAnswer& answer, const ResultPlan& plan) {
  ACESO_TRY_OK(check(answer));
  std::vector<ResultObject> out;
  if (plan.report) {
    ACESO_TRY(auto report, report_of(source, answer, plan));
    out.push_back(std::move(report));
  }
  if (plan.picture) {
    ACESO_TRY(auto captured, picture_of(source, picture, answer, plan));
    out.push_back(std::move(captured));
  }
  return out;
}

}  // namespace aceso::archive
