// Finds text that was burned into a picture: connected components of one brightness with sharp edges and thin strokes
// that stand in a line. No recognition: script and language do not matter, and no word is ever known here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "aceso/privacy/deidentify.hpp"

namespace aceso::privacy {

struct Plane {  // one brightness a pixel, row-major
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> values;
};

struct DetectorSettings {
  int contrast = 36;  // least step from a letter's edge to what surrounds it, of 255
  int first_level = 250;
  int level_step = 12;
  double min_letters = 3;
};

struct TextSearch {
  std::vector<Rectangle> lines;    // may overlap
  std::size_t skipped_levels = 0;  // with more than 8000 components like letters: not searched, text may be there
};

// Lines of text, brighter or darker than what is around them, read from left to right or turned by 90 or 270 degrees,
// of letters 5 pixels high and more; each with a margin of about a third of its height.
// Stopped early it gives what it had found. Thread-safe.
TextSearch find_text(const Plane& plane, const DetectorSettings& settings = {}, const std::stop_token& stop = {});

}  // namespace aceso::privacy
