#include "intensity.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "values.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kBlock = 4096;  // values whose sum fits into 32 bits

// Compiled twice, the processor decides: sums of squares are three times as fast in wide registers.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ACESO_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define ACESO_WIDE
#endif

template <class T>
struct Block {
  T least = std::numeric_limits<T>::max(), most = std::numeric_limits<T>::min();
  std::int32_t sum = 0;
  std::uint64_t squares = 0;
};

template <class T>
[[gnu::always_inline]] inline Block<T> look_at(const T* values, std::size_t count) {
  Block<T> block;
  for (std::size_t i = 0; i < count; ++i) {
    block.least = values[i] < block.least ? values[i] : block.least;
    block.most = values[i] > block.most ? values[i] : block.most;
    block.sum += values[i];
  }
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (std::is_signed_v<T>) {
      block.squares += static_cast<std::uint64_t>(values[i] * values[i]);  // at most 2^30
    } else {
      const std::uint32_t size = values[i];
      block.squares += std::uint64_t{size * size};  // below 2^32
    }
  }
  return block;
}
ACESO_WIDE Block<std::uint8_t> block_of(const std::uint8_t* values, std::size_t count) {
  return look_at(values, count);
}
ACESO_WIDE Block<std::int8_t> block_of(const std::int8_t* values, std::size_t count) {
  return look_at(values, count);
}
ACESO_WIDE Block<std::uint16_t> block_of(const std::uint16_t* values, std::size_t count) {
  return look_at(values, count);
}
ACESO_WIDE Block<std::int16_t> block_of(const std::int16_t* values, std::size_t count) {
  return look_at(values, count);
}
#undef ACESO_WIDE

template <class T>
void add_exactly(Intensity& to, std::span<const std::byte> bytes) {
  const std::size_t count = bytes.size() / sizeof(T);
  if (count == 0) return;
  Block<int> all;
  std::int64_t sum = 0;
  for (std::size_t first = 0; first < count; first += kBlock) {
    T values[kBlock];
    const std::size_t some = std::min(kBlock, count - first);
    std::memcpy(values, bytes.data() + first * sizeof(T), some * sizeof(T));
    const auto block = block_of(values, some);
    all.least = std::min<int>(all.least, block.least);
    all.most = std::max<int>(all.most, block.most);
    sum += block.sum;
    all.squares += block.squares;
  }
  to.low = std::min<double>(to.low, all.least);
  to.high = std::max<double>(to.high, all.most);
  to.sum += static_cast<double>(sum);
  to.squares += static_cast<double>(all.squares);
  to.count += static_cast<double>(count);
}

}  // namespace

void Intensity::add(DType type, std::span<const std::byte> bytes) {
  switch (type) {
    case DType::u8:
    case DType::boolean:
      return add_exactly<std::uint8_t>(*this, bytes);
    case DType::i8:
      return add_exactly<std::int8_t>(*this, bytes);
    case DType::u16:
      return add_exactly<std::uint16_t>(*this, bytes);
    case DType::i16:
      return add_exactly<std::int16_t>(*this, bytes);
    default:
      for_each_value(type, bytes, [this](double value) {
        low = value < low ? value : low;
        high = value > high ? value : high;
        sum += value;
        squares += value * value;
        count += 1;
      });
  }
}

}  // namespace aceso::learn
