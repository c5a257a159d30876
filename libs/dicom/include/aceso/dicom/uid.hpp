// Unique identifiers (PS3.5 chapter 9) and the transfer syntaxes the node knows (PS3.5 Annex A, PS3.6 Annex A).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::dicom {

inline constexpr std::size_t kMaxUid = 64;
// At most 64 characters, digits and dots, no empty component, no leading zero.
bool is_valid_uid(std::string_view uid) noexcept;
// Digits and dots only, 1 to 64 of them: what real devices send and an archive must keep.
bool is_tolerable_uid(std::string_view uid) noexcept;

// "2.25." and the number of a UUID (PS3.5 B.2) made of the first 16 bytes of a hash: version 8, RFC 9562 5.8. Equal
// hashes give equal UIDs. Asserts that hash holds at least 16 bytes.
std::string uid_from_hash(std::span<const std::byte> hash);

enum class Codec : std::uint8_t {
  native,  // not encapsulated
  rle,
  jpeg,           // processes 1, 2, 4: baseline and extended
  jpeg_lossless,  // process 14
  jpeg_ls,
  jpeg_2000,
  jpeg_2000_part_2,
  htj2k,
  jpeg_xl,
  mpeg,            // MPEG-2, H.264, H.265: one stream, not frame by frame
  deflated_frame,  // each frame deflated by itself
  other            // JPIP, retired and unknown
};

struct TransferSyntax {
  std::string_view uid;
  std::string_view name;
  Codec codec;
  bool explicit_vr;
  bool big_endian;
  bool deflated;      // the data set as a whole
  bool encapsulated;  // pixel data in fragments
  bool lossy;         // may be
  // Media type of one frame (PS3.18 8.7.3.3), "application/octet-stream" when native.
  std::string_view media_type;
};

inline constexpr std::string_view kImplicitLittle = "1.2.840.10008.1.2";
inline constexpr std::string_view kExplicitLittle = "1.2.840.10008.1.2.1";
inline constexpr std::string_view kDeflated = "1.2.840.10008.1.2.1.99";
inline constexpr std::string_view kExplicitBig = "1.2.840.10008.1.2.2";
inline constexpr std::string_view kRle = "1.2.840.10008.1.2.5";
inline constexpr std::string_view kJpegBaseline = "1.2.840.10008.1.2.4.50";
inline constexpr std::string_view kJpegExtended = "1.2.840.10008.1.2.4.51";
inline constexpr std::string_view kJpegLosslessSv1 = "1.2.840.10008.1.2.4.70";
inline constexpr std::string_view kJpegLs = "1.2.840.10008.1.2.4.80";
inline constexpr std::string_view kJpeg2000Lossless = "1.2.840.10008.1.2.4.90";
inline constexpr std::string_view kHtj2kLossless = "1.2.840.10008.1.2.4.201";
inline constexpr std::string_view kHtj2kRpcl = "1.2.840.10008.1.2.4.202";

std::span<const TransferSyntax> transfer_syntaxes() noexcept;  // all known
// Null when unknown. A trailing NUL or space is ignored. Every unknown syntax is explicit little endian, encapsulated
// or not (PS3.5 10): unknown_syntax() says so.
const TransferSyntax* find_transfer_syntax(std::string_view uid) noexcept;
const TransferSyntax& unknown_syntax() noexcept;

}  // namespace aceso::dicom
