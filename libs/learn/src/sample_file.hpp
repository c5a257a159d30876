// One file of a folder as a sample: pictures (PNG, JPEG, TIFF, BMP), NIfTI volumes, .npy arrays.
#pragma once

#include <filesystem>

#include "sources.hpp"

namespace aceso::learn {

bool is_sample_name(const std::filesystem::path& path);  // by its ending, in any case
// The name without the ending, ".nii.gz" and ".npy" among them.
std::string sample_stem(const std::filesystem::path& path);

struct SampleHead {
  DType dtype = DType::u8;  // what read_sample_file gives without being asked for another
  bool volume = false;
  bool picture = false;  // PNG, JPEG, TIFF or BMP
  bool nifti = false;
};
// From the header alone. Errors: not_found, invalid, unsupported.
Result<SampleHead> read_sample_head(const std::filesystem::path& path);

// As [height, width, channels], or [depth, height, width, channels] with `volume`; opacity is dropped. Values that have
// to become another number type are converted; those of 8-bit pictures that become 16-bit count 257-fold, as in PNG's
// own rule. Errors: not_found, invalid, too_large, unsupported (a volume series; another number of dimensions).
Result<SourceSample> read_sample_file(const std::filesystem::path& path, bool volume, DType dtype);

// A mask: any value but 0 counts, the values of labelled outlines stay; 255 alone becomes 1. [height, width] or [depth,
// height, width], uint8.
Result<Array> read_mask_file(const std::filesystem::path& path, bool volume);

// The number type that holds the values of both.
DType common_dtype(DType a, DType b, bool pictures) noexcept;

}  // namespace aceso::learn
