#include "aceso/imaging/text.hpp"

#include <algorithm>
#include <array>

#include "aceso/base/text.hpp"

namespace aceso::imaging {
namespace {

using Glyph = std::array<std::uint16_t, kGlyphHeight>;  // rows from the top, the leftmost pixel in bit 8

// Written by tools/make_bitmap_font.py: U+0020 to U+007E, then U+00A0 to U+00FF.
constexpr std::array<Glyph, 191> kGlyphs{{
#include "font.inc"
}};
constexpr Glyph kBox{0, 0, 0x0FE, 0x082, 0x082, 0x082, 0x082, 0x082, 0x082, 0x082, 0x082, 0x0FE, 0, 0, 0};

// The next character, taken from the front; malformed bytes one by one as U+FFFD. `text` is not empty.
char32_t take(std::string_view& text) noexcept {
  const auto next = decode_utf8(text, 0);
  text.remove_prefix(next ? next->bytes : 1);
  return next ? next->value : U'\uFFFD';
}

const Glyph& glyph_of(char32_t code) noexcept {
  if (code >= 0x20 && code <= 0x7E) return kGlyphs.at(code - 0x20);
  if (code >= 0xA0 && code <= 0xFF) return kGlyphs.at(95 + code - 0xA0);
  return kBox;
}

std::string without_controls(std::string_view text) {
  std::string out{text};
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7F; }, ' ');
  return out;
}

// Bytes of the first `columns` characters.
std::size_t prefix_of(std::string_view text, std::size_t columns) noexcept {
  std::string_view rest = text;
  for (std::size_t i = 0; i < columns && !rest.empty(); ++i) take(rest);
  return text.size() - rest.size();
}

}  // namespace

std::vector<std::string> wrap_text(std::string_view utf8, std::size_t columns) {
  const std::string clean = without_controls(utf8);
  std::string_view rest = clean;
  std::vector<std::string> lines;
  columns = std::max<std::size_t>(columns, 1);
  while (!rest.empty()) {
    std::size_t end = prefix_of(rest, columns);
    if (end < rest.size()) {
      const auto space = rest.substr(0, end + 1).rfind(' ');
      if (space != std::string_view::npos && space > 0) end = space;
    }
    std::string line{rest.substr(0, end)};
    while (line.ends_with(' ')) line.pop_back();
    lines.push_back(std::move(line));
    rest.remove_prefix(end);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
  }
  return lines;
}

Status draw_text(Image& image, std::int64_t x, std::int64_t y, std::string_view utf8, std::uint8_t value,
                 std::int64_t scale) {
  if (image.bits != 8 || (image.channels != 1 && image.channels != 3))
    return Error{Code::unsupported, "text is drawn into pictures of 8 bits, grey or RGB"};
  const auto channels = static_cast<std::int64_t>(image.channels);
  if (scale < 1 || image.width < 0 || image.height < 0 ||
      image.pixels.size() != static_cast<std::size_t>(image.width * image.height * channels))
    return Error{Code::invalid, "the picture's fields contradict each other, or the scale is below 1"};
  for (; !utf8.empty() && x < image.width; x += kGlyphWidth * scale) {
    const Glyph& glyph = glyph_of(take(utf8));
    for (std::int64_t row = std::max<std::int64_t>(0, -y); row < kGlyphHeight * scale && y + row < image.height;
         ++row) {
      const unsigned bits = glyph.at(static_cast<std::size_t>(row / scale));
      for (std::int64_t column = std::max<std::int64_t>(0, -x);
           column < kGlyphWidth * scale && x + column < image.width; ++column) {
        if (((bits >> static_cast<unsigned>(kGlyphWidth - 1 - column / scale)) & 1U) == 0) continue;
        const auto at = static_cast<std::size_t>(((y + row) * image.width + x + column) * channels);
        std::fill_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(at), channels, static_cast<std::byte>(value));
      }
    }
  }
  return {};
}

}  // namespace aceso::imaging
