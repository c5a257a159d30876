#include "aceso/dicom/presentation_state.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "aceso/dicom/tags.hpp"
#include "aceso/dicom/uid.hpp"
#include "derived_parts.hpp"
#include "report_content.hpp"

namespace aceso::dicom {
namespace {

using Images = std::span<const Dataset* const>;
constexpr std::string_view kLayer = "AI";

Status check_images(Images images) {
  if (images.empty()) return Error{Code::invalid, "a presentation state needs an image"};
  for (const Dataset* one : images) {
    if (one->integer(tags::kNumberOfFrames).value_or(1) > 1)
      return Error{Code::unsupported, "images of several frames get no presentation state"};
    if (!one->text_or(tags::kPhotometricInterpretation).starts_with("MONOCHROME"))
      return Error{Code::unsupported, "only grey images get a grayscale presentation state"};
    if (one->integer(tags::kRows).value_or(0) < 1 || one->integer(tags::kColumns).value_or(0) < 1 ||
        !is_tolerable_uid(one->text_or(tags::kSOPInstanceUID)))
      return Error{Code::invalid, "an image without size or UID"};
  }
  return {};
}

bool takes(const GraphicAnnotation& a) {
  using Kind = GraphicAnnotation::Kind;
  if (a.kind == Kind::point) return a.points.size() == 1;
  return a.kind == Kind::ellipse ? a.points.size() == 4 : a.points.size() >= 2;
}

Status check_state(Images images, const PresentationState& state) {
  if (!is_content_label(state.label))
    return Error{Code::invalid, "a content label has 1 to 16 capitals, digits, spaces and underscores"};
  if (state.annotations.empty() && state.notice.empty())
    return Error{Code::invalid, "a presentation state needs something to show"};
  for (const auto& one : state.annotations) {
    if (one.image >= images.size()) return Error{Code::invalid, "an annotation refers to an image that is not there"};
    if (!takes(one)) return Error{Code::invalid, "an annotation has a wrong number of points"};
    for (const auto& point : one.points) {
      if (!std::isfinite(point[0]) || !std::isfinite(point[1]))
        return Error{Code::invalid, "a point of an annotation is not finite"};
    }
  }
  return {};
}

Dataset reference_to(const Dataset& image) {
  return object_reference({image.text_or(tags::kSOPClassUID), image.text_or(tags::kSOPInstanceUID), {}});
}

// C.11.11: series by series.
std::vector<Dataset> relationship(Images images) {
  std::map<std::string, std::vector<Dataset>> by_series;
  for (const Dataset* one : images) by_series[one->text_or(tags::kSeriesInstanceUID)].push_back(reference_to(*one));
  std::vector<Dataset> out;
  for (auto& [uid, references] : by_series) {
    Dataset series;
    series.set_text(tags::kSeriesInstanceUID, uid).set_items(tags::kReferencedImageSequence, std::move(references));
    out.push_back(std::move(series));
  }
  return out;
}

// C.10.4: each image whole, scaled to fit.
Dataset displayed_area(const Dataset& image) {
  Dataset item;
  item.set_items(tags::kReferencedImageSequence, {reference_to(image)});
  const std::array<std::int64_t, 2> first{1, 1};
  const std::array<std::int64_t, 2> last{image.integer(tags::kColumns).value_or(1),
                                         image.integer(tags::kRows).value_or(1)};
  item.set_integers(tags::kDisplayedAreaTopLeftHandCorner, Vr::sl, first);
  item.set_integers(tags::kDisplayedAreaBottomRightHandCorner, Vr::sl, last);
  item.set_text(tags::kPresentationSizeMode, "SCALE TO FIT");
  for (const Tag tag : {tags::kPixelSpacing, tags::kImagerPixelSpacing}) {
    const auto spacing = image.numbers(tag);
    if (spacing.size() != 2 || !(spacing[0] > 0) || !(spacing[1] > 0)) continue;
    item.set_numbers(tags::kPresentationPixelSpacing, Vr::ds, spacing);
    return item;
  }
  const auto ratio = image.texts(tags::kPixelAspectRatio);
  item.set_text(tags::kPresentationPixelAspectRatio, ratio.size() == 2 ? ratio[0] + "\\" + ratio[1] : "1\\1");
  return item;
}

Dataset graphic_item(const GraphicAnnotation& a) {
  using Kind = GraphicAnnotation::Kind;
  std::vector<double> data;
  for (const auto& point : a.points) data.insert(data.end(), {point[0], point[1]});
  Dataset item;
  item.set_text(tags::kGraphicAnnotationUnits, "PIXEL").set_integer(tags::kGraphicDimensions, 2);
  item.set_integer(tags::kNumberOfGraphicPoints, static_cast<std::int64_t>(a.points.size()));
  item.set_numbers(tags::kGraphicData, Vr::fl, data);
  item.set_text(tags::kGraphicType, a.kind == Kind::point ? "POINT" : a.kind == Kind::ellipse ? "ELLIPSE" : "POLYLINE");
  if (a.kind == Kind::ellipse || (a.kind == Kind::polyline && a.points.front() == a.points.back()))
    item.set_text(tags::kGraphicFilled, "N");
  return item;
}

// Anchored beside the graphic.
Dataset text_at(const GraphicAnnotation& a) {
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  item.set_text(tags::kUnformattedTextValue, clipped_text(a.text, 1024));
  item.set_text(tags::kAnchorPointAnnotationUnits, "PIXEL");
  item.set_numbers(tags::kAnchorPoint, Vr::fl, a.points.front());
  item.set_text(tags::kAnchorPointVisibility, "N");
  return finished_item(std::move(item));
}

// Along the lower edge of what is displayed.
Dataset notice_item(std::string_view notice) {
  Dataset item;
  item.set_charset(CharacterSet::utf8());
  item.set_text(tags::kUnformattedTextValue, clipped_text(notice, 1024));
  item.set_text(tags::kBoundingBoxAnnotationUnits, "DISPLAY");
  const std::array<double, 2> first{0.02, 0.92}, last{0.98, 0.99};
  item.set_numbers(tags::kBoundingBoxTopLeftHandCorner, Vr::fl, first);
  item.set_numbers(tags::kBoundingBoxBottomRightHandCorner, Vr::fl, last);
  item.set_text(tags::kBoundingBoxTextHorizontalJustification, "LEFT");
  return finished_item(std::move(item));
}

// C.10.5: an item for each image.
std::vector<Dataset> annotations(Images images, const PresentationState& state) {
  std::vector<Dataset> out;
  for (std::size_t at = 0; at < images.size(); ++at) {
    std::vector<Dataset> graphics, texts;
    for (const auto& one : state.annotations) {
      if (one.image != at) continue;
      graphics.push_back(graphic_item(one));
      if (!one.text.empty()) texts.push_back(text_at(one));
    }
    if (!state.notice.empty()) texts.push_back(notice_item(state.notice));
    if (graphics.empty() && texts.empty()) continue;
    Dataset item;
    item.set_items(tags::kReferencedImageSequence, {reference_to(*images[at])});
    item.set_text(tags::kGraphicLayer, kLayer);
    if (!texts.empty()) item.set_items(tags::kTextObjectSequence, std::move(texts));
    if (!graphics.empty()) item.set_items(tags::kGraphicObjectSequence, std::move(graphics));
    out.push_back(std::move(item));
  }
  return out;
}

// C.11.8, C.11.1: a presentation state replaces what the image says, so it says the same.
void set_greys(Dataset& d, const Dataset& image, const PresentationState& state) {
  if (const auto slope = image.text(tags::kRescaleSlope), intercept = image.text(tags::kRescaleIntercept);
      slope && intercept) {
    d.set_text(tags::kRescaleIntercept, *intercept).set_text(tags::kRescaleSlope, *slope);
    d.set_text(tags::kRescaleType, image.text_or(tags::kRescaleType, "US"));
  } else if (const auto lut = image.items(tags::kModalityLUTSequence); !lut.empty()) {
    d.set_items(tags::kModalityLUTSequence, {lut.begin(), lut.end()});
  }
  auto window = state.window;
  if (!window) {
    if (const auto own = windows(image); !own.empty()) window = own.front();
  }
  if (window) {
    Dataset item;
    item.set_number(tags::kWindowCenter, window->center).set_number(tags::kWindowWidth, window->width);
    if (window->function == VoiFunction::linear_exact) item.set_text(tags::kVOILUTFunction, "LINEAR_EXACT");
    if (window->function == VoiFunction::sigmoid) item.set_text(tags::kVOILUTFunction, "SIGMOID");
    d.set_items(tags::kSoftcopyVOILUTSequence, {std::move(item)});
  }
  d.set_text(tags::kPresentationLUTShape,
             image.text_or(tags::kPhotometricInterpretation) == "MONOCHROME1" ? "INVERSE" : "IDENTITY");
}

}  // namespace

Result<Dataset> make_presentation_state(std::span<const Dataset* const> images, const DerivedObject& object,
                                        const PresentationState& state) {
  ACESO_TRY_OK(check_images(images));
  ACESO_TRY_OK(check_state(images, state));
  Dataset d = make_derived(*images.front(), kGrayscalePresentation, "PR", object);
  set_side(d, *images.front());
  d.set_text(tags::kContentLabel, state.label);
  d.set_text(tags::kContentDescription, clipped_text(state.description, 64)).set_empty(tags::kContentCreatorName);
  d.set_text(tags::kPresentationCreationDate, dicom_date(object.created, object.utc_offset));
  d.set_text(tags::kPresentationCreationTime, dicom_time(object.created, object.utc_offset));
  d.set_items(tags::kReferencedSeriesSequence, relationship(images));
  std::vector<Dataset> areas;
  for (const Dataset* one : images) areas.push_back(displayed_area(*one));
  d.set_items(tags::kDisplayedAreaSelectionSequence, std::move(areas));
  d.set_items(tags::kGraphicAnnotationSequence, annotations(images, state));
  Dataset layer;
  layer.set_text(tags::kGraphicLayer, kLayer).set_integer(tags::kGraphicLayerOrder, 1);
  layer.set_text(tags::kGraphicLayerDescription, "Findings of an algorithm");
  d.set_items(tags::kGraphicLayerSequence, {std::move(layer)});
  set_greys(d, *images.front(), state);
  return d;
}

}  // namespace aceso::dicom
