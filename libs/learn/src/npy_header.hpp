// The header of a .npy (numpy.lib.format 1.0 to 3.0): a Python dictionary with descr, fortran_order and shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

struct NpyHeader {
  DType dtype = DType::f32;
  bool fortran = false;
  Shape shape;
  std::size_t data_offset = 0;   // from the start of the file
  std::uint64_t data_bytes = 0;  // what shape and dtype say
};

constexpr std::size_t kNpyPrefix = 12;  // enough to learn the header's length
constexpr std::size_t kNpyMaxHeader = 64 * 1024;

// Where the data begin, from the first kNpyPrefix bytes.
Result<std::size_t> npy_data_offset(std::span<const std::byte> prefix);
// `bytes` holds at least everything before the data.
Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes);
// Brings data read from the file into C order; boolean bytes become 0 or 1.
Array finish_npy(const NpyHeader& header, std::vector<std::byte> data);

}  // namespace aceso::learn
