#include "aceso/dicom/secondary_capture.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "aceso/dicom/tags.hpp"

namespace aceso::dicom {
namespace {

constexpr std::int64_t kLongestSide = 65535;  // US

Status check(const imaging::Image& image) {
  if (image.bits != 8 || (image.channels != 1 && image.channels != 3))
    return Error{Code::unsupported, "a captured picture has 8 bits and is grey or RGB"};
  if (image.width < 1 || image.height < 1 || image.width > kLongestSide || image.height > kLongestSide)
    return Error{Code::invalid, "a captured picture has 1 to 65535 rows and columns"};
  if (image.pixels.size() !=
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height * image.channels))
    return Error{Code::invalid, "the picture's fields contradict each other"};
  return {};
}

// Body parts that come in pairs (PS3.16 annex L, as far as they are examined alone).
constexpr std::array<std::string_view, 34> kPaired{
    "ACJOINT",   "ANKLE", "ARM",   "AXILLA", "BREAST", "CALCANEUS", "CLAVICLE", "EAR",     "ELBOW",
    "EXTREMITY", "EYE",   "FEMUR", "FINGER", "FOOT",   "FOREARM",   "HAND",     "HIP",     "HUMERUS",
    "KIDNEY",    "KNEE",  "LEG",   "LUNG",   "OVARY",  "PATELLA",   "RADIUS",   "SCAPULA", "SHOULDER",
    "THIGH",     "THUMB", "TIBIA", "TOE",    "ULNA",   "WRIST",     "ZYGOMA"};

// Laterality is type 2C: not there for a part that is not paired, empty only when it may be and nobody says.
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

// PS3.3 C.7.6.1.1.4: what this picture was made of.
Dataset source_item(const Dataset& source) {
  Dataset item;
  item.set_text(tags::kReferencedSOPClassUID, source.text_or(tags::kSOPClassUID));
  item.set_text(tags::kReferencedSOPInstanceUID, source.text_or(tags::kSOPInstanceUID));
  item.set_items(tags::kPurposeOfReferenceCodeSequence,
                 {code_item({"121322", "DCM", "Source image for image processing operation"})});
  return item;
}

}  // namespace

Result<Dataset> make_secondary_capture(const Dataset& source, const DerivedObject& object,
                                       const CapturedPicture& picture) {
  ACESO_TRY_OK(check(picture.image));
  Dataset d = make_derived(source, kSecondaryCapture, "OT", object);
  set_side(d, source);
  d.set_text(tags::kConversionType, "WSD");
  d.set_text(tags::kImageType, "DERIVED\\SECONDARY");
  if (const auto orientation = source.texts(tags::kPatientOrientation); orientation.size() == 2)
    d.set_text(tags::kPatientOrientation, orientation[0] + "\\" + orientation[1]);
  else
    d.set_empty(tags::kPatientOrientation);
  d.set_text(tags::kDerivationDescription, picture.description);
  if (!picture.comment.empty()) d.set_text(tags::kImageComments, picture.comment);
  d.set_items(tags::kSourceImageSequence, {source_item(source)});
  if (const auto burned = source.text_or(tags::kBurnedInAnnotation); !burned.empty())
    d.set_text(tags::kBurnedInAnnotation, burned);
  if (source.text_or(tags::kLossyImageCompression) == "01") {
    d.set_text(tags::kLossyImageCompression, "01");
    for (const Tag tag : {tags::kLossyImageCompressionRatio, tags::kLossyImageCompressionMethod}) {
      const Element* found = source.find(tag);
      if (found != nullptr && !found->bytes().empty()) d.set(*found);
    }
  }
  const bool colour = picture.image.channels == 3;
  d.set_integer(tags::kSamplesPerPixel, picture.image.channels);
  d.set_text(tags::kPhotometricInterpretation, colour ? "RGB" : "MONOCHROME2");
  if (colour) d.set_integer(tags::kPlanarConfiguration, 0);
  d.set_integer(tags::kRows, picture.image.height).set_integer(tags::kColumns, picture.image.width);
  d.set_integer(tags::kBitsAllocated, 8).set_integer(tags::kBitsStored, 8).set_integer(tags::kHighBit, 7);
  d.set_integer(tags::kPixelRepresentation, 0);
  d.set_bytes(tags::kPixelData, Vr::ob, picture.image.pixels);
  return d;
}

}  // namespace aceso::dicom
