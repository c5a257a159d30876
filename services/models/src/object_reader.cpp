#include "object_reader.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace aceso::models {

Result<ObjectReader> ObjectReader::of(const Json& json, std::string_view what) {
  if (!json.is_object()) return Error{Code::invalid, std::string{what} + ": a JSON object is expected"};
  return ObjectReader{json, what};
}

const Json* ObjectReader::find(const std::string& key) {
  known_.insert(key);
  const auto it = json_->find(key);
  return it == json_->end() || it->is_null() ? nullptr : &*it;
}

Error ObjectReader::wrong(const std::string& key, std::string_view expected) const {
  return Error{Code::invalid, what_ + ": " + key + ": " + std::string{expected}};
}

Result<std::string> ObjectReader::text(const std::string& key, std::size_t max) {
  ACESO_TRY(std::string value, text_or(key, max, {}));
  if (value.empty()) return wrong(key, "is missing");
  return value;
}

Result<std::string> ObjectReader::text_or(const std::string& key, std::size_t max, std::string fallback) {
  const Json* v = find(key);
  if (v == nullptr) return fallback;
  if (!v->is_string()) return wrong(key, "text is expected");
  std::string value = v->get<std::string>();
  if (value.size() > max) return wrong(key, "at most " + std::to_string(max) + " bytes");
  if (value.find('\0') != std::string::npos) return wrong(key, "holds a NUL character");
  return value;
}

Result<std::int64_t> ObjectReader::integer_or(const std::string& key, std::int64_t fallback, std::int64_t min,
                                              std::int64_t max) {
  const Json* v = find(key);
  if (v == nullptr) return fallback;
  const std::string range =
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max) + " is expected";
  if (v->is_number_unsigned()) {
    const auto u = v->get<std::uint64_t>();
    if (max < 0 || u > static_cast<std::uint64_t>(max)) return wrong(key, range);
  } else if (!v->is_number_integer()) {
    return wrong(key, range);
  }
  const auto value = v->get<std::int64_t>();
  if (value < min || value > max) return wrong(key, range);
  return value;
}

Result<double> ObjectReader::number_or(const std::string& key, double fallback, double min, double max) {
  const Json* v = find(key);
  if (v == nullptr) return fallback;
  if (!v->is_number()) return wrong(key, "a number is expected");
  const auto value = v->get<double>();
  if (!std::isfinite(value) || value < min || value > max) return wrong(key, "is out of range");
  return value;
}

Result<bool> ObjectReader::boolean_or(const std::string& key, bool fallback) {
  ACESO_TRY(const std::optional<bool> value, maybe_boolean(key));
  return value.value_or(fallback);
}

Result<std::optional<bool>> ObjectReader::maybe_boolean(const std::string& key) {
  const Json* v = find(key);
  if (v == nullptr) return std::optional<bool>{};
  if (!v->is_boolean()) return wrong(key, "true or false is expected");
  return std::optional<bool>{v->get<bool>()};
}

Result<std::vector<std::string>> ObjectReader::texts_or(const std::string& key, std::size_t max_items,
                                                        std::size_t max_text) {
  std::vector<std::string> out;
  const Json* v = find(key);
  if (v == nullptr) return out;
  if (!v->is_array() || v->size() > max_items)
    return wrong(key, "a list of at most " + std::to_string(max_items) + " texts is expected");
  for (const Json& item : *v) {
    if (!item.is_string() || item.get_ref<const std::string&>().size() > max_text)
      return wrong(key, "texts of at most " + std::to_string(max_text) + " bytes are expected");
    out.push_back(item.get<std::string>());
  }
  return out;
}

const Json* ObjectReader::child(const std::string& key) {
  return find(key);
}

Status ObjectReader::done() const {
  for (const auto& [key, value] : json_->items()) {
    if (!known_.contains(key)) return Error{Code::invalid, what_ + ": unknown field " + key.substr(0, 64)};
  }
  return {};
}

}  // namespace aceso::models
