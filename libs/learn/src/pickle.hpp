// The part of Python's pickle protocols 2 to 5 (pickletools) that torch.save needs for tensors and plain values.
// Nothing is imported or called: a short list of names builds values of our own, any other name is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"

namespace aceso::learn {

using PickleRef = std::uint32_t;  // index into Pickle::values

struct PickleValue {
  enum class Kind : std::uint8_t { none, boolean, integer, real, text, list, dictionary, global, storage, tensor };
  Kind kind = Kind::none;
  std::int64_t integer = 0;  // boolean, integer; storage: elements; tensor: offset into the storage, in elements
  double real = 0;
  std::string text = {};             // text; storage: key; global: name, storage: number type ("BFloat16Storage")
  std::string type = {};             // storage
  std::vector<PickleRef> list = {};  // list and tuple
  std::vector<std::pair<PickleRef, PickleRef>> dictionary = {};
  PickleRef storage = 0;          // tensor
  Shape shape = {}, stride = {};  // tensor
};

struct Pickle {
  std::vector<PickleValue> values;
  PickleRef root = 0;
};

// At most 2^19 values. Errors: denied (names what the pickle asks for), unsupported, too_large, invalid. References may
// form cycles: whoever walks the values bounds the depth.
Result<Pickle> parse_pickle(std::span<const std::byte> bytes);

}  // namespace aceso::learn
