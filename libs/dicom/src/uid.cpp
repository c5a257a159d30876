#include "aceso/dicom/uid.hpp"

#include <algorithm>
#include <array>

#include "aceso/base/assert.hpp"

namespace aceso::dicom {
namespace {

constexpr std::string_view kOctets = "application/octet-stream";

constexpr TransferSyntax encapsulated(std::string_view uid, std::string_view name, Codec codec, bool lossy,
                                      std::string_view media_type) {
  return {uid, name, codec, true, false, false, true, lossy, media_type};
}

constexpr std::array kSyntaxes{
    TransferSyntax{kImplicitLittle, "Implicit VR Little Endian", Codec::native, false, false, false, false, false,
                   kOctets},
    TransferSyntax{kExplicitLittle, "Explicit VR Little Endian", Codec::native, true, false, false, false, false,
                   kOctets},
    TransferSyntax{kDeflated, "Deflated Explicit VR Little Endian", Codec::native, true, false, true, false, false,
                   kOctets},
    TransferSyntax{kExplicitBig, "Explicit VR Big Endian", Codec::native, true, true, false, false, false, kOctets},
    encapsulated(kRle, "RLE Lossless", Codec::rle, false, "image/dicom-rle"),
    encapsulated(kJpegBaseline, "JPEG Baseline (Process 1)", Codec::jpeg, true, "image/jpeg"),
    encapsulated(kJpegExtended, "JPEG Extended (Process 2 and 4)", Codec::jpeg, true, "image/jpeg"),
    encapsulated("1.2.840.10008.1.2.4.57", "JPEG Lossless (Process 14)", Codec::jpeg_lossless, false, "image/jpeg"),
    encapsulated(kJpegLosslessSv1, "JPEG Lossless (Process 14, Selection Value 1)", Codec::jpeg_lossless, false,
                 "image/jpeg"),
    encapsulated(kJpegLs, "JPEG-LS Lossless", Codec::jpeg_ls, false, "image/jls"),
    encapsulated("1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", Codec::jpeg_ls, true, "image/jls"),
    encapsulated(kJpeg2000Lossless, "JPEG 2000 Lossless", Codec::jpeg_2000, false, "image/jp2"),
    encapsulated("1.2.840.10008.1.2.4.91", "JPEG 2000", Codec::jpeg_2000, true, "image/jp2"),
    encapsulated("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component Lossless", Codec::jpeg_2000_part_2, false,
                 "image/jpx"),
    encapsulated("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", Codec::jpeg_2000_part_2, true,
                 "image/jpx"),
    encapsulated("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", Codec::mpeg, true, "video/mpeg2"),
    encapsulated("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", Codec::mpeg, true, "video/mpeg2"),
    encapsulated("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", Codec::mpeg, true,
                 "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Codec::mpeg,
                 true, "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D Video", Codec::mpeg, true,
                 "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D Video", Codec::mpeg, true,
                 "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", Codec::mpeg, true,
                 "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", Codec::mpeg, true, "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", Codec::mpeg, true, "video/mp4"),
    encapsulated("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", Codec::jpeg_xl, false, "image/jxl"),
    encapsulated("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", Codec::jpeg_xl, true, "image/jxl"),
    encapsulated("1.2.840.10008.1.2.4.112", "JPEG XL", Codec::jpeg_xl, true, "image/jxl"),
    encapsulated(kHtj2kLossless, "High-Throughput JPEG 2000 Lossless", Codec::htj2k, false, "image/jphc"),
    encapsulated(kHtj2kRpcl, "High-Throughput JPEG 2000 with RPCL Options Lossless", Codec::htj2k, false, "image/jphc"),
    encapsulated("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", Codec::htj2k, true, "image/jphc"),
    encapsulated("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", Codec::deflated_frame, false, kOctets),
    encapsulated("1.2.840.10008.1.2.4.94", "JPIP Referenced", Codec::other, true, kOctets),
    TransferSyntax{"1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", Codec::other, true, false, true, true, true,
                   kOctets},
};

constexpr TransferSyntax kUnknown = encapsulated("", "unknown transfer syntax", Codec::other, true, kOctets);

}  // namespace

bool is_tolerable_uid(std::string_view uid) noexcept {
  return !uid.empty() && uid.size() <= kMaxUid &&
         std::all_of(uid.begin(), uid.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

bool is_valid_uid(std::string_view uid) noexcept {
  if (!is_tolerable_uid(uid)) return false;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = std::min(uid.find('.', start), uid.size());
    if (end == start || (uid[start] == '0' && end - start > 1)) return false;
    if (end == uid.size()) return true;
    start = end + 1;
  }
}

std::string uid_from_hash(std::span<const std::byte> hash) {
  ACESO_ASSERT(hash.size() >= 16, "a UID needs 128 bits");
  std::array<std::uint32_t, 16> digits{};
  for (std::size_t i = 0; i < 16; ++i) digits[i] = std::to_integer<std::uint32_t>(hash[i]);
  digits[6] = (digits[6] & 0x0FU) | 0x80U;  // version 8
  digits[8] = (digits[8] & 0x3FU) | 0x80U;  // variant 10
  std::string decimal;
  for (bool more = true; more;) {  // long division by ten, base 256
    std::uint32_t rest = 0;
    more = false;
    for (auto& digit : digits) {
      const std::uint32_t value = rest << 8 | digit;
      digit = value / 10;
      rest = value % 10;
      more = more || digit != 0;
    }
    decimal += static_cast<char>('0' + rest);
  }
  std::reverse(decimal.begin(), decimal.end());
  return "2.25." + decimal;
}

std::span<const TransferSyntax> transfer_syntaxes() noexcept {
  return kSyntaxes;
}

const TransferSyntax* find_transfer_syntax(std::string_view uid) noexcept {
  while (!uid.empty() && (uid.back() == '\0' || uid.back() == ' ')) uid.remove_suffix(1);
  for (const auto& syntax : kSyntaxes) {
    if (syntax.uid == uid) return &syntax;
  }
  return nullptr;
}

const TransferSyntax& unknown_syntax() noexcept {
  return kUnknown;
}

}  // namespace aceso::dicom
