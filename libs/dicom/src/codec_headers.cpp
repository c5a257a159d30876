#include "codec_headers.hpp"

#include <algorithm>

#include "bytes.hpp"

namespace aceso::dicom {
namespace {

unsigned at8(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<unsigned>(bytes[at]);
}
std::uint16_t at16(std::span<const std::byte> bytes, std::size_t at) {
  return load<std::uint16_t>(bytes, at, true);
}
std::uint32_t at32(std::span<const std::byte> bytes, std::size_t at) {
  return load<std::uint32_t>(bytes, at, true);
}

bool starts_frame(unsigned marker) {
  return marker == 0xF7 || (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC);
}

// The codestream inside the boxes of a JP2 file (T.800 Annex I).
std::span<const std::byte> unboxed(std::span<const std::byte> bytes) {
  std::size_t at = 0;
  while (bytes.size() - at >= 8) {
    std::uint64_t length = at32(bytes, at);
    std::size_t header = 8;
    if (length == 1) {
      if (bytes.size() - at < 16) return {};
      length = load<std::uint64_t>(bytes, at + 8, true);
      header = 16;
    }
    if (length == 0) length = bytes.size() - at;
    if (length < header || length > bytes.size() - at) return {};
    if (as_text(bytes.subspan(at + 4, 4)) == "jp2c")
      return bytes.subspan(at + header, static_cast<std::size_t>(length) - header);
    at += static_cast<std::size_t>(length);
  }
  return {};
}

Status read_siz(std::span<const std::byte> segment, Jpeg2000Header& header) {
  const Error damaged{Code::invalid, "JPEG 2000: the size segment is damaged"};
  if (segment.size() < 36) return damaged;
  const std::uint32_t right = at32(segment, 2);
  const std::uint32_t bottom = at32(segment, 6);
  const std::uint32_t left = at32(segment, 10);
  const std::uint32_t top = at32(segment, 14);
  const std::uint64_t tile_width = at32(segment, 18);
  const std::uint64_t tile_height = at32(segment, 22);
  const std::uint32_t tile_left = at32(segment, 26);
  const std::uint32_t tile_top = at32(segment, 30);
  header.components = at16(segment, 34);
  if (right <= left || bottom <= top || tile_width == 0 || tile_height == 0 || tile_left > left || tile_top > top)
    return damaged;
  if (header.components == 0 || segment.size() < 36 + std::size_t{3} * header.components) return damaged;
  const std::uint64_t tiles =
      ((right - tile_left + tile_width - 1) / tile_width) * ((bottom - tile_top + tile_height - 1) / tile_height);
  if (tiles > 65535) return damaged;
  header.columns = right - left;
  header.rows = bottom - top;
  for (std::size_t i = 0; i < header.components; ++i) {
    const unsigned depth = at8(segment, 36 + 3 * i);
    const auto precision = static_cast<std::uint16_t>((depth & 0x7FU) + 1);
    if (i > 0 && (precision != header.precision || ((depth & 0x80U) != 0) != header.is_signed))
      return Error{Code::unsupported, "JPEG 2000: components of different depths"};
    header.precision = precision;
    header.is_signed = (depth & 0x80U) != 0;
    const unsigned dx = at8(segment, 37 + 3 * i);
    const unsigned dy = at8(segment, 38 + 3 * i);
    if (dx == 0 || dy == 0) return damaged;
    header.subsampled = header.subsampled || dx != 1 || dy != 1;
  }
  return {};
}

}  // namespace

Result<JpegHeader> read_jpeg_header(std::span<const std::byte> encoded) {
  const Error damaged{Code::invalid, "JPEG: the header is damaged"};
  if (encoded.size() < 4 || at16(encoded, 0) != 0xFFD8) return Error{Code::invalid, "JPEG: no start of image"};
  JpegHeader header;
  std::size_t at = 2;
  while (encoded.size() - at >= 4) {
    if (at8(encoded, at) != 0xFF) return damaged;
    const unsigned marker = at8(encoded, at + 1);
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    if (marker == 0xD9 || marker == 0xDA || marker == 0xD8) break;
    const std::size_t length = at16(encoded, at + 2);
    if (length < 2 || length > encoded.size() - at - 2) return damaged;
    const auto segment = encoded.subspan(at + 4, length - 2);
    if (starts_frame(marker)) {
      if (segment.size() < 6) return damaged;
      header.process = static_cast<std::uint8_t>(marker);
      header.precision = static_cast<std::uint8_t>(at8(segment, 0));
      header.rows = at16(segment, 1);
      header.columns = at16(segment, 3);
      header.components = static_cast<std::uint8_t>(at8(segment, 5));
      return header;
    }
    if (marker == 0xE0 && as_text(segment).starts_with("JFIF")) header.jfif = true;
    if (marker == 0xEE && segment.size() >= 12 && as_text(segment).starts_with("Adobe")) {
      header.adobe = true;
      header.adobe_transform = static_cast<std::uint8_t>(at8(segment, 11));
    }
    at += 2 + length;
  }
  return Error{Code::invalid, "JPEG: no start of frame"};
}

Result<Jpeg2000Header> read_jpeg_2000_header(std::span<const std::byte> encoded) {
  const Error damaged{Code::invalid, "JPEG 2000: the header is damaged"};
  Jpeg2000Header header;
  header.stream = encoded;
  if (encoded.size() >= 12 && at32(encoded, 0) == 12 && as_text(encoded.subspan(4, 4)) == "jP  ")
    header.stream = unboxed(encoded);
  const auto bytes = header.stream;
  if (bytes.size() < 4 || at16(bytes, 0) != 0xFF4F) return Error{Code::invalid, "JPEG 2000: no start of codestream"};
  bool sized = false;
  std::size_t at = 2;
  while (bytes.size() - at >= 4) {
    const std::uint16_t marker = at16(bytes, at);
    if (marker == 0xFF90 || marker == 0xFFD9) break;  // first tile part, end
    const std::size_t length = at16(bytes, at + 2);
    if (marker < 0xFF00 || length < 2 || length > bytes.size() - at - 2) return damaged;
    const auto segment = bytes.subspan(at + 4, length - 2);
    if (marker == 0xFF51) {
      ACESO_TRY_OK(read_siz(segment, header));
      sized = true;
    }
    if (marker == 0xFF52 && segment.size() >= 10) header.reversible = at8(segment, 9) == 1;
    if (marker == 0xFF50 && segment.size() >= 4 && (at32(segment, 0) & 0x00020000U) != 0) header.high_throughput = true;
    at += 2 + length;
  }
  if (!sized) return damaged;
  return header;
}

Status check_size(const PixelFormat& format, std::uint64_t rows, std::uint64_t columns, unsigned components,
                  unsigned precision) {
  if (rows != format.rows || columns != format.columns || components != format.samples)
    return Error{Code::invalid, "the compressed frame is not of the size the object declares"};
  if (precision < 1 || precision > std::max<unsigned>(8, format.bits_allocated))
    return Error{Code::invalid, "the compressed frame has deeper samples than the object declares"};
  return {};
}

}  // namespace aceso::dicom
