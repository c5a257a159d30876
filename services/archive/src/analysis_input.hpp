// An archived image as a model reads it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "aceso/imaging/image.hpp"
#include "aceso/learn/applicability.hpp"

namespace aceso::archive {

struct AnalysisInput {
  std::vector<std::byte> bytes;  // the part 10 file that `object` views
  dicom::Object object;
  imaging::Image picture;   // 8 bits, grey, as it should be seen
  learn::InputFacts facts;  // what the object says of itself
  std::string sha256;       // hex, of the data set's bytes
};

// Modality and VOI transforms as the object says, or `window`; MONOCHROME1 inverted. Errors: unsupported (colour,
// several frames, raw for processing, no decoder: nothing a model of grey pictures reads, and why), invalid (damaged).
Result<AnalysisInput> read_analysis_input(std::vector<std::byte> file, const std::optional<dicom::Window>& window);

// What an object says of patient and acquisition, as models are told.
learn::InputFacts input_facts(const dicom::Dataset& dataset);
// Hex, of the data set's bytes: without preamble and file meta information.
std::string data_set_sha256(const dicom::Object& object, std::span<const std::byte> file);

// Objects with pixels that show a patient as acquired: no segmentations, parametric maps, dose grids.
bool is_acquired_image(std::string_view sop_class_uid) noexcept;

}  // namespace aceso::archive
