// Frames as pictures for eyes: windowed, scaled, JPEG or PNG (PS3.18 8.3.5).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "aceso/dicom/pixel.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::archive {

struct Viewport {
  std::uint32_t width = 0;  // the picture fits into it, keeping its shape
  std::uint32_t height = 0;
  double left = 0, top = 0;                    // of the source, in pixels
  double source_width = 0, source_height = 0;  // 0: to the edge
};

struct PictureOptions {
  std::optional<dicom::Window> window;
  std::optional<Viewport> viewport;
  int quality = 90;  // of JPEG
  bool png = false;
  std::string key() const;  // tells pictures of one frame apart
};

// `window=C,W,FUNCTION` (linear, linear-exact, sigmoid), `viewport=W,H[,X,Y,SW,SH]`, `quality=1..100`. Errors: invalid.
Result<PictureOptions> parse_picture(std::span<const std::pair<std::string, std::string>> query);

// By averaging over what a pixel covers; never larger than 8192 a side. 8 bits, any channels.
imaging::Image scale_to_fit(const imaging::Image& image, const Viewport& viewport);

}  // namespace aceso::archive
