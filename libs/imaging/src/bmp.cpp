// Windows bitmaps: BITMAPFILEHEADER, one of the DIB headers (OS/2's of 12 bytes, BITMAPINFOHEADER and its successors),
// a palette or bit masks, rows from the bottom up padded to four bytes.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "bounds.hpp"

namespace aceso::imaging {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::size_t kCoreHeader = 12;
constexpr std::size_t kInfoHeader = 40;
enum Compression : std::uint32_t { kRgb = 0, kBitFields = 3, kAlphaBitFields = 6 };

std::uint32_t little(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

Error bad(const char* why) {
  return {Code::invalid, std::string{"BMP: "} + why};
}

struct Header {
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  int bits = 0;
  std::size_t pixels_at = 0, palette_at = 0, palette_entry = 4, colours = 0;
  std::array<std::uint32_t, 3> masks{};  // red, green, blue, for 16 and 32 bits
};

Status read_masks(std::span<const std::byte> bytes, std::size_t size, std::uint32_t compression, Header& header) {
  if (compression != kRgb && compression != kBitFields && compression != kAlphaBitFields)
    return Error{Code::unsupported, "BMP: compressed"};
  if (compression == kRgb) {
    header.masks = header.bits == 16 ? std::array<std::uint32_t, 3>{0x7C00, 0x3E0, 0x1F}
                                     : std::array<std::uint32_t, 3>{0xFF0000, 0xFF00, 0xFF};
    return {};
  }
  if (header.bits != 16 && header.bits != 32) return bad("bit masks with another depth than 16 or 32");
  const std::size_t at = kFileHeader + kInfoHeader;  // behind the header, or the first fields of the longer ones
  if (bytes.size() < at + 12) return bad("the file ends too early");
  for (std::size_t c = 0; c < 3; ++c) {
    const std::uint32_t mask = little(bytes, at + 4 * c, 4);
    if (mask == 0 || std::popcount(mask) > 16 || !std::has_single_bit((mask >> std::countr_zero(mask)) + 1))
      return bad("a bit mask with gaps, or none");
    header.masks[c] = mask;
  }
  if (size == kInfoHeader) header.palette_at += compression == kAlphaBitFields ? 16 : 12;
  return {};
}

Result<Header> read_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kFileHeader + kCoreHeader) return bad("the file ends too early");
  Header header;
  header.pixels_at = little(bytes, 10, 4);
  const std::size_t size = little(bytes, kFileHeader, 4);
  if (size != kCoreHeader && (size < kInfoHeader || size > 124)) return bad("unknown header");
  if (bytes.size() < kFileHeader + size) return bad("the file ends too early");
  header.palette_at = kFileHeader + size;
  if (size == kCoreHeader) {
    header.width = little(bytes, 18, 2);
    header.height = little(bytes, 20, 2);
    header.bits = static_cast<int>(little(bytes, 24, 2));
    header.palette_entry = 3;
  } else {
    header.width = static_cast<std::int32_t>(little(bytes, 18, 4));
    header.height = static_cast<std::int32_t>(little(bytes, 22, 4));
    header.top_down = header.height < 0;
    if (header.top_down) header.height = -header.height;
    header.bits = static_cast<int>(little(bytes, 28, 2));
    ACESO_TRY_OK(read_masks(bytes, size, little(bytes, 30, 4), header));
    header.colours = little(bytes, 46, 4);
  }
  const std::array<int, 6> depths{1, 4, 8, 16, 24, 32};
  if (std::find(depths.begin(), depths.end(), header.bits) == depths.end()) return bad("unknown depth");
  if (header.bits <= 8) {
    const std::size_t most = std::size_t{1} << header.bits;
    if (header.colours == 0) header.colours = most;
    if (header.colours > most || header.palette_at + header.colours * header.palette_entry > bytes.size())
      return bad("the palette is longer than the file or the depth allow");
  }
  return header;
}

// A channel's bits over the full range of a byte.
std::byte scaled(std::uint32_t pixel, std::uint32_t mask) {
  const std::uint32_t most = mask >> std::countr_zero(mask);
  const std::uint32_t value = (pixel & mask) >> std::countr_zero(mask);
  return static_cast<std::byte>((value * 255U + most / 2) / most);
}

