// Of a finding that needs a look: where the model looked, as a picture in colour, as a presentation state over the
// image, and as a note that points both out.
#include <algorithm>

#include "aceso/dicom/key_objects.hpp"
#include "aceso/dicom/presentation_state.hpp"
#include "aceso/dicom/secondary_capture.hpp"
#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/write.hpp"
#include "analysis_result.hpp"
#include "result_parts.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using contracts::InfluenceMap;
using contracts::PictureAnswer;

Result<ResultObject> written(const dicom::Dataset& made) {
  ACESO_TRY(auto file, dicom::write_part10(made, dicom::kExplicitLittle));
  return ResultObject{made.text_or(tags::kSOPClassUID), made.text_or(tags::kSOPInstanceUID),
                      made.text_or(tags::kSeriesInstanceUID), std::move(file)};
}

std::string finding_text(const PictureAnswer& answer) {
  return answer.finding + ", probability of " + answer.class_name + " " + fixed_text(answer.probability);
}

// The region's ellipse; PS3.3 C.10.5.1.2 counts from the corner (0.5, 0.5) where `region` counts from (0, 0).
dicom::GraphicAnnotation ellipse(const std::array<double, 4>& region) {
  const double x0 = region[0] + 0.5, y0 = region[1] + 0.5, x1 = region[2] + 0.5, y1 = region[3] + 0.5;
  const double x = (x0 + x1) / 2, y = (y0 + y1) / 2;
  dicom::GraphicAnnotation out{.kind = dicom::GraphicAnnotation::Kind::ellipse};
  out.points = {{x0, y}, {x1, y}, {x, y0}, {x, y1}};
  if (y1 - y0 > x1 - x0) std::rotate(out.points.begin(), out.points.begin() + 2, out.points.end());  // major axis first
  return out;
}

}  // namespace

Result<ResultMap> make_map(const dicom::Dataset& source, const PictureAnswer& answer, const InfluenceMap& map,
                           const ResultPlan& plan) {
  ACESO_TRY_OK(check_answer(answer));
  if (!map.failed.empty() || !map.overlay || map.warning.empty())
    return Error{Code::internal, "a map that failed its checks is not shown"};
  std::vector<std::string> lines = result_lines(answer);
  lines.insert(lines.begin() + 1, "Map of influence (" + map.method + ") for " + map.label + ". " + map.warning);
  dicom::CapturedPicture captured;
  ACESO_TRY(auto composed, with_banner(*map.overlay, lines));
  captured.image = std::move(composed.image);
  captured.description = std::string{kNotForDiagnosis} + ". Map of influence (" + map.method + ") of " +
                         model_text(answer) + " over the image, which was scaled to 8 bits";
  for (const auto& line : lines) captured.comment += line + "\n";
  const auto object = object_for("SC map", kMapSeries, source, answer, plan);
  ACESO_TRY(const auto picture, dicom::make_secondary_capture(source, object, captured));
  ResultMap out{.left = composed.left, .top = composed.top, .width = composed.width, .height = composed.height};
  ACESO_TRY(out.picture, written(picture));
  if (!map.region) return out;
  auto circle = ellipse(*map.region);
  circle.text = "Looked here: " + finding_text(answer);
  const dicom::PresentationState state{.label = "AI",
                                       .description = std::string{kNotForDiagnosis},
                                       .notice = std::string{kNotForDiagnosis} + ". " + model_text(answer) + ": " +
                                                 finding_text(answer) + ". " + map.warning,
                                       .window = plan.window,
                                       .annotations = {std::move(circle)}};
  const dicom::Dataset* const image = &source;
  ACESO_TRY(const auto location, dicom::make_presentation_state(
                                     {&image, 1}, object_for("PR", kLocationSeries, source, answer, plan), state));
  ACESO_TRY(out.location, written(location));
  return out;
}

Result<ResultObject> make_key_note(const dicom::Dataset& source, const PictureAnswer& answer,
                                   const ResultObject* location, const ResultPlan& plan) {
  ACESO_TRY_OK(check_answer(answer));
  dicom::KeyObjects keys{.description = std::string{kNotForDiagnosis} + ". " + model_text(answer) + ": " +
                                        finding_text(answer) + ". Uncertainty: " + answer.uncertainty.text +
                                        " Intended use: " + answer.intended_use,
                         .device_uid = fixed_uid("node " + plan.node),
                         .device_name = "Aceso " + plan.node,
                         .images = {{.image = reference_of(source)}}};
  if (location != nullptr)
    keys.images.front().presentation =
        dicom::ReferencedObject{location->sop_class_uid, location->sop_instance_uid, location->series_uid};
  ACESO_TRY(const auto made, dicom::make_key_objects(source, object_for("KO", kKeySeries, source, answer, plan), keys));
  return written(made);
}

}  // namespace aceso::archive
