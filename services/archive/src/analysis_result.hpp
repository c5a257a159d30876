// What a model's answer becomes in the study: a measurement report and a picture with the finding burned in, both with
// everything that must stand beside a prediction. The same input and model give the same objects, byte for byte.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/predictor.hpp"
#include "aceso/dicom/dataset.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::archive {

inline constexpr std::string_view kResultManufacturer = "Aceso";
inline constexpr std::string_view kNotForDiagnosis = "AI, not for primary diagnosis";

struct ResultPlan {
  bool report = true;
  bool picture = true;
  std::optional<dicom::Window> window = {};  // of the rule
  std::string input_sha256 = {};
  std::string node;      // 16 hexadecimal digits that name this node
  std::string software;  // "0.1.0"
  std::chrono::sys_seconds created{};
  std::chrono::minutes utc_offset{0};
};

struct ResultObject {
  std::string sop_instance_uid;
  std::vector<std::byte> file;  // part 10, explicit little endian
};

// `source`: the image's data set; `picture`: as the model saw it. UIDs are derived from the input's hash, the model's
// hash and the window. Errors: internal when the answer lacks model, version, hash, intended use or uncertainty: such
// an answer is shown to nobody.
Result<std::vector<ResultObject>> make_results(const dicom::Dataset& source, const imaging::Image& picture,
                                               const contracts::PictureAnswer& answer, const ResultPlan& plan);

// The lines that are burned in, the notice first.
std::vector<std::string> result_lines(const contracts::PictureAnswer& answer);

}  // namespace aceso::archive
