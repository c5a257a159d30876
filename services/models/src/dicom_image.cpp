#include "dicom_image.hpp"

#include <algorithm>
#include <cctype>

#include "aceso/dicom/frames.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::models {
namespace {

namespace tags = dicom::tags;
constexpr std::uint64_t kMaxFile = std::uint64_t{4} << 30;
constexpr std::uint32_t kMaxFrames = 100'000;

// Without the spaces around it, which some devices write and others do not.
std::string trimmed(std::string text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), space));
  while (!text.empty() && space(text.back())) text.pop_back();
  return text;
}

Status usable(const dicom::Object& object, std::span<const std::byte> bytes, DicomImage& image) {
  const dicom::Dataset& d = object.dataset;
  auto format = dicom::pixel_format(d);
  if (!format && format.error().code() == Code::not_found)
    return Error{Code::unsupported, "no image: this kind of object has no pixels"};
  if (!format) return Error{Code::invalid, "image attributes: " + format.error().message()};
  image.format = *format;
  image.modality = trimmed(d.text_or(tags::kModality));
  if (image.modality == "SEG" || image.modality == "RTDOSE")
    return Error{Code::unsupported, "a segmentation or dose, not an image; such objects are not read as outlines"};
  if (trimmed(d.text_or(tags::kBurnedInAnnotation)) == "YES")
    return Error{Code::invalid, "says of itself that identifying text is burned into its pixels (0028,0301)"};
  if (!dicom::can_decode(*object.syntax))
    return Error{Code::unsupported, "there is no decoder for its transfer syntax"};
  if (image.format.frames > kMaxFrames) return Error{Code::too_large, "more than 100000 frames"};
  auto table = dicom::FrameTable::build(object, bytes);
  if (!table) return Error{Code::invalid, "pixel data: " + table.error().message()};
  if (table->count() < image.format.frames)
    return Error{Code::invalid, "says it has " + std::to_string(image.format.frames) + " frames and holds " +
                                    std::to_string(table->count())};
  return {};
}

bool fits_int16(const dicom::Dataset& d, const dicom::PixelFormat& format) {
  // The groups of the first and the last frame; a value that does not fit after all sets the sample aside.
  for (const std::uint32_t frame : {0U, format.frames - 1}) {
    const auto range = dicom::whole_modality_range(d, format, frame);
    if (!range || (*range)[0] < -32768 || (*range)[1] > 32767) return false;
  }
  return true;
}

}  // namespace

Result<DicomImage> read_dicom_image(std::span<const std::byte> bytes, const Pseudonyms& pseudonyms, bool planes) {
  dicom::ParseOptions heads;
  heads.skip_pixel_data = true;
  ACESO_TRY(const dicom::Object object, dicom::parse(bytes, heads));
  DicomImage image;
  ACESO_TRY_OK(usable(object, bytes, image));
  const dicom::Dataset& d = object.dataset;
  image.instance = pseudonyms.of("instance", trimmed(d.text_or(tags::kSOPInstanceUID)));
  image.series = pseudonyms.of("series", trimmed(d.text_or(tags::kSeriesInstanceUID)));
  image.study = pseudonyms.of("study", trimmed(d.text_or(tags::kStudyInstanceUID)));
  image.patient = pseudonyms.of("patient", trimmed(d.text_or(tags::kPatientID)));
  image.spacing_mm = dicom::pixel_spacing_mm(d);
  image.fits_int16 = fits_int16(d, image.format);
  if (planes) {
    for (std::uint32_t frame = 0; frame < image.format.frames; ++frame)
      image.planes.push_back(dicom::frame_plane(d, frame));
  }
  return image;
}

Result<const DicomFrames::Opened*> DicomFrames::open(const std::filesystem::path& relative) {
  if (opened_ && name_ == relative) return &*opened_;
  opened_.reset();
  auto file = MappedFile::open(root_ / relative);
  if (!file) return Error{file.error().code(), "the file cannot be read"};
  if (file->bytes().size() > kMaxFile) return Error{Code::too_large, "the file has more than 4 GiB"};
  ACESO_TRY(dicom::Object object, dicom::parse(file->bytes()));
  opened_.emplace(Opened{*std::move(file), std::move(object)});
  name_ = relative;
  return &*opened_;
}

}  // namespace aceso::models
