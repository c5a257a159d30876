// Reading and writing words of either byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace aceso::dicom {

// The word at bytes[at .. at + sizeof(T)), which must exist.
template <class T>
T load(std::span<const std::byte> bytes, std::size_t at, bool big_endian) noexcept {
  using Raw = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                 std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>>;
  static_assert(sizeof(Raw) == sizeof(T));
  Raw raw{};
  std::memcpy(&raw, bytes.data() + at, sizeof raw);
  if (big_endian) {
    if constexpr (sizeof(T) == 8) raw = __builtin_bswap64(raw);
    if constexpr (sizeof(T) == 4) raw = __builtin_bswap32(raw);
    if constexpr (sizeof(T) == 2) raw = __builtin_bswap16(raw);
  }
  T value{};
  std::memcpy(&value, &raw, sizeof value);
  return value;
}

template <class T>
void append(std::vector<std::byte>& out, T value) {  // little endian
  const auto* raw = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), raw, raw + sizeof value);
}

inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span{text.data(), text.size()});
}

}  // namespace aceso::dicom
