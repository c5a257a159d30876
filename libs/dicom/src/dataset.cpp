#include "aceso/dicom/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "aceso/base/assert.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"
#include "bytes.hpp"
#include "element.hpp"

namespace aceso::dicom {
namespace {

std::vector<std::byte> padded(std::string_view text, char pad) {
  const auto bytes = as_bytes(text);
  std::vector<std::byte> value{bytes.begin(), bytes.end()};
  if (value.size() % 2 != 0) value.push_back(static_cast<std::byte>(pad));
  return value;
}

Vr dictionary_vr(Tag tag) {
  return implicit_vr(tag, false);
}

template <class T>
void append_clamped(std::vector<std::byte>& out, std::int64_t value) {
  using Limits = std::numeric_limits<T>;
  if constexpr (sizeof(T) < 8) {
    value = std::clamp(value, static_cast<std::int64_t>(Limits::min()), static_cast<std::int64_t>(Limits::max()));
  }
  append(out, static_cast<T>(value));
}

// Encodes character by character what the set has, '?' for the rest.
std::string encode_lossy(const CharacterSet& charset, std::string_view utf8) {
  if (auto whole = charset.from_utf8(utf8)) return *std::move(whole);
  std::string known;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[at]);
    const std::size_t length = std::min<std::size_t>(lead < 0x80   ? 1
                                                     : lead < 0xE0 ? 2
                                                     : lead < 0xF0 ? 3
                                                                   : 4,
                                                     utf8.size() - at);
    const std::string_view point = utf8.substr(at, length);
    known += charset.from_utf8(point) ? std::string{point} : "?";
    at += length;
  }
  auto encoded = charset.from_utf8(known);
  return encoded ? *std::move(encoded) : std::string{};
}

}  // namespace

const Element* Dataset::find(Tag tag) const noexcept {
  const auto at = std::lower_bound(elements_.begin(), elements_.end(), tag,
                                   [](const Element& element, Tag key) { return element.tag() < key; });
  return at != elements_.end() && at->tag() == tag ? &*at : nullptr;
}

Element* Dataset::find(Tag tag) noexcept {
  const auto at = std::lower_bound(elements_.begin(), elements_.end(), tag,
                                   [](const Element& element, Tag key) { return element.tag() < key; });
  return at != elements_.end() && at->tag() == tag ? &*at : nullptr;
}

const Element* Dataset::find_private(std::uint16_t group, std::string_view creator, std::uint8_t element) const {
  for (std::uint16_t block = 0x10; block <= 0xFF; ++block) {
    const auto owner = text(Tag{group, block});
    if (owner && *owner == creator) return find(Tag{group, static_cast<std::uint16_t>(block << 8 | element)});
  }
  return nullptr;
}

std::optional<std::string> Dataset::text(Tag tag, std::size_t index) const {
  const Element* element = find(tag);
  auto value = element == nullptr ? std::nullopt : element->text(charset_, index);
  if (value && value->empty()) return std::nullopt;
  return value;
}

std::vector<std::string> Dataset::texts(Tag tag) const {
  const Element* element = find(tag);
  return element == nullptr ? std::vector<std::string>{} : element->texts(charset_);
}

std::string Dataset::text_or(Tag tag, std::string_view fallback) const {
  auto value = text(tag);
  return value ? *std::move(value) : std::string{fallback};
}

std::optional<std::int64_t> Dataset::integer(Tag tag, std::size_t index) const {
  const Element* element = find(tag);
  return element == nullptr ? std::nullopt : element->integer(index);
}

std::optional<double> Dataset::number(Tag tag, std::size_t index) const {
  const Element* element = find(tag);
  return element == nullptr ? std::nullopt : element->number(index);
}

std::vector<double> Dataset::numbers(Tag tag) const {
  const Element* element = find(tag);
  return element == nullptr ? std::vector<double>{} : element->numbers();
}

std::span<const Dataset> Dataset::items(Tag tag) const noexcept {
  const Element* element = find(tag);
  return element == nullptr ? std::span<const Dataset>{} : std::span<const Dataset>{element->items()};
}

std::optional<PersonName> Dataset::person_name(Tag tag) const {
  const auto value = text(tag);
  if (!value) return std::nullopt;
  return parse_person_name(*value);
}

void Dataset::set_charset(const CharacterSet& charset) {
  charset_ = charset;
  const std::string value = charset.to_value();
  if (value.empty()) {
    erase(tags::kSpecificCharacterSet);
  } else {
    set_text(tags::kSpecificCharacterSet, Vr::cs, value);
  }
}

Dataset& Dataset::set(Element element) {
  const auto at = std::lower_bound(elements_.begin(), elements_.end(), element.tag(),
                                   [](const Element& other, Tag key) { return other.tag() < key; });
  if (at != elements_.end() && at->tag() == element.tag()) {
    *at = std::move(element);
  } else {
    elements_.insert(at, std::move(element));
  }
  return *this;
}

bool Dataset::erase(Tag tag) {
  return std::erase_if(elements_, [tag](const Element& element) { return element.tag() == tag; }) > 0;
}

