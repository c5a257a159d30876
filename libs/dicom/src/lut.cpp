#include "lut.hpp"

#include <algorithm>
#include <cmath>

#include "aceso/dicom/tags.hpp"
#include "bytes.hpp"

namespace aceso::dicom {
namespace {

constexpr std::size_t kMaxEntries = 65536;

struct Descriptor {
  std::size_t entries = 0;
  std::int64_t first = 0;
  unsigned bits = 16;
};

Result<Descriptor> read_descriptor(const Dataset& dataset, Tag tag, bool inputs_signed) {
  Descriptor out;
  const auto entries = dataset.integer(tag, 0);
  const auto first = dataset.integer(tag, 1);
  const auto bits = dataset.integer(tag, 2);
  if (!entries || !first || !bits) return Error{Code::invalid, to_string(tag) + " is no descriptor of a lookup table"};
  // Read as SS, 65535 entries are -1; 0 stands for 65536.
  out.entries = static_cast<std::size_t>(static_cast<std::uint16_t>(*entries));
  if (out.entries == 0) out.entries = kMaxEntries;
  out.first = inputs_signed ? std::int64_t{static_cast<std::int16_t>(*first)}
                            : std::int64_t{static_cast<std::uint16_t>(*first)};
  out.bits = static_cast<unsigned>(std::clamp<std::int64_t>(*bits, 8, 16));
  return out;
}

// Entries of 8 bits come two a word or one a word.
std::vector<std::uint16_t> read_entries(const Element& data, const Descriptor& descriptor) {
  const auto bytes = data.bytes();
  std::vector<std::uint16_t> out;
  if (descriptor.bits == 8 && bytes.size() < 2 * descriptor.entries) {
    const bool swapped = data.big_endian() && word_size(data.vr()) == 2;
    for (std::size_t i = 0; i < std::min(bytes.size(), descriptor.entries); ++i) {
      const std::size_t at = swapped ? std::min(i ^ 1U, bytes.size() - 1) : i;
      out.push_back(std::to_integer<std::uint16_t>(bytes[at]));
    }
    return out;
  }
  for (std::size_t i = 0; i < descriptor.entries && 2 * i + 2 <= bytes.size(); ++i)
    out.push_back(load<std::uint16_t>(bytes, 2 * i, data.big_endian()));
  return out;
}

// Discrete, linear and indirect segments (PS3.3 C.7.9.2). Indirect ones may not nest.
class Segments {
 public:
  Segments(std::vector<std::uint16_t> words, std::size_t entries) : words_{std::move(words)}, most_{entries} {}

  bool expand() {
    std::size_t at = 0;
    while (at < words_.size() && out_.size() < most_) {
      if (words_[at] == 2) {
        if (!indirect(at)) return false;
        at += 4;
      } else if (!direct(at)) {
        return false;
      }
    }
    return !out_.empty();
  }
  std::vector<std::uint16_t> take() { return std::move(out_); }

 private:
  bool direct(std::size_t& at) {
    if (words_.size() - at < 3) return false;
    const std::uint16_t code = words_[at];
    const std::size_t length = words_[at + 1];
    if (code == 0) {
      if (words_.size() - at - 2 < length) return false;
      for (std::size_t i = 0; i < length; ++i) push(words_[at + 2 + i]);
      at += 2 + length;
      return true;
    }
    if (code != 1 || out_.empty()) return false;
    const double from = out_.back();
    const double to = words_[at + 2];
    for (std::size_t i = 1; i <= length; ++i)
      push(static_cast<std::uint16_t>(
          std::lround(from + (to - from) * static_cast<double>(i) / static_cast<double>(length))));
    at += 3;
    return true;
  }

  bool indirect(std::size_t at) {
    if (words_.size() - at < 4) return false;
    std::size_t target = (std::size_t{words_[at + 3]} << 16 | words_[at + 2]) / 2;
    for (std::size_t i = 0; i < words_[at + 1]; ++i) {
      if (target >= words_.size() || words_[target] == 2 || !direct(target)) return false;
    }
    return true;
  }

