#include "element.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "bytes.hpp"

namespace aceso::dicom {

std::string_view trim_value(std::string_view text, bool both_ends) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (both_ends && !text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

std::optional<double> parse_decimal(std::string_view text) noexcept {
  text = trim_value(text, true);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string shortest(double value) {
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), error == std::errc{} ? end : text.data()};
}

std::string decimal_string(double value) {
  std::string text = shortest(value);
  for (int digits = 15; text.size() > 16 && digits > 0; --digits) {
    std::array<char, 40> buffer{};
    const auto [end, error] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, digits);
    text.assign(buffer.data(), error == std::errc{} ? end : buffer.data());
  }
  return text;
}

namespace {

template <class T>
std::string number_text(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    std::array<char, 40> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), error == std::errc{} ? end : text.data()};
  } else {
    return std::to_string(value);
  }
}

// Calls `use` with the value of a binary VR at an index inside the value; false for other VRs.
template <class Use>
bool with_word(Vr vr, std::span<const std::byte> bytes, bool big, std::size_t index, Use use) {
  const std::size_t at = index * word_size(vr);
  switch (vr) {
    case Vr::us:
    case Vr::ow:
      use(load<std::uint16_t>(bytes, at, big));
      return true;
    case Vr::ss:
      use(load<std::int16_t>(bytes, at, big));
      return true;
    case Vr::ul:
    case Vr::ol:
      use(load<std::uint32_t>(bytes, at, big));
      return true;
    case Vr::sl:
      use(load<std::int32_t>(bytes, at, big));
      return true;
    case Vr::uv:
    case Vr::ov:
      use(load<std::uint64_t>(bytes, at, big));
      return true;
    case Vr::sv:
      use(load<std::int64_t>(bytes, at, big));
      return true;
    case Vr::fl:
    case Vr::of:
      use(load<float>(bytes, at, big));
      return true;
    case Vr::fd:
    case Vr::od:
      use(load<double>(bytes, at, big));
      return true;
    default:
      return false;
  }
}

Tag load_tag(std::span<const std::byte> bytes, std::size_t at, bool big) noexcept {
  return {load<std::uint16_t>(bytes, at, big), load<std::uint16_t>(bytes, at + 2, big)};
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> values;
  for (std::size_t start = 0;;) {
    const std::size_t end = std::min(text.find('\\', start), text.size());
    values.push_back(text.substr(start, end - start));
    if (end == text.size()) return values;
    start = end + 1;
  }
}

}  // namespace

Element::Element(Tag tag, Vr vr) : tag_{tag}, vr_{vr} {}
Element::Element(const Element& other)
    : tag_{other.tag_},
      vr_{other.vr_},
      big_endian_{other.big_endian_},
      skipped_{other.skipped_},
      encapsulated_{other.encapsulated_},
      offset_{other.offset_},
      length_{other.length_},
      view_{other.view_},
      own_{other.own_},
      nested_{other.nested_ ? std::make_unique<Nested>(*other.nested_) : nullptr} {}
Element::Element(Element&&) noexcept = default;
Element& Element::operator=(const Element& other) {
  if (this != &other) *this = Element{other};
  return *this;
}
Element& Element::operator=(Element&&) noexcept = default;
Element::~Element() = default;

Element::Nested& Element::nested() {
  if (!nested_) nested_ = std::make_unique<Nested>();
  return *nested_;
}

const std::vector<Dataset>& Element::items() const noexcept {
  static const std::vector<Dataset> kNone;
  return nested_ ? nested_->items : kNone;
}
std::vector<Dataset>& Element::items() {
  return nested().items;
}
const std::vector<Fragment>& Element::fragments() const noexcept {
  static const std::vector<Fragment> kNone;
  return nested_ ? nested_->fragments : kNone;
}
const std::vector<std::uint64_t>& Element::basic_offsets() const noexcept {
  static const std::vector<std::uint64_t> kNone;
  return nested_ ? nested_->basic_offsets : kNone;
}

