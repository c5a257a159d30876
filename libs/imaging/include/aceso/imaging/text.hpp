// Text burned into pictures, in one built-in font of fixed width (X11's 9x15: ASCII and Latin-1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/imaging/image.hpp"

namespace aceso::imaging {

inline constexpr std::int64_t kGlyphWidth = 9;
inline constexpr std::int64_t kGlyphHeight = 15;

// Lines of at most `columns` (> 0) characters, broken at spaces where there are some. Control characters become spaces.
std::vector<std::string> wrap_text(std::string_view utf8, std::size_t columns);

// One line with its top left corner at (x, y), every glyph pixel as a square of `scale` (>= 1) pixels, `value` (0..255)
// in all colour channels; what lies outside of the picture is cut off. Characters that the font does not have are drawn
// as a box. Errors: unsupported (not 8 bits, or with opacity), invalid (scale, or fields that contradict each other).
Status draw_text(Image& image, std::int64_t x, std::int64_t y, std::string_view utf8, std::uint8_t value,
                 std::int64_t scale = 1);

}  // namespace aceso::imaging
