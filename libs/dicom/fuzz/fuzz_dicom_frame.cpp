// A frame of any coding: the first bytes choose the image's format and the transfer syntax, the rest is the codestream.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "aceso/dicom/encode.hpp"
#include "aceso/dicom/pixel.hpp"

using namespace aceso::dicom;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kSyntaxes[] = {kRle,         kJpegBaseline,          kJpegExtended,  kJpegLosslessSv1,
                                            kJpegLs,      kJpeg2000Lossless,      kHtj2kLossless, kExplicitLittle,
                                            kExplicitBig, "1.2.840.10008.1.2.8.1"};
  if (size < 8) return 0;
  PixelFormat format;
  format.rows = data[1] % 64U + 1U;
  format.columns = data[2] % 64U + 1U;
  format.samples = data[3] % 2U == 0 ? 1 : 3;
  constexpr std::uint16_t kDepths[] = {1, 8, 16, 32};
  format.bits_allocated = kDepths[data[4] % 4U];
  format.bits_stored = static_cast<std::uint16_t>(data[5] % format.bits_allocated + 1);
  format.high_bit = static_cast<std::uint16_t>(format.bits_stored - 1);
  format.is_signed = data[6] % 2U != 0;
  format.planar = data[7] % 2U != 0;
  format.photometric = format.samples == 1 ? Photometric::monochrome2
                       : data[7] % 4U < 2  ? Photometric::rgb
                                           : Photometric::ybr_full_422;
  const TransferSyntax* syntax = find_transfer_syntax(kSyntaxes[data[0] % std::size(kSyntaxes)]);
  if (syntax == nullptr) return 0;
  const auto frame = decode_frame(format, *syntax, std::as_bytes(std::span{data + 8, size - 8}));
  if (!frame) return 0;
  if (frame->data.size() != std::size_t{frame->rows} * frame->columns * frame->samples * (frame->bits / 8U))
    std::abort();
  (void)render_frame(Dataset{}, *frame);
  if (const auto encoded = encode_frame(*frame, kRle)) {
    PixelFormat again = format;
    again.bits_allocated = frame->bits;
    again.is_signed = frame->is_signed;
    again.photometric = frame->photometric;
    const auto back = decode_frame(again, *find_transfer_syntax(kRle), *encoded);
    if (!back || back->data != frame->data) std::abort();
  }
  return 0;
}
