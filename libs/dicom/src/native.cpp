// Native pixel cells (PS3.5 8.1): any depth, packed bits, planes, 4:2:2.
#include <zlib.h>

#include <cstring>
#include <type_traits>

#include "bytes.hpp"
#include "codec.hpp"

namespace aceso::dicom {
namespace {

template <class T>
using SignedOf = std::make_signed_t<T>;

// Moves the stored bits down, clears what is above them and extends the sign.
template <class T>
T pixel_cell(T raw, const PixelFormat& format) {
  constexpr unsigned kBits = sizeof(T) * 8;
  const unsigned up = kBits - 1U - format.high_bit;
  const unsigned down = kBits - format.bits_stored;
  const T moved = static_cast<T>(raw << up);
  if (format.is_signed) return static_cast<T>(static_cast<SignedOf<T>>(moved) >> down);
  return static_cast<T>(moved >> down);
}

template <class T>
void read_cells(const PixelFormat& format, std::span<const std::byte> bytes, bool big_endian, std::byte* out) {
  const std::size_t pixels = std::size_t{format.rows} * format.columns;
  const std::size_t samples = format.samples;
  const bool whole = format.bits_stored == sizeof(T) * 8;
  if (whole && !big_endian && !format.planar) {
    std::memcpy(out, bytes.data(), pixels * samples * sizeof(T));
    return;
  }
  auto* to = reinterpret_cast<T*>(out);
  for (std::size_t s = 0; s < samples; ++s) {
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::size_t from = format.planar ? s * pixels + i : i * samples + s;
      T raw{};
      if constexpr (sizeof(T) == 1) {
        raw = std::to_integer<T>(bytes[from]);
      } else {
        raw = load<T>(bytes, from * sizeof(T), big_endian);
      }
      to[i * samples + s] = whole ? raw : pixel_cell(raw, format);
    }
  }
}

void read_bits(std::span<const std::byte> bytes, std::uint32_t bit_offset, std::vector<std::byte>& out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t bit = i + bit_offset;
    out[i] = bytes[bit / 8] >> static_cast<int>(bit % 8) & std::byte{1};
  }
}

// Y1 Y2 Cb Cr for two pixels (PS3.3 C.7.6.3.1.2), the colour repeated.
void read_422(std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  for (std::size_t i = 0; i + 6 <= out.size(); i += 6) {
    const std::byte* from = bytes.data() + i / 6 * 4;
    const std::byte pair[6] = {from[0], from[2], from[3], from[1], from[2], from[3]};
    std::memcpy(out.data() + i, pair, sizeof pair);
  }
}

}  // namespace

Result<Frame> native_frame(const PixelFormat& format, std::span<const std::byte> bytes, bool big_endian,
                           std::uint32_t bit_offset) {
  Frame frame;
  frame.rows = format.rows;
  frame.columns = format.columns;
  frame.samples = format.samples;
  frame.bits = frame_bits(format);
  frame.bits_stored = format.bits_stored;
  frame.is_signed = format.is_signed && format.bits_allocated > 1;
  frame.type = format.type;
  frame.photometric = format.photometric;
  const std::uint64_t samples = sample_count(format);
  std::uint64_t needed = format.bits_allocated == 1 ? (samples + bit_offset + 7) / 8 : samples * (frame.bits / 8U);
  bool subsampled = false;
  if (format.photometric == Photometric::ybr_full_422 && format.samples == 3) {
    frame.photometric = Photometric::ybr_full;
    subsampled = bytes.size() < needed;
    if (subsampled && (format.columns % 2 != 0 || format.bits_allocated != 8 || format.bits_stored != 8))
      return Error{Code::unsupported, "4:2:2 colour of odd width or depth"};
    if (subsampled) needed = needed / 3 * 2;
  }
  if (bytes.size() < needed) return Error{Code::invalid, "the frame has fewer bytes than its pixels need"};
  frame.data.resize(static_cast<std::size_t>(samples * (frame.bits / 8U)));
  if (subsampled) {
    read_422(bytes, frame.data);
  } else if (format.bits_allocated == 1) {
    read_bits(bytes, bit_offset, frame.data);
  } else if (frame.bits == 8) {
    read_cells<std::uint8_t>(format, bytes, big_endian, frame.data.data());
  } else if (frame.bits == 16) {
    read_cells<std::uint16_t>(format, bytes, big_endian, frame.data.data());
  } else if (frame.bits == 32) {
    read_cells<std::uint32_t>(format, bytes, big_endian, frame.data.data());
  } else {
    read_cells<std::uint64_t>(format, bytes, big_endian, frame.data.data());
  }
  return frame;
}

Result<std::vector<std::byte>> inflate_frame(std::span<const std::byte> encoded, std::uint64_t size) {
  if (encoded.size() > 0xFFFFFFFF || size > 0xFFFFFFFF) return Error{Code::too_large, "a deflated frame of 4 GB"};
  if (size / 1040 > encoded.size()) return Error{Code::invalid, "the deflated frame is too short"};  // at most 1032:1
  std::vector<std::byte> out(static_cast<std::size_t>(size));
  std::vector<Bytef> input(encoded.size());
  if (!encoded.empty()) std::memcpy(input.data(), encoded.data(), encoded.size());
  z_stream stream{};
  stream.next_in = input.data();
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return Error{Code::exhausted, "no memory to inflate a frame"};
  const int state = inflate(&stream, Z_FINISH);
  const std::size_t written = out.size() - stream.avail_out;
  inflateEnd(&stream);
  if (state != Z_STREAM_END && (state == Z_DATA_ERROR || written < out.size()))
    return Error{Code::invalid, "the deflated frame is damaged"};
  out.resize(written);
  return out;
}

}  // namespace aceso::dicom
