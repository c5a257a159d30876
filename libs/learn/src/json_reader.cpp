#include "json_reader.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxText = 1 << 16;
const Json& empty_array() {
  static const Json kEmpty = Json::array();
  return kEmpty;
}

}  // namespace

Result<JsonReader> JsonReader::object(const Json& json, std::string where) {
  if (!json.is_object()) return Error{Code::invalid, where + ": must be an object"};
  return JsonReader{json, std::move(where)};
}

void JsonReader::fail(std::string_view key, std::string_view why) {
  if (problem_.empty()) problem_ = where_ + "." + std::string{key} + ": " + std::string{why};
}

const Json* JsonReader::find(std::string_view key, Need need) {
  seen_.emplace(key);
  const auto found = json_->find(std::string{key});
  if (found != json_->end()) return &*found;
  if (need == required) fail(key, "missing");
  return nullptr;
}

std::string JsonReader::text(std::string_view key, Need need) {
  const Json* value = find(key, need);
  if (value == nullptr) return {};
  if (!value->is_string() || value->get_ref<const std::string&>().size() > kMaxText) {
    fail(key, "must be a text of at most 65536 bytes");
    return {};
  }
  return value->get<std::string>();
}

std::int64_t JsonReader::integer(std::string_view key) {
  const Json* value = find(key, required);
  if (value == nullptr) return 0;
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT64_MAX})) {
    fail(key, "must be a whole number");
    return 0;
  }
  return value->get<std::int64_t>();
}

std::int64_t JsonReader::integer(std::string_view key, std::int64_t fallback) {
  return json_->contains(std::string{key}) ? integer(key) : fallback;
}

std::uint64_t JsonReader::unsigned_integer(std::string_view key, std::uint64_t fallback) {
  const Json* value = find(key, optional);
  if (value == nullptr) return fallback;
  if (!value->is_number_unsigned() && !(value->is_number_integer() && value->get<std::int64_t>() >= 0)) {
    fail(key, "must be a whole number from 0 on");
    return fallback;
  }
  return value->get<std::uint64_t>();
}

double JsonReader::number(std::string_view key) {
  const Json* value = find(key, required);
  if (value == nullptr) return 0;
  if (!value->is_number() || !std::isfinite(value->get<double>())) {
    fail(key, "must be a finite number");
    return 0;
  }
  return value->get<double>();
}

double JsonReader::number(std::string_view key, double fallback) {
  return json_->contains(std::string{key}) ? number(key) : fallback;
}

bool JsonReader::boolean(std::string_view key, bool fallback) {
  const Json* value = find(key, optional);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    fail(key, "must be true or false");
    return fallback;
  }
  return value->get<bool>();
}

const Json& JsonReader::array(std::string_view key, Need need) {
  const Json* value = find(key, need);
  if (value == nullptr) return empty_array();
  if (!value->is_array()) {
    fail(key, "must be a list");
    return empty_array();
  }
  return *value;
}

const Json& JsonReader::any(std::string_view key) {
  static const Json kNull;
  const Json* value = find(key, optional);
  return value == nullptr ? kNull : *value;
}

std::vector<std::string> JsonReader::texts(std::string_view key, Need need) {
  std::vector<std::string> values;
  for (const Json& item : array(key, need)) {
    if (!item.is_string() || item.get_ref<const std::string&>().size() > kMaxText) {
      fail(key, "must be a list of texts");
      return {};
    }
    values.push_back(item.get<std::string>());
  }
  return values;
}

std::vector<std::int64_t> JsonReader::integers(std::string_view key, Need need) {
  std::vector<std::int64_t> values;
  for (const Json& item : array(key, need)) {
    if (!item.is_number_integer() ||
        (item.is_number_unsigned() && item.get<std::uint64_t>() > std::uint64_t{INT64_MAX})) {
      fail(key, "must be a list of whole numbers");
      return {};
    }
    values.push_back(item.get<std::int64_t>());
  }
  return values;
}

std::vector<double> JsonReader::numbers(std::string_view key, Need need) {
  std::vector<double> values;
  for (const Json& item : array(key, need)) {
    if (!item.is_number() || !std::isfinite(item.get<double>())) {
      fail(key, "must be a list of finite numbers");
      return {};
    }
    values.push_back(item.get<double>());
  }
  return values;
}

Status JsonReader::finish() {
  if (problem_.empty()) {
    for (const auto& item : json_->items()) {
      if (!seen_.contains(item.key())) {
        const bool printable =
            item.key().size() <= 64 &&
            item.key().find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
                std::string::npos;
        problem_ = where_ + ": unknown field" + (printable ? " \"" + item.key() + "\"" : std::string{});
        break;
      }
    }
  }
  if (!problem_.empty()) return Error{Code::invalid, problem_};
  return {};
}

}  // namespace aceso::learn
