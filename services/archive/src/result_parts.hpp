// What all objects of a result have in common: UIDs derived of image, model and window, codes, equipment, the banner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/derived.hpp"
#include "aceso/dicom/measurement_report.hpp"
#include "aceso/imaging/image.hpp"
#include "analysis_result.hpp"

namespace aceso::archive {

inline constexpr std::string_view kScheme = "99ACESO";
// Series numbers behind those of modalities.
inline constexpr std::int64_t kReportSeries = 9001;
inline constexpr std::int64_t kPictureSeries = 9002;
inline constexpr std::int64_t kMapSeries = 9003;
inline constexpr std::int64_t kLocationSeries = 9004;
inline constexpr std::int64_t kKeySeries = 9005;
inline constexpr std::int64_t kVerifiedSeries = 9006;
inline constexpr std::int64_t kSegmentSeries = 9007;

std::string fixed_text(double value);  // three decimals
std::string window_text(const std::optional<dicom::Window>& window);
std::string derived_uid(std::string_view kind, std::string_view input, const contracts::PictureAnswer& answer,
                        const ResultPlan& plan);
std::string fixed_uid(std::string_view what);                        // of this program
dicom::CodedEntry own_code(std::string value, std::string meaning);  // of the scheme 99ACESO
std::string model_text(const contracts::PictureAnswer& answer);
// internal when something is missing that must stand beside a prediction.
Status check_answer(const contracts::PictureAnswer& answer);

dicom::DerivedObject object_for(std::string_view kind, std::int64_t series_number, const dicom::Dataset& source,
                                const contracts::PictureAnswer& answer, const ResultPlan& plan);
dicom::ReferencedObject reference_of(const dicom::Dataset& image);
// All of an image; nullopt when it does not say its size. Viewers show a finding only where it has a place.
std::optional<dicom::ImageRegion> whole_of(const dicom::Dataset& image);
dicom::CodedEntry procedure_of(std::string_view modality);

// A picture below a black banner with the lines, the first twice as large; nothing of the picture is covered. The
// picture is enlarged by a whole factor or reduced to means of whole blocks.
struct BannerPicture {
  imaging::Image image;
  std::int64_t left = 0, top = 0, width = 0, height = 0;  // where the picture lies in it
};
Result<BannerPicture> with_banner(const imaging::Image& picture, const std::vector<std::string>& lines);

}  // namespace aceso::archive
