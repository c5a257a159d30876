#include "derived_parts.hpp"

#include <algorithm>
#include <array>

#include "aceso/dicom/tags.hpp"

namespace aceso::dicom {
namespace {

// Body parts that come in pairs (PS3.16 annex L, as far as they are examined alone).
constexpr std::array<std::string_view, 34> kPaired{
    "ACJOINT",   "ANKLE", "ARM",   "AXILLA", "BREAST", "CALCANEUS", "CLAVICLE", "EAR",     "ELBOW",
    "EXTREMITY", "EYE",   "FEMUR", "FINGER", "FOOT",   "FOREARM",   "HAND",     "HIP",     "HUMERUS",
    "KIDNEY",    "KNEE",  "LEG",   "LUNG",   "OVARY",  "PATELLA",   "RADIUS",   "SCAPULA", "SHOULDER",
    "THIGH",     "THUMB", "TIBIA", "TOE",    "ULNA",   "WRIST",     "ZYGOMA"};

}  // namespace

void set_side(Dataset& d, const Dataset& source) {
  const auto part = source.text_or(tags::kBodyPartExamined);
  if (!part.empty()) d.set_text(tags::kBodyPartExamined, part);
  auto side = source.text_or(tags::kLaterality);
  if (side.empty()) side = source.text_or(tags::kImageLaterality);
  if (side == "L" || side == "R")
    d.set_text(tags::kLaterality, side);
  else if (part.empty() || std::ranges::find(kPaired, part) != kPaired.end())
    d.set_empty(tags::kLaterality);
}

void set_orientation(Dataset& d, const Dataset& source) {
  if (const auto orientation = source.texts(tags::kPatientOrientation); orientation.size() == 2)
    d.set_text(tags::kPatientOrientation, orientation[0] + "\\" + orientation[1]);
  else
    d.set_empty(tags::kPatientOrientation);
}

Dataset source_image_item(const Dataset& source) {
  Dataset item;
  item.set_text(tags::kReferencedSOPClassUID, source.text_or(tags::kSOPClassUID));
  item.set_text(tags::kReferencedSOPInstanceUID, source.text_or(tags::kSOPInstanceUID));
  item.set_items(tags::kPurposeOfReferenceCodeSequence,
                 {code_item({"121322", "DCM", "Source image for image processing operation"})});
  return item;
}

bool is_content_label(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 16 &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _") == std::string_view::npos;
}

}  // namespace aceso::dicom