  void push(std::uint16_t value) {
    if (out_.size() < most_) out_.push_back(value);
  }

  std::vector<std::uint16_t> words_;
  std::size_t most_;
  std::vector<std::uint16_t> out_;
};

Result<Lut> read_channel(const Dataset& dataset, Tag descriptor_tag, Tag data_tag, Tag segmented_tag,
                         bool indices_signed) {
  ACESO_TRY(const Descriptor descriptor, read_descriptor(dataset, descriptor_tag, indices_signed));
  Lut lut{descriptor.first, descriptor.bits, {}};
  const Element* data = dataset.find(data_tag);
  const Element* segmented = dataset.find(segmented_tag);
  if (data != nullptr) {
    lut.entries = read_entries(*data, descriptor);
  } else if (segmented != nullptr) {
    std::vector<std::uint16_t> words;
    for (std::size_t at = 0; at + 2 <= segmented->bytes().size(); at += 2)
      words.push_back(load<std::uint16_t>(segmented->bytes(), at, segmented->big_endian()));
    Segments segments{std::move(words), descriptor.entries};
    if (segments.expand()) lut.entries = segments.take();
  }
  if (lut.entries.empty()) return Error{Code::invalid, to_string(data_tag) + " is missing or damaged"};
  return lut;
}

}  // namespace

std::uint16_t Lut::at(double input) const noexcept {
  const double last = static_cast<double>(entries.size() - 1);
  const double index = input - static_cast<double>(first);
  return entries[static_cast<std::size_t>(index > 0 ? std::min(index, last) : 0.0)];  // NaN takes the first
}

std::uint8_t Palette::at(std::size_t channel, double index) const noexcept {
  const Lut& lut = channels[channel];
  return static_cast<std::uint8_t>(lut.bits > 8 ? lut.at(index) >> (lut.bits - 8) : lut.at(index));
}

Result<Lut> read_lut(const Dataset& item, bool inputs_signed) {
  ACESO_TRY(const Descriptor descriptor, read_descriptor(item, tags::kLUTDescriptor, inputs_signed));
  const Element* data = item.find(tags::kLUTData);
  Lut lut{descriptor.first, descriptor.bits, {}};
  if (data != nullptr) lut.entries = read_entries(*data, descriptor);
  if (lut.entries.empty()) return Error{Code::invalid, "LUTData is missing or empty"};
  return lut;
}

Result<Palette> read_palette(const Dataset& dataset, bool indices_signed) {
  constexpr std::array<std::array<Tag, 3>, 3> kChannels{
      {{tags::kRedPaletteColorLookupTableDescriptor, tags::kRedPaletteColorLookupTableData,
        tags::kSegmentedRedPaletteColorLookupTableData},
       {tags::kGreenPaletteColorLookupTableDescriptor, tags::kGreenPaletteColorLookupTableData,
        tags::kSegmentedGreenPaletteColorLookupTableData},
       {tags::kBluePaletteColorLookupTableDescriptor, tags::kBluePaletteColorLookupTableData,
        tags::kSegmentedBluePaletteColorLookupTableData}}};
  Palette palette;
  for (std::size_t c = 0; c < 3; ++c) {
    ACESO_TRY(palette.channels[c],
              read_channel(dataset, kChannels[c][0], kChannels[c][1], kChannels[c][2], indices_signed));
  }
  return palette;
}

const Dataset* functional_group(const Dataset& dataset, Tag sequence, std::uint32_t frame_number) noexcept {
  const auto per_frame = dataset.items(tags::kPerFrameFunctionalGroupsSequence);
  if (frame_number < per_frame.size()) {
    const auto items = per_frame[frame_number].items(sequence);
    if (!items.empty()) return &items.front();
  }
  const auto shared = dataset.items(tags::kSharedFunctionalGroupsSequence);
  if (shared.empty()) return nullptr;
  const auto items = shared.front().items(sequence);
  return items.empty() ? nullptr : &items.front();
}

}  // namespace aceso::dicom
