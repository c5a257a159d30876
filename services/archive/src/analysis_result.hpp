// What a model's answer becomes in the study: a measurement report and a picture with the finding burned in, both with
// everything that must stand beside a prediction. The same input and model give the same objects, byte for byte.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/explainer.hpp"
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
  std::string sop_class_uid;
  std::string sop_instance_uid;
  std::string series_uid;
  std::vector<std::byte> file;  // part 10, explicit little endian
};

// `source`: the image's data set; `picture`: as the model saw it. UIDs are derived from the input's hash, the model's
// hash and the window. Errors: internal when the answer lacks model, version, hash, intended use or uncertainty: such
// an answer is shown to nobody.
Result<std::vector<ResultObject>> make_results(const dicom::Dataset& source, const imaging::Image& picture,
                                               const contracts::PictureAnswer& answer, const ResultPlan& plan);

// The same model's answer after somebody who may read it agreed or corrected it.
struct Judgement {
  bool agrees = true;
  std::string finding;             // the answer's own when they agree
  std::string comment = {};        //
  std::string person_name;         // PN
  std::string report_uid = {};     // of the report that this one replaces; "": none was written
  std::string report_series = {};  //
  std::int64_t revision = 1;       // of this analysis, from 1
  std::chrono::sys_seconds time{};
};
// A verified report that takes the place of the model's, or of the last one by a person. Errors as make_results().
Result<ResultObject> make_verified_report(const dicom::Dataset& source, const contracts::PictureAnswer& answer,
                                          const Judgement& judgement, const ResultPlan& plan);

// Of a map that passed its checks: the map over the image as a picture in colour, a presentation state that circles the
// region and a note that points out image and picture. Errors as make_results().
struct ResultMap {
  ResultObject picture = {};
  std::int64_t left = 0, top = 0, width = 0, height = 0;  // where the image lies in the picture
  std::optional<ResultObject> location = {};              // when the map has a region
};
Result<ResultMap> make_map(const dicom::Dataset& source, const contracts::PictureAnswer& answer,
                           const contracts::InfluenceMap& map, const ResultPlan& plan);
// `location`: of make_map(), may be null.
Result<ResultObject> make_key_note(const dicom::Dataset& source, const contracts::PictureAnswer& answer,
                                   const ResultObject* location, const ResultPlan& plan);

// The lines that are burned in, the notice first.
std::vector<std::string> result_lines(const contracts::PictureAnswer& answer);

}  // namespace aceso::archive
