// Bytes from outside as arrays, and arrays as pictures: the only part of the service that knows libs/imaging.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"
#include "aceso/learn/signature.hpp"

namespace aceso::models {

enum class InputType : std::uint8_t { png, jpeg, npy };
std::string_view media_type_of(InputType type) noexcept;

struct InputLimits {
  std::uint64_t bytes = std::uint64_t{32} << 20;
  std::uint64_t pixels = std::uint64_t{64} << 20;
};

// By its first bytes. unsupported: neither PNG, JPEG nor NPY, or not what `content_type` promises ("" and
// application/octet-stream promise nothing).
Result<InputType> detect_input(std::span<const std::byte> bytes, std::string_view content_type);
// One sample: [height, width] or [height, width, channels] for pictures, the array itself for NPY. invalid, too_large,
// unsupported.
Result<learn::Array> decode_input(std::span<const std::byte> bytes, InputType type, const InputLimits& limits);

// Whether a sample is what a model was made for, beyond what check_inputs() sees: size, channels, colour, range,
// finite, not constant. invalid says why. What is doubtful but usable is added to `warnings`. 16-bit pictures are
// turned into the 8-bit range.
Status check_contract(const learn::ModelSignature& signature, learn::Array& sample, InputType type,
                      std::vector<std::string>& warnings);

// A picture without its channel of opacity. invalid: it is partly transparent.
Status without_opacity(learn::Array& sample);

// [height, width] or [height, width, 1 | 3] of any number type; other than uint8 is stretched from its minimum to its
// maximum. [1, channels, height, width] as [height, width, channels].
Result<learn::Array> channels_last(const learn::Array& tensor);

Result<std::vector<std::byte>> array_to_png(const learn::Array& sample);

}  // namespace aceso::models
