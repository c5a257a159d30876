// What an import has to know of a DICOM file before its pixels are read. Identifiers leave only as keyed hashes.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/file.hpp"
#include "aceso/dicom/geometry.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/pixel.hpp"
#include "pseudonyms.hpp"

namespace aceso::models {

struct DicomImage {
  std::string instance, series, patient, study;  // keyed hashes, "" when the attribute is missing or empty
  std::string modality;                          // (0008,0060)
  dicom::PixelFormat format;
  std::optional<std::array<double, 2>> spacing_mm;  // rows, columns
  std::vector<std::optional<dicom::Plane>> planes;  // of each frame, empty unless asked for
  bool fits_int16 = false;                          // modality values are whole numbers of 16 bits
  bool grey() const noexcept { return format.samples == 1 && format.photometric == dicom::Photometric::monochrome2; }
};

// Errors say why the file gives no sample, with tags and offsets and never with values: invalid (damaged; as many
// frames as it does not hold; identifying text in its pixels), unsupported (no image, a segmentation or dose, no
// decoder).
Result<DicomImage> read_dicom_image(std::span<const std::byte> bytes, const Pseudonyms& pseudonyms, bool planes);

// Opens files one after the other and keeps the last one, for frames of one file. Not thread-safe.
class DicomFrames {
 public:
  explicit DicomFrames(std::filesystem::path root) : root_{std::move(root)} {}

  struct Opened {
    MappedFile file;
    dicom::Object object;
  };
  Result<const Opened*> open(const std::filesystem::path& relative);

 private:
  std::filesystem::path root_, name_;
  std::optional<Opened> opened_;
};

}  // namespace aceso::models
