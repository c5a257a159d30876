// Volumes in NIfTI-1 and NIfTI-2 (.nii, .nii.gz; the definitions of nifti1.h, 2003, and nifti2.h, 2011).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::imaging {

enum class VoxelType : std::uint8_t { u8, i8, u16, i16, u32, i32, i64, f32, f64, rgb };
std::size_t size_of(VoxelType type) noexcept;

// Turned so that x grows to the patient's left, y to the back and z to the head (LPS+, DICOM's patient axes), as far as
// axes can be swapped and mirrored without resampling. Voxels are stored z by z, y by y, x by x.
struct NiftiImage {
  VoxelType type = VoxelType::i16;
  std::array<std::int64_t, 3> size{};             // x, y, z
  std::int64_t volumes = 1;                       // of a series: their product over the dimensions behind the third
  std::array<double, 3> spacing_mm{};             // x, y, z; 0: unknown
  std::array<std::array<double, 4>, 3> affine{};  // of the file: voxel indices (i, j, k, 1) to RAS+ millimetres
  bool oriented = false;    // the file says where it lies (qform or sform); else nothing was turned
  std::string orientation;  // of the file's axes: "RAS", "LPI"...
  double slope = 1;         // value = slope * stored + intercept
  double intercept = 0;
  std::vector<std::byte> data;  // native byte order; RGB interleaved
};

struct NiftiLimits {
  std::int64_t side = 16384;
  std::uint64_t bytes = std::uint64_t{2} << 30;  // of voxels, and of what a .gz may unpack to
};

// Errors: invalid (no NIfTI, truncated, sizes that contradict each other), too_large (before allocation), unsupported
// (complex and 128-bit numbers, header and data in two files). Extensions are skipped. Thread-safe.
Result<NiftiImage> decode_nifti(std::span<const std::byte> bytes, const NiftiLimits& limits = {});
// Without the voxels: `data` stays empty.
Result<NiftiImage> read_nifti_header(std::span<const std::byte> bytes);
// By the first bytes; of a .gz what they unpack to.
bool is_nifti(std::span<const std::byte> bytes);

// A single-file NIfTI-1 with an sform; voxels as in `image` (LPS+), whose affine, orientation, slope and intercept are
// not used. Errors: invalid when size, type and data contradict each other, or a side is over 32767.
Result<std::vector<std::byte>> encode_nifti(const NiftiImage& image);

}  // namespace aceso::imaging
