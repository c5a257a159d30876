// Raw bytes of one of the number types, as doubles.
#pragma once

#include <cstring>
#include <span>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

template <class T, class F>
void for_each_of(std::span<const std::byte> bytes, const F& visit) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    visit(static_cast<double>(value));
  }
}

template <class F>
void for_each_value(DType type, std::span<const std::byte> bytes, const F& visit) {
  switch (type) {
    case DType::u8:
    case DType::boolean:
      return for_each_of<std::uint8_t>(bytes, visit);
    case DType::i8:
      return for_each_of<std::int8_t>(bytes, visit);
    case DType::u16:
      return for_each_of<std::uint16_t>(bytes, visit);
    case DType::i16:
      return for_each_of<std::int16_t>(bytes, visit);
    case DType::i32:
      return for_each_of<std::int32_t>(bytes, visit);
    case DType::i64:
      return for_each_of<std::int64_t>(bytes, visit);
    case DType::f32:
      return for_each_of<float>(bytes, visit);
    case DType::f64:
      return for_each_of<double>(bytes, visit);
  }
}

}  // namespace aceso::learn
