#include "aceso/learn/array.hpp"

#include <array>
#include <cassert>
#include <cstring>

namespace aceso::learn {
namespace {

struct DTypeInfo {
  DType type;
  std::size_t size;
  std::string_view name;
};
constexpr std::array<DTypeInfo, 9> kDTypes{{{DType::u8, 1, "uint8"},
                                            {DType::i8, 1, "int8"},
                                            {DType::u16, 2, "uint16"},
                                            {DType::i16, 2, "int16"},
                                            {DType::i32, 4, "int32"},
                                            {DType::i64, 8, "int64"},
                                            {DType::f32, 4, "float32"},
                                            {DType::f64, 8, "float64"},
                                            {DType::boolean, 1, "bool"}}};
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

const DTypeInfo& info(DType type) noexcept {
  for (const auto& entry : kDTypes) {
    if (entry.type == type) return entry;
  }
  return kDTypes[0];
}

}  // namespace

std::size_t size_of(DType type) noexcept {
  return info(type).size;
}

std::string_view to_string(DType type) noexcept {
  return info(type).name;
}

Result<DType> parse_dtype(std::string_view name) {
  for (const auto& entry : kDTypes) {
    if (entry.name == name) return entry.type;
  }
  return Error{Code::unsupported,
               "unknown number type; known are uint8, int8, uint16, int16, int32, int64, float32, "
               "float64 and bool"};
}

Result<std::int64_t> element_count(const Shape& shape) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return Error{Code::invalid, "negative dimension in shape " + to_string(shape)};
    if (size == 0) {
      empty = true;
      continue;
    }
    if (size > kMaxElements / count)
      return Error{Code::too_large, "shape " + to_string(shape) + " is past 2^40 elements"};
    count *= size;
  }
  return empty ? 0 : count;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

Array Array::zeros(DType dtype, Shape shape) {
  const auto count = element_count(shape);
  assert(count.ok());
  Array array;
  array.dtype = dtype;
  array.shape = std::move(shape);
  array.data.resize(static_cast<std::size_t>(*count) * size_of(dtype));
  return array;
}

Array Array::from(Shape shape, std::vector<float> values) {
  Array array = zeros(DType::f32, std::move(shape));
  assert(array.data.size() == values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(array.data.data(), values.data(), array.data.size());
  return array;
}

std::span<const float> Array::f32() const {
  assert(dtype == DType::f32);
  return {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)};
}

std::span<float> Array::f32() {
  assert(dtype == DType::f32);
  return {reinterpret_cast<float*>(data.data()), data.size() / sizeof(float)};
}

}  // namespace aceso::learn
