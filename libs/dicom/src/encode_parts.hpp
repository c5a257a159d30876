#pragma once

#include "aceso/dicom/encode.hpp"

namespace aceso::dicom {

std::vector<std::byte> encode_rle(const Frame& frame);
Result<std::vector<std::byte>> encode_jpeg_8(const std::byte* pixels, std::uint32_t columns, std::uint32_t rows,
                                             int components, int quality);
Result<std::vector<std::byte>> encode_jpeg_ls(const Frame& frame);
Result<std::vector<std::byte>> encode_jpeg_2000(const Frame& frame);
Result<std::vector<std::byte>> encode_htj2k(const Frame& frame);

}  // namespace aceso::dicom
