#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"
#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/json.hpp"
#include "aceso/dicom/tags.hpp"
#include "base64.hpp"
#include "bytes.hpp"
#include "element.hpp"

namespace aceso::dicom {
namespace {

Error bad(Tag tag, std::string_view what) {
  return {Code::invalid, to_string(tag) + " " + std::string{what}};
}

std::optional<double> number_of(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf" || text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-inf" || text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return parse_decimal(text);
}

template <class T>
bool append_integer(std::vector<std::byte>& out, const Json& value) {
  if (value.is_number_unsigned() && std::is_unsigned_v<T>) {
    const auto number = value.get<std::uint64_t>();
    if (number > std::numeric_limits<T>::max()) return false;
    append(out, static_cast<T>(number));
    return true;
  }
  std::int64_t number = 0;
  if (value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max())) {
    number = value.get<std::int64_t>();
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
  } else {
    return false;
  }
  if constexpr (std::is_unsigned_v<T>) {
    if (number < 0 || static_cast<std::uint64_t>(number) > std::numeric_limits<T>::max()) return false;
  } else if (number < std::numeric_limits<T>::min() || number > std::numeric_limits<T>::max()) {
    return false;
  }
  append(out, static_cast<T>(number));
  return true;
}

bool append_real(std::vector<std::byte>& out, Vr vr, const Json& value) {
  const auto number = number_of(value);
  if (!number) return false;
  if (vr == Vr::fd) {
    append(out, *number);
    return true;
  }
  if (std::isfinite(*number) && std::abs(*number) > static_cast<double>(std::numeric_limits<float>::max()))
    return false;
  append(out, static_cast<float>(*number));
  return true;
}

bool append_tag_value(std::vector<std::byte>& out, const Json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() != 8) return false;
  const auto tag = parse_tag(value.get_ref<const std::string&>());
  if (!tag) return false;
  append(out, tag->group);
  append(out, tag->element);
  return true;
}

bool append_binary(std::vector<std::byte>& out, Vr vr, const Json& value) {
  switch (vr) {
    case Vr::at:
      return append_tag_value(out, value);
    case Vr::us:
      return append_integer<std::uint16_t>(out, value);
    case Vr::ss:
      return append_integer<std::int16_t>(out, value);
    case Vr::ul:
      return append_integer<std::uint32_t>(out, value);
    case Vr::sl:
      return append_integer<std::int32_t>(out, value);
    case Vr::uv:
      return append_integer<std::uint64_t>(out, value);
    case Vr::sv:
      return append_integer<std::int64_t>(out, value);
    case Vr::fl:
    case Vr::fd:
      return append_real(out, vr, value);
    default:
      return false;
  }
}

std::optional<std::string> person_name_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return std::nullopt;
  std::string text;
  std::size_t groups = 0;
  for (const char* group : {"Alphabetic", "Ideographic", "Phonetic"}) {
    if (groups++ > 0) text += '=';
    const auto part = value.find(group);
    if (part == value.end() || part->is_null()) continue;
    if (!part->is_string() || part->get_ref<const std::string&>().find('=') != std::string::npos) return std::nullopt;
    text += part->get_ref<const std::string&>();
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> text_of(Vr vr, const Json& value) {
  if (value.is_null()) return std::string{};
  if (vr == Vr::pn) return person_name_text(value);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number() || (vr != Vr::is && vr != Vr::ds)) return std::nullopt;
  if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  const double number = value.get<double>();
  if (!std::isfinite(number) || (vr == Vr::is && std::trunc(number) != number)) return std::nullopt;
  return vr == Vr::is ? shortest(number) : decimal_string(number);
}

class JsonReader {
 public:
  JsonReader(const JsonReadLimits& limits, const BulkFetch& fetch) : limits_{&limits}, fetch_{&fetch} {}

  // Text of the result is UTF-8; (0008,0005) is written where there is any other character.
  Result<Dataset> read(const Json& object, std::uint32_t depth) {
    if (!object.is_object()) return Error{Code::invalid, "JSON: a data set must be an object"};
    if (depth > limits_->depth) return Error{Code::too_large, "JSON: sequences are nested too deeply"};
    Dataset dataset;
    dataset.set_charset(CharacterSet::utf8());
    dataset.erase(tags::kSpecificCharacterSet);
    for (const auto& [key, value] : object.items()) {
      const bool hex = key.size() == 8 && key.find_first_not_of("0123456789ABCDEFabcdef") == std::string::npos;
      const auto tag = hex ? parse_tag(key) : std::nullopt;
      if (!tag) return Error{Code::invalid, "JSON: a name is no tag of eight hexadecimal digits"};
      if (!value.is_object()) return bad(*tag, "is no object");
      if (tag->is_group_length() && tag->group != 2) continue;
      if (*tag == tags::kSpecificCharacterSet) {  // whatever it says: JSON is UTF-8
        dataset.set_charset(CharacterSet::utf8());
        continue;
      }
      ACESO_TRY_OK(read_attribute(dataset, *tag, value, depth));
    }
    return dataset;
  }
  bool beyond_ascii() const noexcept { return beyond_ascii_; }

 private:
  static Result<Vr> vr_of(Tag tag, const Json& attribute) {
    const auto name = attribute.find("vr");
    if (name == attribute.end()) return implicit_vr(tag, false);
    const auto vr = name->is_string() ? parse_vr(name->get_ref<const std::string&>()) : std::nullopt;
    if (!vr) return bad(tag, "has no VR that exists");
    return *vr;
  }

