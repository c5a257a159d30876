// JPEG of 12 bits and lossless JPEG (T.81 process 14) of 2 to 16 bits by DCMTK's copies of the IJG library.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djdijg12.h>
#include <dcmtk/dcmjpeg/djdijg16.h>
#include <dcmtk/dcmjpeg/djdijg8.h>
#include <dcmtk/oflog/oflog.h>

#include <cstring>
#include <exception>
#include <memory>

#include "jpeg_parts.hpp"

namespace aceso::dicom {
namespace {

std::unique_ptr<DJDecoder> make_decoder(const DJCodecParameter& parameters, unsigned precision) {
  if (precision <= 8) return std::make_unique<DJDecompressIJG8Bit>(parameters, OFFalse);
  if (precision <= 12) return std::make_unique<DJDecompressIJG12Bit>(parameters, OFFalse);
  return std::make_unique<DJDecompressIJG16Bit>(parameters, OFFalse);
}

void keep_quiet() {  // what is damaged is said by the return value
  static const bool done = [] {
    OFLog::getLogger("dcmtk.dcmjpeg").setLogLevel(OFLogger::OFF_LOG_LEVEL);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

Result<Samples> decode_jpeg_deep(const PixelFormat& format, std::span<const std::byte> encoded,
                                 const JpegHeader& header) {
  const Error damaged{Code::invalid, "JPEG: the frame is damaged"};
  if (encoded.size() > 0x7FFFFFF0) return Error{Code::too_large, "JPEG: a frame of two gigabytes"};
  if (header.process != 0xC3 && header.precision != 12) return damaged;
  keep_quiet();
  Samples out;
  out.width = header.precision <= 8 ? 1 : 2;
  out.precision = header.precision;
  out.exact = header.process == 0xC3;
  out.photometric = format.photometric;
  const std::uint64_t size = sample_count(format) * static_cast<unsigned>(out.width);
  if (size > 0xFFFFFFF0) return Error{Code::too_large, "JPEG: a decoded frame of four gigabytes"};
  out.data.resize(static_cast<std::size_t>(size));
  // The library asks for more input at the end; two end markers are what it gets.
  std::vector<Uint8> input(encoded.size() + 4);
  std::memcpy(input.data(), encoded.data(), encoded.size());
  for (std::size_t i = 0; i < 4; ++i) input[encoded.size() + i] = i % 2 == 0 ? 0xFF : 0xD9;
  try {
    const DJCodecParameter parameters{ECC_lossyYCbCr, EDC_never, EUC_never, EPC_colorByPixel};
    const auto decoder = make_decoder(parameters, header.precision);
    if (decoder->init().bad()) return damaged;
    const auto result = decoder->decode(input.data(), static_cast<Uint32>(input.size()),
                                        reinterpret_cast<Uint8*>(out.data.data()), static_cast<Uint32>(size), OFFalse);
    if (result.bad()) return damaged;
  } catch (const std::exception&) {
    return damaged;
  }
  return out;
}

}  // namespace aceso::dicom
