#include "representation.hpp"

#include <array>
#include <utility>

#include "aceso/dicom/encode.hpp"
#include "aceso/dicom/pixel.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

// The syntax meant by a media type alone (PS3.18 table 8.7.3-5), of those that can be made here.
std::string_view default_syntax(std::string_view type) noexcept {
  constexpr std::array kDefaults{std::pair{std::string_view{"image/jpeg"}, dicom::kJpegBaseline},
                                 std::pair{std::string_view{"image/jls"}, dicom::kJpegLs},
                                 std::pair{std::string_view{"image/jp2"}, dicom::kJpeg2000Lossless},
                                 std::pair{std::string_view{"image/jphc"}, dicom::kHtj2kLossless},
                                 std::pair{std::string_view{"image/jph"}, dicom::kHtj2kLossless},
                                 std::pair{std::string_view{"image/dicom-rle"}, dicom::kRle}};
  for (const auto& [name, syntax] : kDefaults) {
    if (name == type) return syntax;
  }
  return {};
}

// Names that clients use for the same thing.
std::string_view same_type(std::string_view type) noexcept {
  if (type == "image/jhc") return "image/jphc";
  if (type == "image/x-jls") return "image/jls";
  if (type == "image/x-dicom-rle") return "image/dicom-rle";
  return type;
}

bool is_native(std::string_view uid) noexcept {
  return uid == dicom::kExplicitLittle || uid == dicom::kImplicitLittle;
}

class FrameChooser {
 public:
  explicit FrameChooser(const dicom::TransferSyntax& stored)
      : stored_{stored}, native_{!stored.encapsulated}, decodable_{native_ || dicom::can_decode(stored)} {}

  std::optional<Representation> choose(const MediaRange& range) const {
    const auto& syntax = range.transfer_syntax;
    if (syntax == "*") return any(range);
    if (syntax.empty()) return by_type(range);
    if (syntax == stored_.uid) return as_stored();
    if (is_native(syntax)) return plain();
    return made(syntax);
  }

 private:
  // Native frames need no more than the order of bytes in a word: that is explicit little endian.
  std::optional<Representation> as_stored() const {
    if (native_) return plain();
    return Representation{.type = std::string{stored_.media_type}, .syntax_uid = std::string{stored_.uid}};
  }
  std::optional<Representation> plain() const {
    if (!decodable_) return std::nullopt;
    return Representation{
        .as_stored = native_, .type = std::string{kOctets}, .syntax_uid = std::string{dicom::kExplicitLittle}};
  }
  std::optional<Representation> made(std::string_view uid) const {
    const auto* known = dicom::find_transfer_syntax(uid);
    if (known == nullptr || !decodable_ || !dicom::can_encode(known->uid)) return std::nullopt;
    return Representation{
        .as_stored = false, .type = std::string{known->media_type}, .syntax_uid = std::string{known->uid}};
  }
  std::optional<Representation> any(const MediaRange& range) const {
    const auto type = same_type(range.type);
    if (type == kOctets || type == stored_.media_type || type.ends_with('*')) return as_stored();
    return made(default_syntax(type));
  }
  std::optional<Representation> by_type(const MediaRange& range) const {
    const auto type = same_type(range.type);
    if (type == "*/*" && !decodable_) return as_stored();
    if (type == "*/*" || type == kOctets) return plain();
    if (!native_ && (type == stored_.media_type || type == "image/*")) return as_stored();
    return made(type == "image/*" ? dicom::kJpegLs : default_syntax(type));
  }

  const dicom::TransferSyntax& stored_;
  bool native_;
  bool decodable_;
};

}  // namespace

std::optional<Representation> choose_frame(std::span<const MediaRange> accepted, const dicom::TransferSyntax& stored,
                                           std::size_t frames) {
  const FrameChooser chooser{stored};
  for (const auto& range : accepted) {
    const bool single = !range.multipart && range.type != "*/*" && range.type != "*";
    if (single && frames > 1) continue;
    auto chosen = chooser.choose(range);
    if (!chosen) continue;
    chosen->multipart = !single;
    return chosen;
  }
  return std::nullopt;
}

std::optional<Representation> choose_object(std::span<const MediaRange> accepted, const dicom::TransferSyntax& stored,
                                            std::string_view stored_uid, std::size_t objects) {
  const bool can_transcode = !stored.encapsulated || dicom::can_decode(stored);
  for (const auto& range : accepted) {
    if (!fits(range, kDicom)) continue;
    const bool single = !range.multipart && range.type == kDicom;
    if (single && objects > 1) continue;
    Representation out{.multipart = !single, .type = std::string{kDicom}, .syntax_uid = std::string{stored_uid}};
    const auto& wanted = range.transfer_syntax;
    if (wanted == "*" || wanted == stored_uid) return out;
    // Nothing said means explicit little endian; what cannot be decoded is better given as it is than not at all.
    if (wanted.empty() && (stored_uid == dicom::kExplicitLittle || !can_transcode)) return out;
    if ((wanted.empty() || wanted == dicom::kExplicitLittle) && can_transcode) {
      out.as_stored = false;
      out.syntax_uid = dicom::kExplicitLittle;
      return out;
    }
  }
  return std::nullopt;
}

}  // namespace aceso::archive
