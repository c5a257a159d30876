// What a person says of a model's answer, as a verified report that takes the place of the model's own.
#include "aceso/dicom/measurement_report.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "analysis_result.hpp"
#include "result_parts.hpp"

namespace aceso::archive {

namespace tags = dicom::tags;

Result<ResultObject> make_verified_report(const dicom::Dataset& source, const contracts::PictureAnswer& answer,
                                          const Judgement& judgement, const ResultPlan& plan) {
  ACESO_TRY_OK(check_answer(answer));
  if (judgement.person_name.empty() || judgement.finding.empty())
    return Error{Code::internal, "a judgement without person or finding"};
  auto object = object_for("verified " + std::to_string(judgement.revision), kVerifiedSeries, source, answer, plan);
  object.series_uid =  // of all revisions
      derived_uid("verified series", source.text_or(tags::kSeriesInstanceUID), answer, plan);
  object.instance_number = judgement.revision;
  object.series_description = "Verified report on an AI result";
  object.created = judgement.time;
  dicom::MeasurementGroup group{
      .tracking_identifier = answer.prediction_id.empty() ? model_text(answer) : answer.prediction_id,
      .tracking_uid = derived_uid("tracking", plan.input_sha256, answer, plan),
      .finding = own_code(judgement.finding, judgement.finding),
      .images = {reference_of(source)},
      .region = whole_of(source)};
  group.codes.push_back({own_code("VERDICT", "Verdict on the result of an algorithm"),
                         judgement.agrees ? own_code("AGREED", "Agreed") : own_code("CORRECTED", "Corrected")});
  std::string said = model_text(answer) + " (hash " + answer.model_hash + ") said: " + answer.finding +
                     ", probability of " + answer.class_name + " " + fixed_text(answer.probability);
  if (answer.threshold) said += ", threshold " + fixed_text(*answer.threshold);
  group.texts.push_back({own_code("ANSWER", "Answer of the algorithm"), std::move(said)});
  group.texts.push_back({own_code("INTENDED_USE", "Intended use of the model"), answer.intended_use});
  group.texts.push_back({own_code("UNCERTAINTY", "Uncertainty"), answer.uncertainty.text});
  if (!judgement.comment.empty()) group.texts.push_back({{"121106", "DCM", "Comment"}, judgement.comment});
  dicom::MeasurementReport report{
      .device_uid = fixed_uid("node " + plan.node),
      .device_name = "Aceso " + plan.node,
      .procedure = procedure_of(source.text_or(tags::kModality)),
      .schemes = {{std::string{kScheme}, fixed_uid("coding scheme"), "Aceso"}},
      .groups = {std::move(group)},
      .verification = dicom::Verification{.person_name = judgement.person_name, .time = judgement.time}};
  if (!judgement.report_uid.empty())
    report.predecessors.push_back(
        {std::string{dicom::kComprehensive3dSr}, judgement.report_uid, judgement.report_series});
  ACESO_TRY(const auto made, dicom::make_measurement_report(source, object, report));
  ACESO_TRY(auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  return ResultObject{made.text_or(tags::kSOPClassUID), object.sop_instance_uid, object.series_uid, std::move(file)};
}

}  // namespace aceso::archive
