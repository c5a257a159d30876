// What an image may need before any of it is allocated.
#pragma once

#include <string>

#include "aceso/imaging/image.hpp"

namespace aceso::imaging {

inline Status check_bounds(const char* format, std::int64_t width, std::int64_t height, int channels, int bits,
                           const ImageLimits& limits) {
  if (width < 1 || height < 1) return Error{Code::invalid, std::string{format} + ": an image without pixels"};
  if (width > limits.side || height > limits.side) {
    return Error{Code::too_large, std::string{format} + ": " + std::to_string(width) + " x " + std::to_string(height) +
                                      " pixels; the limit is " + std::to_string(limits.side) + " a side"};
  }
  const std::uint64_t pixels = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  if (pixels > limits.pixels)
    return Error{Code::too_large, std::string{format} + ": " + std::to_string(pixels) + " pixels; the limit is " +
                                      std::to_string(limits.pixels)};
  const std::uint64_t bytes = pixels * static_cast<std::uint64_t>(channels) * static_cast<std::uint64_t>(bits / 8);
  if (bytes > limits.bytes)
    return Error{Code::too_large, std::string{format} + ": " + std::to_string(bytes) +
                                      " bytes of pixels; the limit is " + std::to_string(limits.bytes)};
  return {};
}

}  // namespace aceso::imaging
