#include "fields.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace aceso::tracking {

Result<Fields> Fields::of(const Json& json, std::string_view what) {
  if (!json.is_object()) return Error{Code::invalid, std::string{what} + ": an object is expected"};
  return Fields{json, what};
}

const Json* Fields::find(const std::string& key) const {
  const auto found = json_->find(key);
  return found == json_->end() || found->is_null() ? nullptr : &*found;
}

bool Fields::has(const std::string& key) const {
  return find(key) != nullptr;
}

Error Fields::wrong(const std::string& key, std::string_view why) const {
  return Error{Code::invalid, std::string{what_}.append(".").append(key).append(": ").append(why)};
}

Result<std::string> Fields::text(const std::string& key, std::size_t max) const {
  ACESO_TRY(std::string value, text_or(key, max, {}));
  if (value.empty()) return wrong(key, "is missing");
  return value;
}

Result<std::string> Fields::text_or(const std::string& key, std::size_t max, std::string fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) return wrong(key, "must be a text");
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > max) return wrong(key, "is longer than " + std::to_string(max) + " bytes");
  return text;
}

Result<std::int64_t> Fields::integer_or(const std::string& key, std::int64_t fallback, std::int64_t low,
                                        std::int64_t high) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  std::int64_t number = 0;
  bool good = false;
  if (value->is_number_unsigned()) {
    good = value->get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (good) number = value->get<std::int64_t>();
  } else if (value->is_number_integer()) {
    number = value->get<std::int64_t>();
    good = true;
  } else if (value->is_number_float()) {
    const double real = value->get<double>();
    good = std::isfinite(real) && std::fabs(real) < 9e15 && std::floor(real) == real;
    if (good) number = static_cast<std::int64_t>(real);
  } else if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    good = error == std::errc{} && end == text.data() + text.size() && !text.empty();
  }
  if (!good || number < low || number > high)
    return wrong(key, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return number;
}

Result<double> Fields::number(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) return wrong(key, "is missing");
  if (value->is_number()) return value->get<double>();
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (text == "NaN") return std::nan("");
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  return wrong(key, "must be a number");
}

Result<std::vector<const Json*>> Fields::list(const std::string& key, std::size_t max) const {
  std::vector<const Json*> out;
  const Json* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "must be a list");
  if (value->size() > max) return wrong(key, "has more than " + std::to_string(max) + " entries");
  out.reserve(value->size());
  for (const Json& item : *value) out.push_back(&item);
  return out;
}

Result<std::vector<std::string>> Fields::texts(const std::string& key, std::size_t max, std::size_t max_text) const {
  std::vector<std::string> out;
  const Json* value = find(key);
  if (value != nullptr && value->is_string()) {  // once in a query
    if (value->get_ref<const std::string&>().size() > max_text) return wrong(key, "is too long");
    out.push_back(value->get<std::string>());
    return out;
  }
  ACESO_TRY(const auto items, list(key, max));
  out.reserve(items.size());
  for (const Json* item : items) {
    if (!item->is_string() || item->get_ref<const std::string&>().size() > max_text)
      return wrong(key, "must be a list of texts of at most " + std::to_string(max_text) + " bytes");
    out.push_back(item->get<std::string>());
  }
  return out;
}

Status check_key(std::string_view what, std::string_view key) {
  if (key.empty() || key.size() > kMaxKey)
    return Error{Code::invalid, std::string{what} + ": 1 to " + std::to_string(kMaxKey) + " bytes are expected"};
  for (const char c : key) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return Error{Code::invalid, std::string{what} + ": has a control character"};
  }
  return {};
}

}  // namespace aceso::tracking
