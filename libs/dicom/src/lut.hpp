// Lookup tables: modality, VOI (PS3.3 C.11.1.1, C.11.2.1.1) and palettes (C.7.6.3.1.5, C.7.9.2).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/dataset.hpp"
#include "aceso/dicom/pixel.hpp"

namespace aceso::dicom {

struct Lut {
  std::int64_t first = 0;                         // the input that entry 0 stands for
  unsigned bits = 16;                             // of an entry: 8 to 16
  std::vector<std::uint16_t> entries;             // never empty
  std::uint16_t at(double input) const noexcept;  // inputs outside take the nearest end
};

// Of an item of ModalityLUTSequence or VOILUTSequence. Errors: invalid.
Result<Lut> read_lut(const Dataset& item, bool inputs_signed);

struct Palette {
  std::array<Lut, 3> channels;
  std::uint8_t at(std::size_t channel, double index) const noexcept;
};
Result<Palette> read_palette(const Dataset& dataset, bool indices_signed);

// The first item of the macro `sequence` that holds for a frame, of the per-frame or the shared functional groups
// (PS3.3 C.7.6.16), else null.
const Dataset* functional_group(const Dataset& dataset, Tag sequence, std::uint32_t frame_number) noexcept;

}  // namespace aceso::dicom