Dataset& Dataset::set_text(Tag tag, std::string_view utf8) {
  return set_text(tag, dictionary_vr(tag), utf8);
}

Dataset& Dataset::set_text(Tag tag, Vr vr, std::string_view utf8) {
  ACESO_ASSERT(is_text(vr), "set_text is for text");
  const std::string encoded = uses_charset(vr) ? encode_lossy(charset_, utf8) : std::string{utf8};
  return set_bytes(tag, vr, padded(encoded, vr == Vr::ui ? '\0' : ' '));
}

Dataset& Dataset::set_integer(Tag tag, std::int64_t value) {
  return set_integers(tag, dictionary_vr(tag), {&value, 1});
}

Dataset& Dataset::set_integers(Tag tag, Vr vr, std::span<const std::int64_t> values) {
  std::vector<std::byte> out;
  std::string text;
  for (const std::int64_t value : values) {
    switch (vr) {
      case Vr::us:
      case Vr::ow:
        append_clamped<std::uint16_t>(out, value);
        break;
      case Vr::ss:
        append_clamped<std::int16_t>(out, value);
        break;
      case Vr::ul:
      case Vr::ol:
        append_clamped<std::uint32_t>(out, value);
        break;
      case Vr::sl:
        append_clamped<std::int32_t>(out, value);
        break;
      case Vr::uv:
      case Vr::ov:
        append_clamped<std::uint64_t>(out, std::max<std::int64_t>(value, 0));
        break;
      case Vr::sv:
        append(out, value);
        break;
      case Vr::at:
        append(out, static_cast<std::uint16_t>(value >> 16));
        append(out, static_cast<std::uint16_t>(value));
        break;
      case Vr::fl:
        append(out, static_cast<float>(value));
        break;
      case Vr::fd:
        append(out, static_cast<double>(value));
        break;
      default:
        ACESO_ASSERT(is_text(vr), "set_integers is for numbers and text");
        text += (text.empty() ? "" : "\\") + std::to_string(value);
    }
  }
  return is_text(vr) ? set_text(tag, vr, text) : set_bytes(tag, vr, std::move(out));
}

Dataset& Dataset::set_number(Tag tag, double value) {
  return set_numbers(tag, dictionary_vr(tag), {&value, 1});
}

Dataset& Dataset::set_numbers(Tag tag, Vr vr, std::span<const double> values) {
  std::vector<std::byte> out;
  std::string text;
  for (const double value : values) {
    if (vr == Vr::fl || vr == Vr::of) {
      append(out, static_cast<float>(value));
    } else if (vr == Vr::fd || vr == Vr::od) {
      append(out, value);
    } else {
      ACESO_ASSERT(vr == Vr::ds, "set_numbers is for DS and floating point");
      text += (text.empty() ? "" : "\\") + decimal_string(std::isfinite(value) ? value : 0.0);
    }
  }
  return vr == Vr::ds ? set_text(tag, vr, text) : set_bytes(tag, vr, std::move(out));
}

Dataset& Dataset::set_bytes(Tag tag, Vr vr, std::vector<std::byte> value) {
  Element element{tag, vr};
  if (value.size() % 2 != 0) value.push_back(std::byte{0});
  element.own_ = std::move(value);
  element.length_ = element.own_.size();
  if (tag == tags::kSpecificCharacterSet) charset_ = CharacterSet::parse_lenient(as_text(element.own_));
  return set(std::move(element));
}

Dataset& Dataset::set_items(Tag tag, std::vector<Dataset> items) {
  Element element{tag, Vr::sq};
  element.nested().items = std::move(items);
  return set(std::move(element));
}

Dataset& Dataset::set_empty(Tag tag) {
  return set(Element{tag, dictionary_vr(tag)});
}

Dataset& Dataset::set_frames(std::vector<std::vector<std::byte>> frames) {
  Element element{tags::kPixelData, Vr::ob};
  element.encapsulated_ = true;
  element.length_ = kUndefinedLength;
  auto& nested = element.nested();
  std::uint64_t end = 0;
  for (const auto& frame : frames) {
    nested.basic_offsets.push_back(end);
    end += 8 + frame.size() + frame.size() % 2;
  }
  if (end > 0xFFFFFFFF) nested.basic_offsets.clear();
  auto& out = element.own_;
  out.reserve(8 + 4 * nested.basic_offsets.size() + end);
  const auto item = [&](std::size_t length) {
    append(out, std::uint32_t{0xE000FFFE});
    append(out, static_cast<std::uint32_t>(length));
  };
  item(4 * nested.basic_offsets.size());
  for (const std::uint64_t offset : nested.basic_offsets) append(out, static_cast<std::uint32_t>(offset));
  for (auto& frame : frames) {
    if (frame.size() % 2 != 0) frame.push_back(std::byte{0});
    item(frame.size());
    nested.fragments.push_back({out.size(), frame.size()});
    out.insert(out.end(), frame.begin(), frame.end());
  }
  return set(std::move(element));
}

}  // namespace aceso::dicom