  Status read_attribute(Dataset& dataset, Tag tag, const Json& attribute, std::uint32_t depth) {
    ACESO_TRY(const Vr vr, vr_of(tag, attribute));
    const auto values = attribute.find("Value");
    const auto binary = attribute.find("InlineBinary");
    const auto uri = attribute.find("BulkDataURI");
    const int given = (values != attribute.end()) + (binary != attribute.end()) + (uri != attribute.end());
    if (given > 1) return bad(tag, "has more than one kind of value");
    if (given == 0) {
      dataset.set(Element{tag, vr});
      return {};
    }
    if (binary != attribute.end()) return read_binary(dataset, tag, vr, *binary);
    if (uri != attribute.end()) return read_bulk(dataset, tag, vr, *uri);
    if (!values->is_array()) return bad(tag, "has a Value that is no array");
    if (vr == Vr::sq) return read_items(dataset, tag, *values, depth);
    return is_text(vr) ? read_texts(dataset, tag, vr, *values) : read_words(dataset, tag, vr, *values);
  }

  Status read_items(Dataset& dataset, Tag tag, const Json& values, std::uint32_t depth) {
    std::vector<Dataset> items;
    items.reserve(values.size());
    for (const Json& value : values) {
      if (value.is_null()) {
        items.emplace_back();
        continue;
      }
      ACESO_TRY(Dataset item, read(value, depth + 1));
      items.push_back(std::move(item));
    }
    dataset.set_items(tag, std::move(items));
    return {};
  }

  Status read_texts(Dataset& dataset, Tag tag, Vr vr, const Json& values) {
    if (!is_multi_valued(vr) && values.size() > 1) return bad(tag, "has several values where one may be");
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = text_of(vr, values[i]);
      if (!value) return bad(tag, "has a value that is not of its VR");
      if (is_multi_valued(vr) && value->find('\\') != std::string::npos) return bad(tag, "has a backslash in a value");
      if (i > 0) text += '\\';
      text += *value;
    }
    const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (!ascii && !uses_charset(vr)) return bad(tag, "has characters its VR does not allow");
    beyond_ascii_ = beyond_ascii_ || !ascii;
    dataset.set_text(tag, vr, text);
    return {};
  }

  static Status read_words(Dataset& dataset, Tag tag, Vr vr, const Json& values) {
    std::vector<std::byte> out;
    for (const Json& value : values) {
      if (!append_binary(out, vr, value)) return bad(tag, "has a value that is not of its VR");
    }
    dataset.set_bytes(tag, vr, std::move(out));
    return {};
  }

  static Status set_binary(Dataset& dataset, Tag tag, Vr vr, std::vector<std::byte> bytes) {
    if (vr == Vr::sq) return bad(tag, "is a sequence given as bytes");
    if (word_size(vr) > 1 && bytes.size() % word_size(vr) != 0)
      return bad(tag, "has a length that does not fit its VR");
    dataset.set_bytes(tag, vr, std::move(bytes));
    return {};
  }

  static Status read_binary(Dataset& dataset, Tag tag, Vr vr, const Json& text) {
    auto bytes = text.is_string() ? decode_base64(text.get_ref<const std::string&>()) : std::nullopt;
    if (!bytes) return bad(tag, "has InlineBinary that is no base64");
    return set_binary(dataset, tag, vr, *std::move(bytes));
  }

  Status read_bulk(Dataset& dataset, Tag tag, Vr vr, const Json& uri) const {
    if (!uri.is_string()) return bad(tag, "has a BulkDataURI that is no string");
    if (!*fetch_) return Error{Code::unsupported, to_string(tag) + " has a BulkDataURI and nothing can fetch it"};
    ACESO_TRY(auto bytes, (*fetch_)(uri.get_ref<const std::string&>()));
    return set_binary(dataset, tag, vr, std::move(bytes));
  }

  const JsonReadLimits* limits_;
  const BulkFetch* fetch_;
  bool beyond_ascii_ = false;
};

Result<Dataset> read_one(const Json& object, const JsonReadLimits& limits, const BulkFetch& fetch) {
  JsonReader reader{limits, fetch};
  ACESO_TRY(Dataset dataset, reader.read(object, 0));
  if (reader.beyond_ascii()) dataset.set_charset(CharacterSet::utf8());
  return dataset;
}

Result<Json> parse_bounded(std::string_view text, const JsonReadLimits& limits) {
  // A nested sequence costs an attribute, an array and an item; a person's name one level more.
  return parse_json(text, {limits.bytes, std::size_t{limits.depth} * 3 + 6});
}

}  // namespace

Result<Dataset> from_json(std::string_view text, const JsonReadLimits& limits, const BulkFetch& fetch) {
  ACESO_TRY(const Json json, parse_bounded(text, limits));
  return read_one(json, limits, fetch);
}

Result<std::vector<Dataset>> from_json_array(std::string_view text, const JsonReadLimits& limits,
                                             const BulkFetch& fetch) {
  ACESO_TRY(const Json json, parse_bounded(text, limits));
  std::vector<Dataset> all;
  if (!json.is_array()) {
    ACESO_TRY(Dataset one, read_one(json, limits, fetch));
    all.push_back(std::move(one));
    return all;
  }
  for (const Json& object : json) {
    ACESO_TRY(Dataset one, read_one(object, limits, fetch));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace aceso::dicom
