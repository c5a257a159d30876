// High-throughput JPEG 2000, reversible, resolution by resolution (RPCL) with the tile-part length the standard asks of
// 1.2.840.10008.1.2.4.202 (PS3.5 A.4.11).
#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_params.h>

#include <algorithm>
#include <exception>

#include "bytes.hpp"
#include "encode_parts.hpp"
#include "htj2k_messages.hpp"

namespace aceso::dicom {
namespace {

template <class T>
void fill_line(const Frame& frame, std::size_t row, std::size_t component, ojph::line_buf& line) {
  const auto* from = reinterpret_cast<const T*>(frame.data.data()) + row * frame.columns * frame.samples + component;
  for (std::size_t x = 0; x < frame.columns; ++x) line.i32[x] = from[x * frame.samples];
}

void fill_line(const Frame& frame, std::size_t row, std::size_t component, ojph::line_buf& line) {
  if (frame.bits == 8) {
    if (frame.is_signed) {
      fill_line<std::int8_t>(frame, row, component, line);
    } else {
      fill_line<std::uint8_t>(frame, row, component, line);
    }
  } else if (frame.is_signed) {
    fill_line<std::int16_t>(frame, row, component, line);
  } else {
    fill_line<std::uint16_t>(frame, row, component, line);
  }
}

// Levels until the smallest resolution is at most 64 pixels wide and high.
ojph::ui32 levels(const Frame& frame) {
  ojph::ui32 count = 0;
  for (std::uint32_t side = std::max(frame.rows, frame.columns); side > 64; side = (side + 1) / 2) ++count;
  return std::max<ojph::ui32>(count, 1);
}

void write_codestream(const Frame& frame, ojph::mem_outfile& file) {
  ojph::codestream codestream;
  ojph::param_siz siz = codestream.access_siz();
  siz.set_image_extent(ojph::point{frame.columns, frame.rows});
  siz.set_num_components(frame.samples);
  for (ojph::ui32 c = 0; c < frame.samples; ++c)
    siz.set_component(c, ojph::point{1, 1}, frame.bits_stored, frame.is_signed);
  ojph::param_cod cod = codestream.access_cod();
  cod.set_num_decomposition(levels(frame));
  cod.set_block_dims(64, 64);
  cod.set_progression_order("RPCL");
  cod.set_color_transform(frame.samples == 3 && frame.photometric == Photometric::rgb);
  cod.set_reversible(true);
  codestream.set_planar(false);
  codestream.write_headers(&file);
  ojph::ui32 component = 0;
  ojph::line_buf* line = codestream.exchange(nullptr, component);
  for (std::size_t y = 0; y < frame.rows; ++y) {
    for (std::size_t i = 0; i < frame.samples; ++i) {
      fill_line(frame, y, component, *line);
      line = codestream.exchange(line, component);
    }
  }
  codestream.flush();
}

std::uint16_t at16(std::span<const std::byte> bytes, std::size_t at) {
  return load<std::uint16_t>(bytes, at, true);
}

// Puts a TLM segment (T.800 A.7.1) in front of the one tile-part.
void add_tile_length(std::vector<std::byte>& bytes) {
  std::size_t at = 2;
  while (at + 12 <= bytes.size() && at16(bytes, at) != 0xFF90) at += std::size_t{2} + at16(bytes, at + 2);
  if (at + 12 > bytes.size()) return;
  std::vector<std::byte> segment;
  for (const unsigned byte : {0xFFU, 0x55U, 0x00U, 0x09U, 0x00U, 0x50U, 0x00U})
    segment.push_back(static_cast<std::byte>(byte));
  const auto length = bytes.begin() + static_cast<std::ptrdiff_t>(at) + 6;  // Psot
  segment.insert(segment.end(), length, length + 4);
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), segment.begin(), segment.end());
}

}  // namespace

Result<std::vector<std::byte>> encode_htj2k(const Frame& frame) {
  quiet_openjph();
  try {
    ojph::mem_outfile file;
    file.open();
    write_codestream(frame, file);
    const auto* data = reinterpret_cast<const std::byte*>(file.get_data());
    std::vector<std::byte> out{data, data + file.tell()};
    add_tile_length(out);
    return out;
  } catch (const std::exception&) {
    return Error{Code::invalid, "HTJ2K: the frame cannot be encoded"};
  }
}

}  // namespace aceso::dicom