std::size_t Element::value_count() const noexcept {
  const auto value = bytes();
  if (value.empty() || encapsulated_) return 0;
  if (vr_ == Vr::at) return value.size() / 4;
  if (word_size(vr_) > 1) return value.size() / word_size(vr_);
  if (!is_text(vr_) || !is_multi_valued(vr_) || uses_charset(vr_)) return 1;  // of sets with wide characters: texts()
  const std::string_view text = as_text(value);
  return trim_value(text, true).empty() ? 0 : 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\\'));
}

std::vector<std::string> Element::texts(const CharacterSet& charset) const {
  std::vector<std::string> values;
  const auto value = bytes();
  if (value.empty() || encapsulated_) return values;
  if (!is_text(vr_)) {
    const std::size_t count = value_count();
    for (std::size_t i = 0; i < count; ++i) {
      if (vr_ == Vr::at) values.push_back(to_hex(load_tag(value, i * 4, big_endian_)));
      with_word(vr_, value, big_endian_, i, [&](auto word) { values.push_back(number_text(word)); });
    }
    return values;
  }
  const std::string decoded = uses_charset(vr_) ? charset.to_utf8(value, vr_ == Vr::pn) : CharacterSet{}.to_utf8(value);
  if (!is_multi_valued(vr_)) {
    values.emplace_back(trim_value(decoded, false));
    return values;
  }
  if (trim_value(decoded, true).empty()) return values;
  for (const std::string_view part : split(decoded)) values.emplace_back(trim_value(part, true));
  return values;
}

std::optional<std::string> Element::text(const CharacterSet& charset, std::size_t index) const {
  auto values = texts(charset);
  if (index >= values.size()) return std::nullopt;
  return std::move(values[index]);
}

std::optional<std::int64_t> Element::integer(std::size_t index) const {
  if (vr_ == Vr::is || vr_ == Vr::ds) {
    const auto value = number(index);
    if (!value || std::abs(*value) > 9007199254740992.0 || std::trunc(*value) != *value) return std::nullopt;
    return static_cast<std::int64_t>(*value);
  }
  if (index >= value_count()) return std::nullopt;
  if (vr_ == Vr::at) return std::int64_t{load_tag(bytes(), index * 4, big_endian_).value()};
  std::optional<std::int64_t> result;
  with_word(vr_, bytes(), big_endian_, index, [&](auto word) {
    if constexpr (std::is_integral_v<decltype(word)>) {
      if (!std::is_same_v<decltype(word), std::uint64_t> ||
          static_cast<std::uint64_t>(word) <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        result = static_cast<std::int64_t>(word);
    }
  });
  return result;
}

std::optional<double> Element::number(std::size_t index) const {
  if (vr_ == Vr::is || vr_ == Vr::ds) {
    const std::string_view text = as_text(bytes());
    std::size_t start = 0;
    for (std::size_t i = 0; i < index; ++i) {
      const std::size_t next = text.find('\\', start);
      if (next == std::string_view::npos) return std::nullopt;
      start = next + 1;
    }
    return parse_decimal(text.substr(start, std::min(text.find('\\', start), text.size()) - start));
  }
  if (index >= value_count()) return std::nullopt;
  std::optional<double> result;
  with_word(vr_, bytes(), big_endian_, index, [&](auto word) { result = static_cast<double>(word); });
  return result;
}

std::vector<double> Element::numbers() const {
  std::vector<double> values;
  if (vr_ == Vr::is || vr_ == Vr::ds) {
    if (trim_value(as_text(bytes()), true).empty()) return values;
    for (const std::string_view part : split(as_text(bytes()))) {
      const auto value = parse_decimal(part);
      if (!value) return {};
      values.push_back(*value);
    }
    return values;
  }
  const std::size_t count = value_count();
  if (word_size(vr_) < 2 || vr_ == Vr::at) return values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    with_word(vr_, bytes(), big_endian_, i, [&](auto word) { values.push_back(static_cast<double>(word)); });
  return values;
}

}  // namespace aceso::dicom
