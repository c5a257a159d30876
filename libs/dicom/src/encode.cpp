#include "aceso/dicom/encode.hpp"

#include <algorithm>
#include <cstring>

#include "bytes.hpp"
#include "encode_parts.hpp"

namespace aceso::dicom {
namespace {

constexpr std::string_view kHtj2kAny[] = {kHtj2kLossless, kHtj2kRpcl};

void pack_run(std::vector<std::byte>& out, std::byte value, std::size_t count) {
  for (; count > 0; count -= std::min<std::size_t>(count, 128)) {
    const std::size_t n = std::min<std::size_t>(count, 128);
    if (n == 1) {
      out.push_back(std::byte{0});
    } else {
      out.push_back(static_cast<std::byte>(257 - n));
    }
    out.push_back(value);
  }
}

void pack_literal(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 128) {
    const auto part = bytes.subspan(at, std::min<std::size_t>(128, bytes.size() - at));
    out.push_back(static_cast<std::byte>(part.size() - 1));
    out.insert(out.end(), part.begin(), part.end());
  }
}

// PackBits of one row; runs do not cross rows (PS3.5 G.3.1).
void pack_row(std::vector<std::byte>& out, std::span<const std::byte> row) {
  std::size_t literal = 0;
  std::size_t at = 0;
  while (at < row.size()) {
    std::size_t run = 1;
    while (at + run < row.size() && row[at + run] == row[at]) ++run;
    if (run >= 3) {
      pack_literal(out, row.subspan(literal, at - literal));
      pack_run(out, row[at], run);
      literal = at + run;
    }
    at += run;
  }
  pack_literal(out, row.subspan(literal));
}

bool is_consistent(const Frame& frame) {
  const bool depth = frame.bits == 8 || frame.bits == 16 || frame.bits == 32 || frame.bits == 64;
  const std::uint64_t size = std::uint64_t{frame.rows} * frame.columns * frame.samples * (frame.bits / 8U);
  return depth && size > 0 && frame.data.size() == size && frame.bits_stored >= 1 && frame.bits_stored <= frame.bits &&
         frame.rows <= 65535 && frame.columns <= 65535;
}

}  // namespace

std::vector<std::byte> encode_rle(const Frame& frame) {
  const std::size_t width = frame.bits / 8U;
  const std::size_t segments = width * frame.samples;
  std::vector<std::byte> out(64);
  const auto put = [&out](std::size_t at, std::size_t value) {
    const auto word = static_cast<std::uint32_t>(value);
    std::memcpy(out.data() + at, &word, sizeof word);
  };
  put(0, segments);
  std::vector<std::byte> row(frame.columns);
  for (std::size_t s = 0; s < segments; ++s) {
    put(4 + 4 * s, out.size());
    const std::size_t stride = width * frame.samples;
    const std::size_t first = s / width * width + (width - 1 - s % width);
    for (std::size_t y = 0; y < frame.rows; ++y) {
      const std::byte* from = frame.data.data() + y * frame.columns * stride + first;
      for (std::size_t x = 0; x < frame.columns; ++x) row[x] = from[x * stride];
      pack_row(out, row);
    }
    if (out.size() % 2 != 0) out.push_back(std::byte{0});
  }
  return out;
}

bool can_encode(std::string_view syntax_uid) noexcept {
  return syntax_uid == kExplicitLittle || syntax_uid == kRle || syntax_uid == kJpegBaseline || syntax_uid == kJpegLs ||
         syntax_uid == kJpeg2000Lossless || std::ranges::find(kHtj2kAny, syntax_uid) != std::end(kHtj2kAny);
}

Result<std::vector<std::byte>> encode_frame(const Frame& frame, std::string_view syntax_uid,
                                            const EncodeOptions& options) {
  if (!is_consistent(frame)) return Error{Code::invalid, "the frame's fields contradict each other"};
  if (!can_encode(syntax_uid)) return Error{Code::unsupported, "no encoder for this transfer syntax"};
  if (syntax_uid == kExplicitLittle) return frame.data;
  if (frame.type != SampleType::integer) return Error{Code::unsupported, "floating point samples are not compressed"};
  if (syntax_uid == kRle) {
    if (frame.samples * frame.bits > 15 * 8) return Error{Code::unsupported, "RLE has at most 15 byte planes"};
    return encode_rle(frame);
  }
  if (frame.bits > 16 || (frame.samples != 1 && frame.samples != 3))
    return Error{Code::unsupported, "samples of this depth or number are not compressed so"};
  if (syntax_uid == kJpegBaseline) {
    const bool colour = frame.samples == 3;
    if (frame.bits != 8 || frame.is_signed || (colour && frame.photometric != Photometric::rgb))
      return Error{Code::unsupported, "JPEG baseline takes 8 bits, grey or RGB"};
    return encode_jpeg_8(frame.data.data(), frame.columns, frame.rows, frame.samples, options.jpeg_quality);
  }
  if (syntax_uid == kJpegLs) return encode_jpeg_ls(frame);
  return syntax_uid == kJpeg2000Lossless ? encode_jpeg_2000(frame) : encode_htj2k(frame);
}

std::string_view encoded_photometric(const Frame& frame, std::string_view syntax_uid) noexcept {
  if (frame.photometric == Photometric::rgb) {
    if (syntax_uid == kJpegBaseline) return "YBR_FULL_422";
    const bool transforms = syntax_uid == kJpeg2000Lossless || syntax_uid == kHtj2kLossless || syntax_uid == kHtj2kRpcl;
    return transforms ? "YBR_RCT" : "RGB";
  }
  switch (frame.photometric) {
    case Photometric::monochrome1:
      return "MONOCHROME1";
    case Photometric::palette:
      return "PALETTE COLOR";
    case Photometric::ybr_full:
    case Photometric::ybr_full_422:
      return "YBR_FULL";
    default:
      return frame.samples == 1 ? "MONOCHROME2" : "RGB";
  }
}

Result<std::vector<std::byte>> encode_jpeg(const imaging::Image& image, int quality) {
  const bool sizes = image.width > 0 && image.height > 0 && image.width <= 65535 && image.height <= 65535;
  if (!sizes || image.bits != 8 || (image.channels != 1 && image.channels != 3))
    return Error{Code::unsupported, "JPEG takes pictures of 8 bits, grey or RGB"};
  const auto size = static_cast<std::uint64_t>(image.width * image.height * image.channels);
  if (image.pixels.size() != size) return Error{Code::invalid, "the picture's fields contradict each other"};
  return encode_jpeg_8(image.pixels.data(), static_cast<std::uint32_t>(image.width),
                       static_cast<std::uint32_t>(image.height), image.channels, quality);
}

}  // namespace aceso::dicom
