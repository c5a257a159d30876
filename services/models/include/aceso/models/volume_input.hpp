// A volume from a file or a folder of this machine, read as the import of a data set reads it, so that a model is asked
// about the same values that it was trained on.
#pragma once

#include <filesystem>

#include "aceso/base/result.hpp"
#include "aceso/contracts/predictor.hpp"

namespace aceso::models {

// Whether predictions on it go through read_volume(): NIfTI by its ending, or a folder.
bool is_volume_path(const std::filesystem::path& path);

// NIfTI, .npy, or a folder with the DICOM files of one series, whose slices are ordered by position; values as measured
// (CT: Hounsfield units). Nothing of the files but values, order and spacing is kept. Errors: not_found, invalid
// (several series, missing or uneven slices, what is wrong with a file), too_large, unsupported.
Result<contracts::VolumeInput> read_volume(const std::filesystem::path& path);

}  // namespace aceso::models
