#include "aceso/dicom/secondary_capture.hpp"

#include <cstdint>

#include "aceso/dicom/tags.hpp"
#include "derived_parts.hpp"

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

}  // namespace

Result<Dataset> make_secondary_capture(const Dataset& source, const DerivedObject& object,
                                       const CapturedPicture& picture) {
  ACESO_TRY_OK(check(picture.image));
  Dataset d = make_derived(source, kSecondaryCapture, "OT", object);
  set_side(d, source);
  d.set_text(tags::kConversionType, "WSD");
  d.set_text(tags::kImageType, "DERIVED\\SECONDARY");
  set_orientation(d, source);
  d.set_text(tags::kDerivationDescription, picture.description);
  if (!picture.comment.empty()) d.set_text(tags::kImageComments, picture.comment);
  d.set_items(tags::kSourceImageSequence, {source_image_item(source)});
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
