#include <charls/charls.h>

#include <exception>

#include "encode_parts.hpp"

namespace aceso::dicom {
namespace {

// The sign of a value is not part of the codestream (PS3.5 8.2.3): only bits_stored bits are coded.
std::vector<std::byte> unsigned_samples(const Frame& frame) {
  std::vector<std::byte> out = frame.data;
  const auto mask = static_cast<std::uint16_t>((1U << frame.bits_stored) - 1U);
  if (frame.bits == 8) {
    for (std::byte& value : out) value &= static_cast<std::byte>(mask & 0xFFU);
  } else {
    for (std::size_t at = 0; at + 2 <= out.size(); at += 2) {
      out[at] &= static_cast<std::byte>(mask & 0xFFU);
      out[at + 1] &= static_cast<std::byte>(mask >> 8);
    }
  }
  return out;
}

}  // namespace

Result<std::vector<std::byte>> encode_jpeg_ls(const Frame& frame) {
  if (frame.bits_stored < 2) return Error{Code::unsupported, "JPEG-LS needs two bits a sample"};
  try {
    const auto samples = unsigned_samples(frame);
    charls::jpegls_encoder encoder;
    encoder.frame_info({frame.columns, frame.rows, frame.bits_stored, frame.samples});
    if (frame.samples > 1) encoder.interleave_mode(charls::interleave_mode::sample);
    std::vector<std::byte> out(encoder.estimated_destination_size());
    encoder.destination(out.data(), out.size());
    out.resize(encoder.encode(samples.data(), samples.size()));
    return out;
  } catch (const std::exception&) {
    return Error{Code::invalid, "JPEG-LS: the frame cannot be encoded"};
  }
}

}  // namespace aceso::dicom
