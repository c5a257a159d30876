// Many samples in one picture, to look at.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "aceso/learn/dataset.hpp"

namespace aceso::models {

// A sample of any kind that has a picture as 8-bit: a volume's middle slice, values over their own range unless they
// are 8-bit already. Errors: unsupported (signals, tables).
Result<std::vector<std::byte>> sample_to_png(const learn::Array& sample, std::string_view kind);

// PNG of tiles of 64 pixels, 16 a row, in the order of `indices`, at most 256 of them. Errors as sample_to_png.
Result<std::vector<std::byte>> contact_sheet(const learn::Dataset& dataset, std::span<const std::size_t> indices);

}  // namespace aceso::models