struct Palette {
  std::array<std::array<std::byte, 3>, 256> colours{};
  bool grey = true;
};

Palette read_palette(std::span<const std::byte> bytes, const Header& header) {
  Palette palette;
  for (std::size_t i = 0; i < header.colours; ++i) {
    const std::size_t at = header.palette_at + i * header.palette_entry;
    palette.colours[i] = {bytes[at + 2], bytes[at + 1], bytes[at]};
    palette.grey = palette.grey && bytes[at] == bytes[at + 1] && bytes[at] == bytes[at + 2];
  }
  return palette;
}

Status fill_indexed(std::span<const std::byte> bytes, const Header& header, std::size_t row_bytes,
                    const Palette& palette, Image& image) {
  const auto width = static_cast<std::size_t>(header.width);
  const auto bits = static_cast<std::size_t>(header.bits);
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t y = 0; y < static_cast<std::size_t>(header.height); ++y) {
    const std::size_t from = header.top_down ? y : static_cast<std::size_t>(header.height) - 1 - y;
    const auto row = bytes.subspan(header.pixels_at + from * row_bytes, row_bytes);
    for (std::size_t x = 0; x < width; ++x) {
      const std::size_t shift = 8 - bits - x * bits % 8;
      const std::size_t index =
          std::to_integer<std::size_t>(row[x * bits / 8]) >> shift & ((std::size_t{1} << bits) - 1);
      if (index >= header.colours) return bad("a pixel outside of the palette");
      for (std::size_t c = 0; c < channels; ++c)
        image.pixels[(y * width + x) * channels + c] = palette.colours[index][c];
    }
  }
  return {};
}

void fill_direct(std::span<const std::byte> bytes, const Header& header, std::size_t row_bytes, Image& image) {
  const auto width = static_cast<std::size_t>(header.width);
  const auto size = static_cast<std::size_t>(header.bits / 8);
  for (std::size_t y = 0; y < static_cast<std::size_t>(header.height); ++y) {
    const std::size_t from = header.top_down ? y : static_cast<std::size_t>(header.height) - 1 - y;
    const auto row = bytes.subspan(header.pixels_at + from * row_bytes, row_bytes);
    std::byte* to = image.pixels.data() + y * width * 3;
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint32_t pixel = little(row, x * size, size);
      for (std::size_t c = 0; c < 3; ++c) to[x * 3 + c] = scaled(pixel, header.masks[c]);
    }
  }
}

}  // namespace

Result<Image> decode_bmp(std::span<const std::byte> bytes, const ImageLimits& limits) {
  if (detect_format(bytes) != ImageFormat::bmp) return bad("not a BMP image");
  ACESO_TRY(Header header, read_header(bytes));
  if (header.bits == 24) header.masks = {0xFF0000, 0xFF00, 0xFF};
  Palette palette;
  if (header.bits <= 8) palette = read_palette(bytes, header);
  const int channels = header.bits <= 8 && palette.grey ? 1 : 3;
  ACESO_TRY_OK(check_bounds("BMP", header.width, header.height, channels, 8, limits));
  const auto width = static_cast<std::size_t>(header.width);
  const auto height = static_cast<std::size_t>(header.height);
  const std::size_t row_bytes = (width * static_cast<std::size_t>(header.bits) + 31) / 32 * 4;
  if (header.pixels_at < kFileHeader + kCoreHeader || header.pixels_at > bytes.size() ||
      row_bytes * height > bytes.size() - header.pixels_at)
    return bad("the file ends too early");
  Image image{header.width, header.height, channels, 8, {}};
  image.pixels.resize(width * height * static_cast<std::size_t>(channels));
  if (header.bits <= 8) {
    ACESO_TRY_OK(fill_indexed(bytes, header, row_bytes, palette, image));
  } else {
    fill_direct(bytes, header, row_bytes, image);
  }
  return image;
}

}  // namespace aceso::imaging
