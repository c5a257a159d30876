// JPEG-LS (T.87) by CharLS.
#include <charls/charls.h>

#include <exception>

#include "codec.hpp"
#include "codec_headers.hpp"

namespace aceso::dicom {

Result<Samples> decode_jpeg_ls(const PixelFormat& format, std::span<const std::byte> encoded) {
  ACESO_TRY(const JpegHeader header, read_jpeg_header(encoded));
  if (header.process != 0xF7) return Error{Code::invalid, "JPEG-LS: another JPEG process"};
  ACESO_TRY_OK(check_size(format, header.rows, header.columns, header.components, header.precision));
  if (header.precision < 2 || header.precision > 16) return Error{Code::invalid, "JPEG-LS: the header is damaged"};
  Samples out;
  out.width = header.precision <= 8 ? 1 : 2;
  out.precision = header.precision;
  out.photometric = format.photometric;
  const std::uint64_t size = sample_count(format) * static_cast<unsigned>(out.width);
  // CharLS 2.4 reads on for ever in some streams that stop without an end marker: they get one.
  std::vector<std::byte> input{encoded.begin(), encoded.end()};
  input.push_back(std::byte{0xFF});
  input.push_back(std::byte{0xD9});
  try {
    charls::jpegls_decoder decoder{input.data(), input.size(), true};
    if (decoder.destination_size() != size) return Error{Code::invalid, "JPEG-LS: the header is damaged"};
    out.planes = decoder.interleave_mode() == charls::interleave_mode::none && format.samples > 1;
    out.exact = decoder.near_lossless() == 0;
    out.data.resize(static_cast<std::size_t>(size));
    decoder.decode(out.data.data(), out.data.size());
  } catch (const std::exception&) {
    return Error{Code::invalid, "JPEG-LS: the frame is damaged"};
  }
  return out;
}

}  // namespace aceso::dicom
