// A stored series as one volume: slices by their place in the patient, values as they were measured.
#pragma once

#include <array>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/predictor.hpp"
#include "aceso/dicom/geometry.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/learn/applicability.hpp"
#include "object_store.hpp"

namespace aceso::archive {

struct SeriesVolume {
  std::vector<dicom::Object> heads;  // of the slices in ascending position, without pixel data
  std::vector<InstancePtr> slices;   // the same
  contracts::VolumeInput input;      // modality values, float32 [z, y, x]: to the head, to the back, to the left
  dicom::Stack stack;
  std::array<std::size_t, 3> size{};  // slices, rows, columns
  learn::InputFacts facts;            // of the first slice
  std::string sha256;                 // hex, over the hashes of the slices' data sets in this order
};
inline constexpr std::uint64_t kMaxVoxels = 200'000'000;

// Errors: unsupported (colour, several frames, no decoder, no planes, slices that differ, are missing or lie unevenly:
// nothing that is a box of voxels, and why), too_large, invalid (damaged), cancelled.
Result<SeriesVolume> read_series_volume(const ObjectStore& store, const std::vector<InstancePtr>& images,
                                        const std::stop_token& stop);

// Of a mask in the volume's grid [z, y, x]: where `value` stands on one slice, in the slice's own rows and columns.
std::vector<std::uint8_t> mask_of_slice(const SeriesVolume& volume, const learn::Array& mask, std::size_t slice,
                                        std::uint8_t value);

}  // namespace aceso::archive
