// What is accepted must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "aceso/learn/array.hpp"
#include "npz_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto value = aceso::learn::parse_npz(bytes, std::uint64_t{8} << 20);
  if (value.ok() && !aceso::learn::parse_npz(*aceso::learn::to_npz(*value), std::uint64_t{8} << 20).ok())
    __builtin_trap();
  // Row by row it is what it is whole.
  auto open = aceso::learn::open_npz(bytes, std::uint64_t{8} << 20, [](std::string_view) { return true; });
  if (!open.ok()) return 0;
  for (const auto& [key, reader] : open->rows) {
    const auto& array = open->arrays.at(key);
    std::size_t row = 1;
    for (std::size_t d = 1; d < array.shape.size(); ++d) row *= static_cast<std::size_t>(array.shape[d]);
    std::vector<std::byte> values(row * aceso::learn::size_of(array.dtype));
    std::vector<std::byte> all;
    aceso::Status good;
    for (std::int64_t i = 0; i < array.shape[0] && good && !values.empty(); ++i) {
      good = reader->next(values);
      all.insert(all.end(), values.begin(), values.end());
    }
    good = good ? reader->finish() : std::move(good);
    if (value.ok() && (!good || all != value->at(key).data)) __builtin_trap();
  }
  return 0;
}
