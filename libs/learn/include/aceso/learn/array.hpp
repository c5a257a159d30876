// Named arrays: what datasets hold and models take and give. Row-major, native byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::learn {

enum class DType : std::uint8_t { u8, i8, u16, i16, i32, i64, f32, f64, boolean };
std::size_t size_of(DType type) noexcept;
std::string_view to_string(DType type) noexcept;  // "uint8" ... numpy's names
Result<DType> parse_dtype(std::string_view name);

using Shape = std::vector<std::int64_t>;
// Product of the dimensions. Errors: invalid for a negative dimension, too_large past 2^40.
Result<std::int64_t> element_count(const Shape& shape);
std::string to_string(const Shape& shape);  // "[32, 3, 128, 128]"

struct Array {
  DType dtype = DType::f32;
  Shape shape;
  std::vector<std::byte> data;

  static Array zeros(DType dtype, Shape shape);  // asserts that the shape is valid
  static Array from(Shape shape, std::vector<float> values);
  std::span<const float> f32() const;  // asserts dtype
  std::span<float> f32();
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
};

using NamedArrays = std::map<std::string, Array, std::less<>>;
using Weights = NamedArrays;  // torchvision's parameter names: "conv1.weight", "layer1.0.bn1.running_mean"

// Bytes of one .npy (format 1.0-3.0) and of an .npz archive. Little-endian, C or Fortran order (turned into C). No
// pickled objects. Errors: invalid (what is wrong, with the member's name), too_large (declared or real size past the
// limit, before it is allocated), unsupported (dtype).
Result<Array> parse_npy(std::span<const std::byte> bytes, std::uint64_t limit);
Result<NamedArrays> parse_npz(std::span<const std::byte> bytes, std::uint64_t limit);
std::vector<std::byte> to_npy(const Array& array);
Result<std::vector<std::byte>> to_npz(const NamedArrays& arrays);  // stored, not compressed

// safetensors: docs at huggingface/safetensors. Offsets must tile the data without holes or overlaps; header <= 100 MB.
// F16 and BF16 are widened to float32.
Result<Weights> parse_safetensors(std::span<const std::byte> bytes,
                                  std::map<std::string, std::string>* metadata = nullptr);
std::vector<std::byte> to_safetensors(const Weights& weights, const std::map<std::string, std::string>& metadata);

}  // namespace aceso::learn
