// RLE lossless (PS3.5 Annex G): one segment a byte plane, the most significant byte of a sample first.
#include <cstring>

#include "bytes.hpp"
#include "codec.hpp"

namespace aceso::dicom {
namespace {

constexpr std::size_t kHeader = 64;

// PackBits into every `step`-th byte of `out`, `count` of them. False when the segment ends too early.
bool unpack(std::span<const std::byte> in, std::byte* out, std::size_t step, std::size_t count) {
  std::size_t at = 0;
  while (count > 0) {
    if (at >= in.size()) return false;
    const auto control = std::to_integer<unsigned>(in[at++]);
    if (control == 128) continue;
    if (control < 128) {
      const std::size_t n = std::min<std::size_t>(control + 1, count);
      if (in.size() - at < n) return false;
      if (step == 1) {
        std::memcpy(out, in.data() + at, n);
      } else {
        for (std::size_t i = 0; i < n; ++i) out[i * step] = in[at + i];
      }
      at += control + 1;
      out += n * step;
      count -= n;
    } else {
      if (at >= in.size()) return false;
      const std::size_t n = std::min<std::size_t>(257 - control, count);
      const std::byte value = in[at++];
      if (step == 1) {
        std::memset(out, std::to_integer<int>(value), n);
      } else {
        for (std::size_t i = 0; i < n; ++i) out[i * step] = value;
      }
      out += n * step;
      count -= n;
    }
    if (at > in.size()) at = in.size();
  }
  return true;
}

}  // namespace

Result<std::vector<std::byte>> decode_rle(const PixelFormat& format, std::span<const std::byte> encoded) {
  const Error damaged{Code::invalid, "RLE: the frame is damaged"};
  const bool bits = format.bits_allocated == 1 && format.samples == 1;  // packed, eight a byte
  if ((format.bits_allocated < 8 && !bits) || format.bits_allocated > 32 || format.type != SampleType::integer)
    return Error{Code::unsupported, "RLE: samples of this depth"};
  const std::size_t width = bits ? 1U : format.bits_allocated / 8U;
  const std::size_t segments = width * format.samples;
  if (encoded.size() < kHeader || load<std::uint32_t>(encoded, 0, false) != segments || segments > 15) return damaged;
  std::size_t pixels = std::size_t{format.rows} * format.columns;
  if (bits) pixels = (pixels + 7) / 8;
  std::vector<std::byte> out(pixels * segments);
  for (std::size_t s = 0; s < segments; ++s) {
    const std::size_t start = load<std::uint32_t>(encoded, 4 + 4 * s, false);
    const std::size_t end = s + 1 < segments ? load<std::uint32_t>(encoded, 8 + 4 * s, false) : encoded.size();
    if (start < kHeader || end < start || end > encoded.size()) return damaged;
    const std::size_t plane = s / width;
    const std::size_t byte = width - 1 - s % width;
    if (!unpack(encoded.subspan(start, end - start), out.data() + plane * pixels * width + byte, width, pixels))
      return Error{Code::invalid, "RLE: a segment ends too early"};
  }
  return out;
}

}  // namespace aceso::dicom
