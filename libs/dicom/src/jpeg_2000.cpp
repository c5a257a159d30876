// JPEG 2000 (T.800) by OpenJPEG and high-throughput JPEG 2000 (T.814) by OpenJPH.
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "codec_headers.hpp"
#include "jpeg_2000_parts.hpp"
#include "openjpeg_handles.hpp"

namespace aceso::dicom {
namespace {

struct Input {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T read_input(void* to, OPJ_SIZE_T size, void* user) {
  auto& input = *static_cast<Input*>(user);
  const std::size_t n = std::min<std::size_t>(size, input.bytes.size() - input.at);
  if (n == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(to, input.bytes.data() + input.at, n);
  input.at += n;
  return n;
}
OPJ_OFF_T skip_input(OPJ_OFF_T size, void* user) {
  auto& input = *static_cast<Input*>(user);
  if (size < 0) return -1;
  const std::size_t n = std::min<std::size_t>(static_cast<std::size_t>(size), input.bytes.size() - input.at);
  input.at += n;
  return n == 0 && size > 0 ? -1 : static_cast<OPJ_OFF_T>(n);
}
OPJ_BOOL seek_input(OPJ_OFF_T to, void* user) {
  auto& input = *static_cast<Input*>(user);
  if (to < 0 || static_cast<std::size_t>(to) > input.bytes.size()) return OPJ_FALSE;
  input.at = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}

// Component `c` into every `samples`-th value of out, subsampled ones repeated.
template <class T>
void copy_component(const PixelFormat& format, const opj_image_comp_t& component, std::size_t c, std::byte* out) {
  auto* values = reinterpret_cast<T*>(out);
  for (std::size_t y = 0; y < format.rows; ++y) {
    const std::size_t row = std::min<std::size_t>(y / component.dy, component.h - 1);
    const OPJ_INT32* from = component.data + row * component.w;
    T* to = values + y * format.columns * format.samples + c;
    for (std::size_t x = 0; x < format.columns; ++x)
      to[x * format.samples] = static_cast<T>(from[std::min<std::size_t>(x / component.dx, component.w - 1)]);
  }
}

std::unique_ptr<opj_image_t, CloseImage> run(std::span<const std::byte> stream_bytes) {
  const std::unique_ptr<opj_codec_t, CloseCodec> codec{opj_create_decompress(OPJ_CODEC_J2K)};
  const std::unique_ptr<opj_stream_t, CloseStream> stream{
      opj_stream_create(std::clamp<std::size_t>(stream_bytes.size(), 1024, 1U << 20), OPJ_TRUE)};
  if (!codec || !stream) return nullptr;
  opj_set_info_handler(codec.get(), openjpeg_quiet, nullptr);
  opj_set_warning_handler(codec.get(), openjpeg_quiet, nullptr);
  opj_set_error_handler(codec.get(), openjpeg_quiet, nullptr);
  Input input{stream_bytes};
  opj_stream_set_user_data(stream.get(), &input, nullptr);
  opj_stream_set_user_data_length(stream.get(), stream_bytes.size());
  opj_stream_set_read_function(stream.get(), read_input);
  opj_stream_set_skip_function(stream.get(), skip_input);
  opj_stream_set_seek_function(stream.get(), seek_input);
  opj_dparameters_t parameters{};
  opj_set_default_decoder_parameters(&parameters);
  if (opj_setup_decoder(codec.get(), &parameters) == OPJ_FALSE) return nullptr;
  opj_image_t* raw = nullptr;
  const bool header = opj_read_header(stream.get(), codec.get(), &raw) != OPJ_FALSE;
  std::unique_ptr<opj_image_t, CloseImage> image{raw};
  if (!header || !image) return nullptr;
  if (opj_decode(codec.get(), stream.get(), image.get()) == OPJ_FALSE) return nullptr;
  return image;
}

Result<Samples> by_openjpeg(const PixelFormat& format, const Jpeg2000Header& header, Samples out) {
  const Error damaged{Code::invalid, "JPEG 2000: the frame is damaged"};
  const auto image = run(header.stream);
  if (!image || image->numcomps != format.samples) return damaged;
  for (std::size_t c = 0; c < format.samples; ++c) {
    const opj_image_comp_t& component = image->comps[c];
    if (component.data == nullptr || component.w == 0 || component.h == 0 || component.dx == 0 || component.dy == 0)
      return damaged;
    // Repeating at most covers the frame: a component cannot be smaller than its subsampling makes it.
    if ((std::uint64_t{component.w} + 1) * component.dx < format.columns ||
        (std::uint64_t{component.h} + 1) * component.dy < format.rows)
      return damaged;
    if (out.width == 1) copy_component<std::uint8_t>(format, component, c, out.data.data());
    if (out.width == 2) copy_component<std::uint16_t>(format, component, c, out.data.data());
    if (out.width == 4) copy_component<std::uint32_t>(format, component, c, out.data.data());
  }
  return out;
}

}  // namespace

Result<Samples> decode_jpeg_2000(const PixelFormat& format, std::span<const std::byte> encoded) {
  ACESO_TRY(const Jpeg2000Header header, read_jpeg_2000_header(encoded));
  ACESO_TRY_OK(check_size(format, header.rows, header.columns, header.components, header.precision));
  if (header.precision > 31) return Error{Code::unsupported, "JPEG 2000: samples deeper than 31 bits"};
  Samples out;
  out.width = header.precision <= 8 ? 1 : header.precision <= 16 ? 2 : 4;
  out.precision = header.precision;
  out.is_signed = header.is_signed;
  out.exact = header.reversible;
  out.photometric = format.photometric;
  if (format.photometric == Photometric::ybr_ict || format.photometric == Photometric::ybr_rct)
    out.photometric = Photometric::rgb;  // both libraries undo the codestream's own transform
  out.data.resize(static_cast<std::size_t>(sample_count(format)) * static_cast<unsigned>(out.width));
  if (header.high_throughput && !header.subsampled && header.precision <= 25)
    return by_openjph(format, header, std::move(out));
  return by_openjpeg(format, header, std::move(out));
}

}  // namespace aceso::dicom
