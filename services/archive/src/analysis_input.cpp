#include "analysis_input.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "aceso/crypto/hash.hpp"
#include "aceso/dicom/tags.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

// PS3.4 B.5: image storage whose pixels are results, doses or parameters; all other storage with pixels is an image.
constexpr std::array<std::string_view, 4> kNoImages{
    "1.2.840.10008.5.1.4.1.1.30",     // Parametric Map
    "1.2.840.10008.5.1.4.1.1.66.4",   // Segmentation
    "1.2.840.10008.5.1.4.1.1.66.7",   // Label Map Segmentation
    "1.2.840.10008.5.1.4.1.1.481.2",  // RT Dose
};

Error not_read(std::string why) {
  return {Code::unsupported, std::move(why)};
}

Status check_format(const dicom::Object& object, const dicom::PixelFormat& format) {
  if (object.dataset.text_or(tags::kPresentationIntentType) == "FOR PROCESSING")
    return not_read("raw image for processing; the image for presentation is analysed");
  if (format.frames > 1) return not_read("objects of several frames are not analysed");
  if (format.samples != 1 || format.photometric == dicom::Photometric::palette)
    return not_read("colour images are not analysed");
  if (format.photometric != dicom::Photometric::monochrome1 && format.photometric != dicom::Photometric::monochrome2)
    return not_read("only grey images are analysed");
  if (!dicom::can_decode(*object.syntax)) return not_read("there is no decoder for the image's transfer syntax");
  return {};
}

// "045Y", "006M", "003W", "010D" (PS3.5 6.2, AS), else from birth date and study date (days, as 365.2425 a year).
std::optional<double> age_years(const dicom::Dataset& d) {
  const auto text = d.text_or(tags::kPatientAge);
  if (text.size() == 4) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 3, number);
    if (error == std::errc{} && end == text.data() + 3) {
      if (text[3] == 'Y') return number;
      if (text[3] == 'M') return number / 12.0;
      if (text[3] == 'W') return number * 7 / 365.2425;
      if (text[3] == 'D') return number / 365.2425;
    }
  }
  const auto day = [](const std::string& date) -> std::optional<std::chrono::sys_days> {
    int number = 0;
    const auto [end, error] = std::from_chars(date.data(), date.data() + date.size(), number);
    if (date.size() != 8 || error != std::errc{} || end != date.data() + 8) return std::nullopt;
    const std::chrono::year_month_day ymd{std::chrono::year{number / 10000},
                                          std::chrono::month{static_cast<unsigned>(number / 100 % 100)},
                                          std::chrono::day{static_cast<unsigned>(number % 100)}};
    if (!ymd.ok()) return std::nullopt;
    return std::chrono::sys_days{ymd};
  };
  const auto born = day(d.text_or(tags::kPatientBirthDate)), studied = day(d.text_or(tags::kStudyDate));
  if (!born || !studied || *studied < *born) return std::nullopt;
  return static_cast<double>((*studied - *born).count()) / 365.2425;
}

}  // namespace

learn::InputFacts input_facts(const dicom::Dataset& d) {
  learn::InputFacts facts;
  facts.modality = d.text_or(tags::kModality);
  facts.view = d.text_or(tags::kViewPosition);
  facts.body_part = d.text_or(tags::kBodyPartExamined);
  facts.age_years = age_years(d);
  for (const dicom::Tag tag : {tags::kPixelSpacing, tags::kImagerPixelSpacing}) {
    const auto spacing = d.numbers(tag);
    if (!facts.spacing_mm && spacing.size() == 2 && spacing[0] > 0) facts.spacing_mm = spacing[0];
  }
  return facts;
}

std::string data_set_sha256(const dicom::Object& object, std::span<const std::byte> file) {
  const auto from = static_cast<std::size_t>(std::min<std::uint64_t>(object.dataset_offset, file.size()));
  return crypto::to_hex(crypto::sha256(file.subspan(from)));
}

bool is_acquired_image(std::string_view sop_class_uid) noexcept {
  return std::ranges::find(kNoImages, sop_class_uid) == kNoImages.end();
}

Result<AnalysisInput> read_analysis_input(std::vector<std::byte> file, const std::optional<dicom::Window>& window) {
  AnalysisInput in;
  in.bytes = std::move(file);
  ACESO_TRY(in.object, dicom::parse(in.bytes));
  auto format = dicom::pixel_format(in.object.dataset);
  if (!format && format.error().code() == Code::not_found) return not_read("the object holds no image");
  if (!format) return Error{Code::invalid, format.error().message()};
  ACESO_TRY_OK(check_format(in.object, *format));
  ACESO_TRY(const auto frame, dicom::decode_frame(in.object, in.bytes, 0));
  dicom::RenderOptions options;
  options.window = window;
  ACESO_TRY(in.picture, dicom::render_frame(in.object.dataset, frame, 0, options));
  if (in.picture.channels != 1) return not_read("colour images are not analysed");
  in.facts = input_facts(in.object.dataset);
  in.sha256 = data_set_sha256(in.object, in.bytes);
  return in;
}

}  // namespace aceso::archive
