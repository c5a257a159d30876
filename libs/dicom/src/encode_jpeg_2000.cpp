#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "encode_parts.hpp"
#include "openjpeg_handles.hpp"

namespace aceso::dicom {
namespace {

struct Output {
  std::vector<std::byte> bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T write_output(void* from, OPJ_SIZE_T size, void* user) {
  auto& output = *static_cast<Output*>(user);
  output.bytes.resize(std::max(output.bytes.size(), output.at + size));
  std::memcpy(output.bytes.data() + output.at, from, size);
  output.at += size;
  return size;
}
OPJ_OFF_T skip_output(OPJ_OFF_T size, void* user) {
  static_cast<Output*>(user)->at += static_cast<std::size_t>(size);
  return size;
}
OPJ_BOOL seek_output(OPJ_OFF_T to, void* user) {
  static_cast<Output*>(user)->at = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}

template <class T>
void fill(const Frame& frame, const opj_image_t& image) {
  const auto* samples = reinterpret_cast<const T*>(frame.data.data());
  const std::size_t pixels = std::size_t{frame.rows} * frame.columns;
  for (std::size_t c = 0; c < frame.samples; ++c) {
    for (std::size_t i = 0; i < pixels; ++i) image.comps[c].data[i] = OPJ_INT32{samples[i * frame.samples + c]};
  }
}

std::unique_ptr<opj_image_t, CloseImage> make_image(const Frame& frame) {
  std::vector<opj_image_cmptparm_t> components(frame.samples);
  for (auto& component : components) {
    component.dx = 1;
    component.dy = 1;
    component.w = frame.columns;
    component.h = frame.rows;
    component.prec = frame.bits_stored;
    component.sgnd = frame.is_signed ? 1 : 0;
  }
  std::unique_ptr<opj_image_t, CloseImage> image{
      opj_image_create(frame.samples, components.data(), frame.samples == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY)};
  if (!image) return nullptr;
  image->x1 = frame.columns;
  image->y1 = frame.rows;
  if (frame.bits == 8) frame.is_signed ? fill<std::int8_t>(frame, *image) : fill<std::uint8_t>(frame, *image);
  if (frame.bits == 16) frame.is_signed ? fill<std::int16_t>(frame, *image) : fill<std::uint16_t>(frame, *image);
  return image;
}

}  // namespace

Result<std::vector<std::byte>> encode_jpeg_2000(const Frame& frame) {
  const Error failed{Code::invalid, "JPEG 2000: the frame cannot be encoded"};
  const auto image = make_image(frame);
  const std::unique_ptr<opj_codec_t, CloseCodec> codec{opj_create_compress(OPJ_CODEC_J2K)};
  const std::unique_ptr<opj_stream_t, CloseStream> stream{opj_stream_default_create(OPJ_FALSE)};
  if (!image || !codec || !stream) return Error{Code::exhausted, "JPEG 2000: no memory"};
  opj_set_info_handler(codec.get(), openjpeg_quiet, nullptr);
  opj_set_warning_handler(codec.get(), openjpeg_quiet, nullptr);
  opj_set_error_handler(codec.get(), openjpeg_quiet, nullptr);
  opj_cparameters_t parameters{};
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1;
  parameters.cp_disto_alloc = 1;  // one layer of everything: lossless
  parameters.tcp_rates[0] = 0;
  parameters.tcp_mct = frame.samples == 3 && frame.photometric == Photometric::rgb ? 1 : 0;
  for (const std::uint32_t side = std::min(frame.rows, frame.columns); parameters.numresolution > 1;
       --parameters.numresolution) {
    if (side >> (parameters.numresolution - 1) > 0) break;
  }
  Output output;
  opj_stream_set_user_data(stream.get(), &output, nullptr);
  opj_stream_set_write_function(stream.get(), write_output);
  opj_stream_set_skip_function(stream.get(), skip_output);
  opj_stream_set_seek_function(stream.get(), seek_output);
  const bool done = opj_setup_encoder(codec.get(), &parameters, image.get()) != OPJ_FALSE &&
                    opj_start_compress(codec.get(), image.get(), stream.get()) != OPJ_FALSE &&
                    opj_encode(codec.get(), stream.get()) != OPJ_FALSE &&
                    opj_end_compress(codec.get(), stream.get()) != OPJ_FALSE;
  if (!done) return failed;
  return std::move(output.bytes);
}

}  // namespace aceso::dicom
