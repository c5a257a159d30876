#include "aceso/dicom/frames.hpp"

#include <algorithm>
#include <optional>

#include "aceso/dicom/pixel.hpp"
#include "aceso/dicom/tags.hpp"
#include "bytes.hpp"

namespace aceso::dicom {
namespace {

constexpr std::uint32_t kMaxFrames = 4'000'000;
constexpr std::string_view kTableMagic = "AFT1";

const Element* pixel_element(const Dataset& dataset) {
  for (const Tag tag : {tags::kPixelData, tags::kFloatPixelData, tags::kDoubleFloatPixelData}) {
    if (const Element* element = dataset.find(tag)) return element;
  }
  return nullptr;
}

// First fragments of the frames by offsets that count from the first fragment's item; nullopt when they do not fit.
std::optional<std::vector<std::uint32_t>> by_offsets(const std::vector<Fragment>& fragments,
                                                     std::span<const std::uint64_t> offsets) {
  std::vector<std::uint32_t> first;
  const std::uint64_t base = fragments.front().offset;
  for (const std::uint64_t offset : offsets) {
    const auto at = std::lower_bound(fragments.begin(), fragments.end(), base + offset,
                                     [](const Fragment& fragment, std::uint64_t key) { return fragment.offset < key; });
    if (at == fragments.end() || at->offset != base + offset) return std::nullopt;
    const auto index = static_cast<std::uint32_t>(at - fragments.begin());
    if (first.empty() ? index != 0 : index <= first.back()) return std::nullopt;
    first.push_back(index);
  }
  first.push_back(static_cast<std::uint32_t>(fragments.size()));
  return first;
}

bool starts_image(std::span<const std::byte> bytes, Codec codec) {
  const auto is = [&](std::size_t i, unsigned value) {
    return bytes.size() > i && std::to_integer<unsigned>(bytes[i]) == value;
  };
  if (codec == Codec::jpeg || codec == Codec::jpeg_lossless || codec == Codec::jpeg_ls)
    return is(0, 0xFF) && is(1, 0xD8);
  if (codec == Codec::jpeg_2000 || codec == Codec::htj2k || codec == Codec::jpeg_2000_part_2)
    return (is(0, 0xFF) && is(1, 0x4F)) || (is(0, 0) && is(3, 0x0C) && is(4, 'j') && is(5, 'P'));
  if (codec == Codec::jpeg_xl) return is(0, 0xFF) && is(1, 0x0A);
  return false;
}

std::optional<std::vector<std::uint32_t>> by_markers(const std::vector<Fragment>& fragments, Codec codec,
                                                     std::span<const std::byte> bytes) {
  std::vector<std::uint32_t> first;
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const Fragment& fragment = fragments[i];
    if (fragment.offset > bytes.size() || fragment.length > bytes.size() - fragment.offset) return std::nullopt;
    if (starts_image(
            bytes.subspan(static_cast<std::size_t>(fragment.offset), static_cast<std::size_t>(fragment.length)), codec))
      first.push_back(static_cast<std::uint32_t>(i));
  }
  if (first.empty() || first.front() != 0) return std::nullopt;
  first.push_back(static_cast<std::uint32_t>(fragments.size()));
  return first;
}

std::vector<std::uint64_t> extended_offsets(const Dataset& dataset) {
  std::vector<std::uint64_t> offsets;
  const Element* table = dataset.find(tags::kExtendedOffsetTable);
  if (table == nullptr || table->skipped()) return offsets;
  for (std::size_t i = 0; i + 8 <= table->bytes().size(); i += 8)
    offsets.push_back(load<std::uint64_t>(table->bytes(), i, table->big_endian()));
  return offsets;
}

void put_varint(std::vector<std::byte>& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(0x80 | (value & 0x7F)));
  out.push_back(static_cast<std::byte>(value));
}

std::optional<std::uint64_t> take_varint(std::span<const std::byte>& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) return std::nullopt;
    const auto byte = std::to_integer<std::uint64_t>(bytes.front());
    bytes = bytes.subspan(1);
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

}  // namespace

Result<FrameTable> FrameTable::build(const Object& object, std::span<const std::byte> bytes) {
  const Element* pixels = pixel_element(object.dataset);
  if (pixels == nullptr) return Error{Code::not_found, "the object has no pixel data"};
  const std::int64_t declared = object.dataset.integer(tags::kNumberOfFrames).value_or(1);
  if (declared < 1 || declared > kMaxFrames) return Error{Code::invalid, "NumberOfFrames is out of range"};
  const auto count = static_cast<std::uint32_t>(declared);
  FrameTable table;
  if (!pixels->is_encapsulated()) {
    ACESO_TRY(const PixelFormat format, pixel_format(object.dataset));
    return native(format, pixels->offset(), pixels->length());
  }
  table.encapsulated_ = true;
  table.fragments_ = pixels->fragments();
  if (table.fragments_.empty()) return Error{Code::invalid, "the pixel data have no fragments"};
  if (object.syntax->codec == Codec::mpeg) return Error{Code::unsupported, "video has no frames of its own"};
  const auto accept = [&](std::optional<std::vector<std::uint32_t>> first) {
    if (!first || first->size() != std::size_t{count} + 1) return false;
    table.first_ = std::move(*first);
    return true;
  };
  if (count == 1) {
    table.first_ = {0, static_cast<std::uint32_t>(table.fragments_.size())};
    return table;
  }
  if (accept(by_offsets(table.fragments_, extended_offsets(object.dataset)))) return table;
  if (accept(by_offsets(table.fragments_, pixels->basic_offsets()))) return table;
  if (table.fragments_.size() == count) {
    table.first_.resize(std::size_t{count} + 1);
    for (std::uint32_t i = 0; i <= count; ++i) table.first_[i] = i;
    return table;
  }
  if (table.fragments_.size() < count) return Error{Code::invalid, "fewer fragments than frames"};
  if (accept(by_markers(table.fragments_, object.syntax->codec, bytes))) return table;
  return Error{Code::unsupported, "the fragments do not say which frames they belong to"};
}

