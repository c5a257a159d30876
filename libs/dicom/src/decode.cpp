// From one encoded frame to samples.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "bytes.hpp"
#include "codec.hpp"

namespace aceso::dicom {
namespace {

// What one value of a codestream means in the object's format.
class Cell {
 public:
  Cell(const PixelFormat& format, const Samples& samples)
      : signed_in_{samples.is_signed},
        signed_out_{format.is_signed},
        exact_{samples.exact},
        in_mask_{mask(samples.precision)},
        stored_{std::min<unsigned>(format.bits_stored, 63)},
        sign_bits_{std::min<unsigned>(samples.precision, stored_)} {}

  template <class In>
  std::int64_t operator()(In raw) const {
    if (signed_in_) {
      const auto value = static_cast<std::int64_t>(static_cast<std::make_signed_t<In>>(raw));
      if (!signed_out_) return clip(static_cast<std::int64_t>(static_cast<std::uint64_t>(value) & in_mask_));
      const std::int64_t low = -(std::int64_t{1} << (stored_ - 1));
      return std::clamp(value, low, -low - 1);
    }
    const auto value = static_cast<std::int64_t>(raw);
    if (!signed_out_) return clip(value);
    const unsigned shift = 64 - sign_bits_;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << shift) >> shift;
  }

 private:
  static std::uint64_t mask(unsigned bits) { return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1; }
  // Lossy codings overshoot; reversible ones may carry overlay bits.
  std::int64_t clip(std::int64_t value) const {
    const auto most = static_cast<std::int64_t>(mask(stored_));
    return exact_ ? value & most : std::min(value, most);
  }

  bool signed_in_;
  bool signed_out_;
  bool exact_;
  std::uint64_t in_mask_;
  unsigned stored_;
  unsigned sign_bits_;
};

template <class In, class Out>
void convert(const PixelFormat& format, const Samples& in, std::byte* out) {
  const Cell cell{format, in};
  const std::size_t pixels = std::size_t{format.rows} * format.columns;
  const std::size_t samples = format.samples;
  const auto* from = reinterpret_cast<const In*>(in.data.data());
  auto* to = reinterpret_cast<Out*>(out);
  if (!in.planes || samples == 1) {
    for (std::size_t i = 0; i < pixels * samples; ++i) to[i] = static_cast<Out>(cell(from[i]));
    return;
  }
  for (std::size_t s = 0; s < samples; ++s) {
    for (std::size_t i = 0; i < pixels; ++i) to[i * samples + s] = static_cast<Out>(cell(from[s * pixels + i]));
  }
}

template <class In>
void convert(const PixelFormat& format, const Samples& in, Frame& frame) {
  if (frame.bits == 8) convert<In, std::uint8_t>(format, in, frame.data.data());
  if (frame.bits == 16) convert<In, std::uint16_t>(format, in, frame.data.data());
  if (frame.bits == 32) convert<In, std::uint32_t>(format, in, frame.data.data());
  if (frame.bits == 64) convert<In, std::uint64_t>(format, in, frame.data.data());
}

Result<Frame> finish(const PixelFormat& format, Samples samples) {
  Frame frame;
  frame.rows = format.rows;
  frame.columns = format.columns;
  frame.samples = format.samples;
  frame.bits = frame_bits(format);
  frame.bits_stored = format.bits_stored;
  frame.is_signed = format.is_signed;
  frame.photometric = samples.photometric == Photometric::ybr_full_422 ? Photometric::ybr_full : samples.photometric;
  const bool as_is = samples.width * 8 == frame.bits && (!samples.planes || format.samples == 1) &&
                     !samples.is_signed && !format.is_signed && samples.precision <= format.bits_stored;
  if (as_is) {
    frame.data = std::move(samples.data);
    return frame;
  }
  frame.data.resize(static_cast<std::size_t>(sample_count(format)) * (frame.bits / 8U));
  if (samples.width == 1) convert<std::uint8_t>(format, samples, frame);
  if (samples.width == 2) convert<std::uint16_t>(format, samples, frame);
  if (samples.width == 4) convert<std::uint32_t>(format, samples, frame);
  return frame;
}

template <Result<Samples> (*decode)(const PixelFormat&, std::span<const std::byte>)>
Result<Frame> foreign(const PixelFormat& format, std::span<const std::byte> encoded) {
  const bool bits = format.bits_allocated == 1 && decode != decode_jpeg_2000;  // JPEG 2000 codes masks too
  if (format.type != SampleType::integer || bits)
    return Error{Code::unsupported, "samples of this kind have no such compression"};
  ACESO_TRY(Samples samples, decode(format, encoded));
  return finish(format, std::move(samples));
}

Result<Frame> deflated_frame(const PixelFormat& format, std::span<const std::byte> encoded) {
  const std::uint64_t samples = sample_count(format);
  const std::uint64_t size = format.bits_allocated == 1 ? (samples + 7) / 8 : samples * (format.bits_allocated / 8U);
  ACESO_TRY(const auto bytes, inflate_frame(encoded, size + size % 2));
  return native_frame(format, bytes, false, 0);
}

// Words of OW are swapped in big endian, also where samples are smaller than a word (PS3.5 8.1.1).
Result<std::vector<std::byte>> unswapped_range(const Element& pixels, const Fragment& range,
                                               std::span<const std::byte> bytes) {
  std::vector<std::byte> out;
  out.reserve(static_cast<std::size_t>(range.length));
  const std::uint64_t start = range.offset - pixels.offset();
  for (std::uint64_t i = start; i < start + range.length; ++i) {
    const std::uint64_t at = pixels.offset() + (i ^ 1U);
    if (at >= bytes.size()) return Error{Code::invalid, "the frame ends past the object"};
    out.push_back(bytes[static_cast<std::size_t>(at)]);
  }
  return out;
}

}  // namespace

