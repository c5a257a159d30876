#include <array>
#include <charconv>
#include <cmath>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "base64.hpp"
#include "bytes.hpp"
#include "element.hpp"

namespace aceso::dicom {
namespace {

void append_string(std::string& out, std::string_view utf8) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : utf8) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

bool digits(std::string_view& text) {
  const std::size_t before = text.size();
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') text.remove_prefix(1);
  return text.size() < before;
}

// RFC 8259 6.
bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') return false;
  if (!digits(text)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!digits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!digits(text)) return false;
  }
  return text.empty();
}

void append_number_text(std::string& out, Vr vr, const std::string& text) {
  const auto value = parse_decimal(text);
  if (!value || (vr == Vr::is && std::trunc(*value) != *value)) {
    append_string(out, text);
  } else if (*value == 0) {
    out += '0';  // readers of JSON take "-0" for an integer, which has no sign there
  } else if (is_json_number(text)) {
    out += text;
  } else {
    out += shortest(*value);
  }
}

void append_person_name(std::string& out, std::string_view text) {
  constexpr std::array<std::string_view, 3> kGroups{"Alphabetic", "Ideographic", "Phonetic"};
  out += '{';
  bool first = true;
  for (const std::string_view group : kGroups) {
    const std::size_t end = std::min(text.find('='), text.size());
    if (end > 0) {
      if (!first) out += ',';
      first = false;
      append_string(out, group);
      out += ':';
      append_string(out, text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  out += '}';
}

template <class T>
void append_word(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) {
      out += "\"NaN\"";
      return;
    }
    if (std::isinf(value)) {
      out += value > 0 ? "\"inf\"" : "\"-inf\"";
      return;
    }
  }
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), error == std::errc{} ? end : text.data());
}

template <class T>
void append_words(std::string& out, const Element& element) {
  const auto bytes = element.bytes();
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    if (at > 0) out += ',';
    append_word(out, load<T>(bytes, at, element.big_endian()));
  }
}

bool is_pixel_data(Tag tag) {
  return tag == tags::kPixelData || tag == tags::kFloatPixelData || tag == tags::kDoubleFloatPixelData;
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonOptions& options) : options_{&options} {}

  void write(std::string& out, const Dataset& dataset, std::string& path) const {
    out += '{';
    bool first = true;
    for (const Element& element : dataset.elements()) {
      const Tag tag = element.tag();
      if (options_->skip_group_lengths && tag.is_group_length() && tag.group != 2) continue;
      if (!options_->keep_private && tag.is_private()) continue;
      if (!first) out += ',';
      first = false;
      const std::size_t outer = path.size();
      path += to_hex(tag);
      out += '"';
      out += to_hex(tag);
      out += "\":{\"vr\":\"";
      out += to_string(element.vr());
      out += '"';
      write_value(out, dataset, element, path);
      out += '}';
      path.resize(outer);
    }
    out += '}';
  }

 private:
  void write_value(std::string& out, const Dataset& dataset, const Element& element, std::string& path) const {
    const Vr vr = element.vr();
    if (element.is_sequence()) {
      write_items(out, element, path);
    } else if (element.skipped() || element.is_encapsulated() || is_pixel_data(element.tag()) || is_bulk(vr)) {
      write_binary(out, element, path);
    } else if (element.bytes().empty()) {
      return;
    } else if (element.tag() == tags::kSpecificCharacterSet) {
      out += ",\"Value\":[\"ISO_IR 192\"]";
    } else if (is_text(vr) || vr == Vr::at) {
      write_texts(out, dataset, element);
    } else {
      write_words(out, element);
    }
  }

  void write_items(std::string& out, const Element& element, std::string& path) const {
    if (element.items().empty()) return;
    out += ",\"Value\":[";
    const std::size_t outer = path.size();
    for (std::size_t i = 0; i < element.items().size(); ++i) {
      if (i > 0) out += ',';
      path += '/' + std::to_string(i + 1) + '/';
      write(out, element.items()[i], path);
      path.resize(outer);
    }
    out += ']';
  }

  void write_binary(std::string& out, const Element& element, std::string_view path) const {
    const bool bulk = element.skipped() || element.is_encapsulated() || is_pixel_data(element.tag());
    if (!bulk && element.bytes().empty()) return;
    if (!bulk && element.bytes().size() <= options_->inline_binary) {
      out += ",\"InlineBinary\":\"";
      append_little_endian(out, element);
      out += '"';
      return;
    }
    const auto uri = options_->bulk_uri ? options_->bulk_uri(path, element) : std::nullopt;
    if (!uri) return;
    out += ",\"BulkDataURI\":";
    append_string(out, *uri);
  }

  static void append_little_endian(std::string& out, const Element& element) {
    const std::size_t word = word_size(element.vr());
    if (!element.big_endian() || word == 1) {
      append_base64(out, element.bytes());
      return;
    }
    std::vector<std::byte> swapped{element.bytes().begin(), element.bytes().end()};
    for (std::size_t at = 0; at + word <= swapped.size(); at += word) {
      for (std::size_t i = 0; i < word / 2; ++i) std::swap(swapped[at + i], swapped[at + word - 1 - i]);
    }
    append_base64(out, swapped);
  }

  static void write_texts(std::string& out, const Dataset& dataset, const Element& element) {
    const auto values = element.texts(dataset.charset());
    if (values.empty() || (values.size() == 1 && values[0].empty())) return;
    out += ",\"Value\":[";
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ',';
      if (values[i].empty()) {
        out += "null";
      } else if (element.vr() == Vr::pn) {
        append_person_name(out, values[i]);
      } else if (element.vr() == Vr::is || element.vr() == Vr::ds) {
        append_number_text(out, element.vr(), values[i]);
      } else {
        append_string(out, values[i]);
      }
    }
    out += ']';
  }

  static void write_words(std::string& out, const Element& element) {
    if (element.bytes().size() < word_size(element.vr())) return;
    out += ",\"Value\":[";
    switch (element.vr()) {
      case Vr::us:
        append_words<std::uint16_t>(out, element);
        break;
      case Vr::ss:
        append_words<std::int16_t>(out, element);
        break;
      case Vr::ul:
        append_words<std::uint32_t>(out, element);
        break;
      case Vr::sl:
        append_words<std::int32_t>(out, element);
        break;
      case Vr::uv:
        append_words<std::uint64_t>(out, element);
        break;
      case Vr::sv:
        append_words<std::int64_t>(out, element);
        break;
      case Vr::fl:
        append_words<float>(out, element);
        break;
      default:
        append_words<double>(out, element);  // FD: every other VR is text, binary or a sequence
    }
    out += ']';
  }

  const JsonOptions* options_;
};

}  // namespace

std::string to_json(const Dataset& dataset, const JsonOptions& options) {
  std::string out;
  std::string path;
  JsonWriter{options}.write(out, dataset, path);
  return out;
}

}  // namespace aceso::dicom
