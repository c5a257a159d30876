#include "analysis_result.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "aceso/dicom/measurement_report.hpp"
#include "aceso/dicom/secondary_capture.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "analysis_outlines.hpp"
#include "result_parts.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using contracts::PictureAnswer;
using dicom::CodedEntry;

dicom::MeasurementGroup group_of(const dicom::Dataset& source, const PictureAnswer& answer, const ResultPlan& plan) {
  const CodedEntry none{"1", "UCUM", "no units"};
  const auto speaks_of =
      dicom::ReportedCode{own_code("CLASS", "Class"), own_code(answer.class_name, answer.class_name)};
  dicom::MeasurementGroup group{
      .tracking_identifier = answer.prediction_id.empty() ? model_text(answer) : answer.prediction_id,
      .tracking_uid = derived_uid("tracking", plan.input_sha256, answer, plan),
      .finding = own_code(answer.finding, answer.finding),
      .algorithm =
          dicom::AlgorithmIdentification{answer.model_name,
                                         std::to_string(answer.model_version),
                                         {"model hash = " + answer.model_hash, "window = " + window_text(plan.window)}},
      .images = {reference_of(source)},
      .region = whole_of(source)};
  if (answer.threshold) group.algorithm->parameters.push_back("decision threshold = " + fixed_text(*answer.threshold));
  group.numbers.push_back({.concept_name = {"122157", "DCM", "Probability"},
                           .value = answer.probability,
                           .unit = none,
                           .modifiers = {speaks_of}});
  if (const auto& interval = answer.uncertainty.interval) {
    group.numbers.push_back({.concept_name = own_code("OBSERVED", "Observed frequency in validation cases"),
                             .value = interval->observed,
                             .unit = none,
                             .modifiers = {speaks_of}});
    group.numbers.push_back({.concept_name = own_code("OBSERVED_LOW", "Lower bound of observed frequency, 95 %"),
                             .value = interval->low,
                             .unit = none});
    group.numbers.push_back({.concept_name = own_code("OBSERVED_HIGH", "Upper bound of observed frequency, 95 %"),
                             .value = interval->high,
                             .unit = none});
  }
  group.texts.push_back({{"121106", "DCM", "Comment"}, std::string{kNotForDiagnosis} + "."});
  group.texts.push_back({own_code("INTENDED_USE", "Intended use of the model"), answer.intended_use});
  group.texts.push_back({own_code("UNCERTAINTY", "Uncertainty"), answer.uncertainty.text});
  for (const auto& warning : answer.warnings) group.texts.push_back({own_code("WARNING", "Warning"), warning});
  return group;
}

Result<ResultObject> report_of(const dicom::Dataset& source, const PictureAnswer& answer, const ResultPlan& plan,
                               std::vector<dicom::MeasurementGroup> more = {}) {
  const auto object = object_for("SR 2", kReportSeries, source, answer, plan);  // 2: with regions
  std::vector<dicom::MeasurementGroup> groups{group_of(source, answer, plan)};
  std::ranges::move(more, std::back_inserter(groups));
  const dicom::MeasurementReport report{.device_uid = fixed_uid("node " + plan.node),
                                        .device_name = "Aceso " + plan.node,
                                        .procedure = procedure_of(source.text_or(tags::kModality)),
                                        .schemes = {{std::string{kScheme}, fixed_uid("coding scheme"), "Aceso"}},
                                        .groups = std::move(groups)};
  ACESO_TRY(const auto made, dicom::make_measurement_report(source, object, report));
  ACESO_TRY(auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  return ResultObject{made.text_or(tags::kSOPClassUID), object.sop_instance_uid, object.series_uid, std::move(file)};
}

Result<ResultObject> picture_of(const dicom::Dataset& source, const imaging::Image& picture,
                                const PictureAnswer& answer, const ResultPlan& plan) {
  const auto object = object_for("SC", kPictureSeries, source, answer, plan);
  const auto lines = result_lines(answer);
  dicom::CapturedPicture captured;
  ACESO_TRY(auto composed, with_banner(picture, lines));
  captured.image = std::move(composed.image);
  captured.description = std::string{kNotForDiagnosis} + ". Finding of " + model_text(answer) +
                         " written above the image, which was scaled to 8 bits";
  for (const auto& line : lines) captured.comment += line + "\n";
  ACESO_TRY(const auto made, dicom::make_secondary_capture(source, object, captured));
  ACESO_TRY(auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  return ResultObject{made.text_or(tags::kSOPClassUID), object.sop_instance_uid, object.series_uid, std::move(file)};
}

}  // namespace

std::vector<std::string> result_lines(const PictureAnswer& answer) {
  std::vector<std::string> lines{std::string{kNotForDiagnosis}};
  std::string finding =
      "Finding: " + answer.finding + ". Probability of " + answer.class_name + " " + fixed_text(answer.probability);
  if (answer.threshold) finding += ", threshold " + fixed_text(*answer.threshold);
  lines.push_back(std::move(finding));
  lines.push_back("Uncertainty: " + answer.uncertainty.text);
  lines.push_back("Model: " + model_text(answer) + " (" + answer.stage + "), hash " + answer.model_hash.substr(0, 16));
  lines.push_back("Intended use: " + answer.intended_use);
  for (const auto& warning : answer.warnings) lines.push_back("Warning: " + warning);
  return lines;
}

Result<std::vector<ResultObject>> make_drawn_results(const dicom::Dataset& source, const imaging::Image& picture,
                                                     const PictureAnswer& answer, const DrawnResult& drawn, bool volume,
                                                     const ResultPlan& plan) {
  ACESO_TRY_OK(check_answer(answer));
  std::vector<ResultObject> out;
  if (plan.report) {
    ACESO_TRY(auto report, report_of(source, answer, plan, groups_of(source, answer, drawn, volume, plan)));
    out.push_back(std::move(report));
  }
  if (plan.picture) {
    ACESO_TRY(auto captured, picture_of(source, picture, answer, plan));
    out.push_back(std::move(captured));
  }
  return out;
}

Result<std::vector<ResultObject>> make_results(const dicom::Dataset& source, const imaging::Image& picture,
                                               const PictureAnswer& answer, const ResultPlan& plan) {
  ACESO_TRY_OK(check_answer(answer));
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