bool can_decode(const TransferSyntax& syntax) noexcept {
  switch (syntax.codec) {
    case Codec::native:
    case Codec::rle:
    case Codec::jpeg:
    case Codec::jpeg_lossless:
    case Codec::jpeg_ls:
    case Codec::jpeg_2000:
    case Codec::htj2k:
    case Codec::deflated_frame:
      return true;
    case Codec::jpeg_2000_part_2:
    case Codec::jpeg_xl:
    case Codec::mpeg:
    case Codec::other:
      return false;
  }
  return false;
}

Result<Frame> decode_frame(const PixelFormat& format, const TransferSyntax& syntax, std::span<const std::byte> encoded,
                           std::uint32_t bit_offset, const DecodeLimits& limits) {
  if (!can_decode(syntax)) return Error{Code::unsupported, "no decoder for this transfer syntax"};
  if (sample_count(format) > limits.bytes / (frame_bits(format) / 8U))
    return Error{Code::too_large, "the frame is larger than the limit of decoding"};
  switch (syntax.codec) {
    case Codec::native:
      return native_frame(format, encoded, syntax.big_endian, bit_offset);
    case Codec::rle: {
      ACESO_TRY(const auto planes, decode_rle(format, encoded));
      PixelFormat planar = format;
      planar.planar = format.samples > 1;
      return native_frame(planar, planes, false, 0);
    }
    case Codec::deflated_frame:
      return deflated_frame(format, encoded);
    case Codec::jpeg_ls:
      return foreign<decode_jpeg_ls>(format, encoded);
    case Codec::jpeg_2000:
    case Codec::htj2k:
      return foreign<decode_jpeg_2000>(format, encoded);
    default:
      return foreign<decode_jpeg>(format, encoded);
  }
}

Result<Frame> decode_frame(const Object& object, std::span<const std::byte> bytes, std::uint32_t frame,
                           const DecodeLimits& limits) {
  const std::span<const std::byte> body = object.inflated.empty() ? bytes : std::span<const std::byte>{object.inflated};
  ACESO_TRY(const PixelFormat format, pixel_format(object.dataset));
  ACESO_TRY(const FrameTable table, FrameTable::build(object, body));
  if (frame >= table.count()) return Error{Code::not_found, "the object has no such frame"};
  const Element* pixels = object.dataset.find(tags::kPixelData);
  if (object.syntax->big_endian && !table.encapsulated() && format.bits_allocated <= 8 && pixels != nullptr &&
      pixels->vr() == Vr::ow) {
    ACESO_TRY(const auto words, unswapped_range(*pixels, table.ranges(frame).front(), body));
    return decode_frame(format, *object.syntax, words, table.bit_offset(frame), limits);
  }
  ACESO_TRY(const auto encoded, frame_bytes(table, frame, body));
  return decode_frame(format, *object.syntax, encoded, table.bit_offset(frame), limits);
}

}  // namespace aceso::dicom