Result<FrameTable> FrameTable::native(const PixelFormat& format, std::uint64_t offset, std::uint64_t length) {
  FrameTable table;
  std::uint64_t samples = std::uint64_t{format.rows} * format.columns;
  samples *= format.photometric == Photometric::ybr_full_422 && format.samples == 3 ? 2 : format.samples;
  const std::uint64_t frame_bits = samples * format.bits_allocated;  // < 2^32 * 4 * 64: pixel_format bounds it
  if (frame_bits / 8 * format.frames > (std::uint64_t{1} << 62)) return Error{Code::too_large, "too many pixels"};
  // Some write colour that is called 4:2:2 and is not subsampled.
  const std::uint64_t total = (frame_bits * format.frames + 7) / 8;
  if (format.photometric == Photometric::ybr_full_422 && format.samples == 3 && length >= total / 2 * 3)
    return native_as_full(format, offset, length);
  if (total > length) {
    return Error{Code::invalid,
                 "the pixel data have " + std::to_string(length) + " bytes, the image needs " + std::to_string(total)};
  }
  table.bits_ = frame_bits % 8 == 0 ? 0 : frame_bits;
  table.fragments_.reserve(format.frames);
  for (std::uint64_t i = 0; i < format.frames; ++i) {
    const std::uint64_t start = i * frame_bits / 8;
    table.fragments_.push_back({offset + start, (frame_bits * (i + 1) + 7) / 8 - start});
    table.first_.push_back(static_cast<std::uint32_t>(i));
  }
  table.first_.push_back(format.frames);
  return table;
}

Result<FrameTable> FrameTable::native_as_full(PixelFormat format, std::uint64_t offset, std::uint64_t length) {
  format.photometric = Photometric::ybr_full;
  return native(format, offset, length);
}

std::span<const Fragment> FrameTable::ranges(std::uint32_t frame) const noexcept {
  if (frame >= count()) return {};
  return std::span{fragments_}.subspan(first_[frame], first_[frame + 1] - first_[frame]);
}

std::uint64_t FrameTable::length(std::uint32_t frame) const noexcept {
  std::uint64_t sum = 0;
  for (const Fragment& range : ranges(frame)) sum += range.length;
  return sum;
}

std::uint32_t FrameTable::bit_offset(std::uint32_t frame) const noexcept {
  return static_cast<std::uint32_t>(bits_ * frame % 8);
}

std::vector<std::byte> FrameTable::to_bytes() const {
  const auto magic = as_bytes(kTableMagic);
  std::vector<std::byte> out{magic.begin(), magic.end()};
  put_varint(out, encapsulated_ ? 1 : 0);
  put_varint(out, bits_);
  put_varint(out, fragments_.size());
  std::uint64_t end = 0;
  for (const Fragment& fragment : fragments_) {
    // A frame of packed bits may start in the last byte of the frame before.
    put_varint(out, fragment.offset + 1 - end);
    put_varint(out, fragment.length);
    end = fragment.offset + fragment.length;
  }
  put_varint(out, count());
  for (std::uint32_t i = 0; i < count(); ++i) put_varint(out, first_[i + 1] - first_[i]);
  return out;
}

Result<FrameTable> FrameTable::from_bytes(std::span<const std::byte> bytes) {
  const Error bad{Code::invalid, "not a frame table"};
  if (!as_text(bytes).starts_with(kTableMagic)) return bad;
  bytes = bytes.subspan(kTableMagic.size());
  FrameTable table;
  const auto encapsulated = take_varint(bytes);
  const auto bits = take_varint(bytes);
  const auto fragments = take_varint(bytes);
  if (!encapsulated || *encapsulated > 1 || !bits || !fragments || *fragments > bytes.size() / 2) return bad;
  table.encapsulated_ = *encapsulated == 1;
  table.bits_ = *bits;
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < *fragments; ++i) {
    const auto gap = take_varint(bytes);
    const auto length = take_varint(bytes);
    if (!gap || !length || *gap > (std::uint64_t{1} << 62) || *length > (std::uint64_t{1} << 62)) return bad;
    if (end + *gap < 1) return bad;
    table.fragments_.push_back({end + *gap - 1, *length});
    end = end + *gap - 1 + *length;
    if (end > (std::uint64_t{1} << 62)) return bad;
  }
  const auto count = take_varint(bytes);
  if (!count || *count > *fragments) return bad;
  std::uint64_t at = 0;
  table.first_.push_back(0);
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto n = take_varint(bytes);
    if (!n || *n == 0 || *n > *fragments - at) return bad;
    at += *n;
    table.first_.push_back(static_cast<std::uint32_t>(at));
  }
  if (at != *fragments || !bytes.empty()) return bad;
  return table;
}

Result<std::vector<std::byte>> frame_bytes(const FrameTable& table, std::uint32_t frame,
                                           std::span<const std::byte> bytes) {
  if (frame >= table.count()) return Error{Code::invalid, "no such frame"};
  std::vector<std::byte> out;
  for (const Fragment& range : table.ranges(frame)) {
    if (range.offset > bytes.size() || range.length > bytes.size() - range.offset)
      return Error{Code::invalid, "the frame lies past the end of the data"};
    const auto part = bytes.subspan(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.length));
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace aceso::dicom
