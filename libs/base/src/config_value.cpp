#include "config_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "aceso/base/json.hpp"
#include "aceso/base/text.hpp"

namespace aceso::detail {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 5> kDurationUnits{{{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}}};
constexpr std::array<Unit, 6> kSizeUnits{
    {{"", 1}, {"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}}};
constexpr std::size_t kShownBytes = 64;  // of a wrong value in an error

std::string shown(std::string_view text) {
  return '"' + escape_controls(text, kShownBytes) + '"';
}

template <class T>
std::optional<T> whole_text(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> boolean(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

// "2.5h" with a unit that is listed; the result is whole and fits int64.
std::optional<std::int64_t> measure(std::string_view text, std::span<const Unit> units) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = whole_text<double>(text.substr(0, end));
  std::string_view name = text.substr(end);
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (!number || unit == units.end()) return std::nullopt;
  const double value = *number * unit->factor;
  if (!(value < 0x1p63) || value != std::floor(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

Status in_range(const ConfigKey& key, double value, std::string_view text) {
  if (key.min && value < *key.min) return Error{Code::invalid, fmt::format("{} is below {}", shown(text), *key.min)};
  if (key.max && value > *key.max) return Error{Code::invalid, fmt::format("{} is above {}", shown(text), *key.max)};
  return {};
}

Status among_choices(const ConfigKey& key, const std::string& text) {
  if (key.choices.empty() || std::find(key.choices.begin(), key.choices.end(), text) != key.choices.end()) return {};
  return Error{Code::invalid, fmt::format("{} is none of {}", shown(text), fmt::join(key.choices, ", "))};
}

Error wrong_type(const ConfigKey& key, std::string_view text) {
  return {Code::invalid, fmt::format("{} is not {}", shown(text), type_name(key.type))};
}

Result<ConfigValue> numeric_value(const ConfigKey& key, const std::string& text) {
  double number = 0;
  ConfigValue value;
  if (key.type == ConfigType::number) {
    const auto parsed = whole_text<double>(text);
    if (!parsed || !std::isfinite(*parsed)) return wrong_type(key, text);
    number = *parsed;
    value = number;
  } else {
    const auto parsed = key.type == ConfigType::integer    ? whole_text<std::int64_t>(text)
                        : key.type == ConfigType::duration ? measure(text, kDurationUnits)
                                                           : measure(text, kSizeUnits);
    if (!parsed) return wrong_type(key, text);
    number = static_cast<double>(*parsed);
    value = *parsed;
  }
  ACESO_TRY_OK(in_range(key, number, text));
  return value;
}

}  // namespace

std::string_view type_name(ConfigType type) noexcept {
  switch (type) {
    case ConfigType::boolean:
      return "true or false";
    case ConfigType::integer:
      return "a whole number";
    case ConfigType::number:
      return "a number";
    case ConfigType::text:
      return "a text";
    case ConfigType::duration:
      return "a duration such as 250ms, 30s, 5m, 2h or 7d";
    case ConfigType::size:
      return "a size such as 4096, 512KiB, 64MiB or 2GiB";
    case ConfigType::list:
      return "a list";
    case ConfigType::document:
      return "a list or map";
    case ConfigType::secret:
      return "the path of a file that holds the secret";
  }
  return "";
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = item.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    item = item.substr(first, item.find_last_not_of(" \t") - first + 1);
    items.emplace_back(item);
  }
  return items;
}

Result<ConfigValue> config_value(const ConfigKey& key, const std::vector<std::string>& items) {
  if (key.type == ConfigType::list) {
    for (const std::string& item : items) ACESO_TRY_OK(among_choices(key, item));
    ACESO_TRY_OK(in_range(key, static_cast<double>(items.size()), fmt::format("{} items", items.size())));
    return ConfigValue{items};
  }
  if (items.size() != 1) return Error{Code::invalid, fmt::format("a list is not {}", type_name(key.type))};
  const std::string& text = items.front();
  switch (key.type) {
    case ConfigType::boolean: {
      const auto value = boolean(text);
      if (!value) return wrong_type(key, text);
      return ConfigValue{*value};
    }
    case ConfigType::text:
    case ConfigType::secret:
      ACESO_TRY_OK(among_choices(key, text));
      return ConfigValue{text};
    case ConfigType::document: {
      const auto json = parse_json(text);
      if (!json || !json->is_structured()) return wrong_type(key, text);
      return ConfigValue{dump_json(*json)};
    }
    default:
      return numeric_value(key, text);
  }
}

}  // namespace aceso::detail
