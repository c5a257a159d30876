// The pickle machine alone: references of what is accepted lie within its values.
#include <cstddef>
#include <cstdint>
#include <span>

#include "pickle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto pickle = aceso::learn::parse_pickle(bytes);
  if (!pickle.ok()) return 0;
  const auto inside = [&](aceso::learn::PickleRef ref) {
    if (ref >= pickle->values.size()) __builtin_trap();
  };
  inside(pickle->root);
  for (const auto& value : pickle->values) {
    for (const auto ref : value.list) inside(ref);
    for (const auto& [key, item] : value.dictionary) {
      inside(key);
      inside(item);
    }
    inside(value.storage);
    if (value.shape.size() != value.stride.size()) __builtin_trap();
  }
  return 0;
}
