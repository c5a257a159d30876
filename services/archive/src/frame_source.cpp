#include "frame_source.hpp"

#include <algorithm>

#include "aceso/dicom/encode.hpp"
#include "aceso/dicom/tags.hpp"
#include "web.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
constexpr std::uint64_t kMaxFrame = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxWhole = std::uint64_t{1} << 30;  // of objects that must be read whole to find their frames

void swap_words(std::span<std::byte> bytes, std::size_t word) {
  if (word < 2) return;
  for (std::size_t i = 0; i + word <= bytes.size(); i += word) std::ranges::reverse(bytes.subspan(i, word));
}

// `bits` of a packed frame that begins inside of its first byte, moved to the beginning.
Bytes shifted(std::span<const std::byte> packed, unsigned offset, std::uint64_t bits) {
  Bytes out(static_cast<std::size_t>((bits + 7) / 8));
  for (std::size_t i = 0; i < out.size(); ++i) {
    unsigned value = i < packed.size() ? std::to_integer<unsigned>(packed[i]) >> offset : 0U;
    if (offset > 0 && i + 1 < packed.size()) value |= std::to_integer<unsigned>(packed[i + 1]) << (8 - offset);
    out[i] = static_cast<std::byte>(value & 0xFFU);
  }
  if (const auto rest = static_cast<unsigned>(bits % 8); rest != 0 && !out.empty())
    out.back() &= static_cast<std::byte>((1U << rest) - 1U);
  return out;
}

}  // namespace

bool frames_are_native(const dicom::TransferSyntax& syntax) noexcept {
  return !syntax.encapsulated;
}

std::string FrameSource::key_of(const Instance& instance, std::uint32_t frame, std::string_view form) {
  return std::to_string(instance.record.at.segment) + ":" + std::to_string(instance.record.at.offset) + "/" +
         std::to_string(frame) + "/" + std::string{form};
}

Result<ImageInfoPtr> FrameSource::image(const InstancePtr& instance) {
  return images_.get(
      key_of(*instance, 0, "image"), [&] { return load(*instance); },
      [](const ImageInfo& info) {
        std::uint64_t size = 4096 + info.inflated.size() + std::uint64_t{info.table.count()} * 24;
        for (const auto& element : info.head.dataset.elements()) size += 160 + element.bytes().size();
        return size;
      });
}

Result<ImageInfo> FrameSource::load(const Instance& instance) const {
  ImageInfo info;
  if (!instance.frames.empty()) {
    ACESO_TRY(info.table, dicom::FrameTable::from_bytes(std::as_bytes(std::span{instance.frames})));
    ACESO_TRY(info.head, read_head(store_, instance));
  } else {
    ACESO_TRY(const Bytes whole, store_.read_all(instance, kMaxWhole));
    dicom::ParseOptions options;
    options.skip_pixel_data = true;
    ACESO_TRY(dicom::Object outline, dicom::parse(whole, options));
    const bool deflated = outline.syntax->deflated;
    ACESO_TRY(info.table, dicom::FrameTable::build(outline, deflated ? std::span<const std::byte>{outline.inflated}
                                                                     : std::span<const std::byte>{whole}));
    if (deflated) info.inflated = std::move(outline.inflated);
    ACESO_TRY(info.head, read_head(store_, instance));  // its values do not view `whole`
  }
  info.syntax = info.head.syntax;
  ACESO_TRY(info.format, dicom::pixel_format(info.head.dataset));
  return info;
}

Result<Bytes> FrameSource::encoded(const Instance& instance, const ImageInfo& image, std::uint32_t frame) const {
  if (frame >= image.table.count()) return Error{Code::not_found, "there is no such frame"};
  const std::uint64_t length = image.table.length(frame);
  if (length > kMaxFrame) return Error{Code::too_large, "the frame is larger than 1 GiB"};
  Bytes out(static_cast<std::size_t>(length));
  std::size_t at = 0;
  for (const auto& range : image.table.ranges(frame)) {
    const auto part = std::span{out}.subspan(at, static_cast<std::size_t>(range.length));
    at += part.size();
    if (image.inflated.empty()) {
      ACESO_TRY_OK(store_.read(instance, range.offset, part));
    } else if (range.offset > image.inflated.size() || part.size() > image.inflated.size() - range.offset) {
      return Error{Code::invalid, "a frame lies outside of the object"};
    } else {
      std::copy_n(image.inflated.begin() + static_cast<std::ptrdiff_t>(range.offset), part.size(), part.begin());
    }
  }
  return out;
}

Result<Bytes> FrameSource::stored(const Instance& instance, const ImageInfo& image, std::uint32_t frame) const {
  ACESO_TRY(Bytes bytes, encoded(instance, image, frame));
  if (image.table.encapsulated()) return bytes;
  const auto& format = image.format;
  if (format.bits_allocated == 1) {
    const std::uint64_t bits = std::uint64_t{format.rows} * format.columns * format.samples;
    return shifted(bytes, image.table.bit_offset(frame), bits);
  }
  if (image.syntax->big_endian) {
    std::size_t word = format.bits_allocated / 8U;
    if (word == 1) word = 2;  // OW of bytes: two in a word
    swap_words(bytes, word);
  }
  return bytes;
}

Result<dicom::Frame> FrameSource::decoded(const Instance& instance, const ImageInfo& image, std::uint32_t frame) const {
  ACESO_TRY(const Bytes bytes, encoded(instance, image, frame));
  return dicom::decode_frame(image.format, *image.syntax, bytes, image.table.bit_offset(frame));
}

Result<FrameSource::Value> FrameSource::transcoded(const InstancePtr& instance, const ImageInfo& image,
                                                   std::uint32_t frame, const std::string& syntax_uid) {
  return picture(key_of(*instance, frame, syntax_uid), [&]() -> Result<Bytes> {
    ACESO_TRY(const dicom::Frame pixels, decoded(*instance, image, frame));
    if (syntax_uid == dicom::kExplicitLittle || syntax_uid == dicom::kImplicitLittle)
      return native_bytes(image.format, pixels);
    return dicom::encode_frame(pixels, syntax_uid);
  });
}

Bytes native_bytes(const dicom::PixelFormat& format, const dicom::Frame& frame) {
  if (!format.planar || frame.samples < 2) return frame.data;
  const std::size_t word = frame.bits / 8U;
  const std::size_t pixels = std::size_t{frame.rows} * frame.columns;
  Bytes out(frame.data.size());
  for (std::size_t s = 0; s < frame.samples; ++s) {
    for (std::size_t i = 0; i < pixels; ++i)
      std::copy_n(frame.data.begin() + static_cast<std::ptrdiff_t>((i * frame.samples + s) * word), word,
                  out.begin() + static_cast<std::ptrdiff_t>((s * pixels + i) * word));
  }
  return out;
}

}  // namespace aceso::archive
