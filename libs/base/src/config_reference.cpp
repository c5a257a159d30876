// The commented aceso.yaml with every default.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aceso/base/config.hpp"
#include "config_value.hpp"

namespace aceso {
namespace {

std::string yaml_scalar(std::string_view text) {
  const bool plain = !text.empty() &&
                     text.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_./-") == std::string_view::npos &&
                     text.front() != '-' && text != "null" && text != "~";
  if (plain) return std::string{text};
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::string bounds(const ConfigKey& key) {
  if (!key.choices.empty()) return fmt::format("one of {}", fmt::join(key.choices, ", "));
  if (key.min && key.max) return fmt::format("{} to {}", *key.min, *key.max);
  if (key.min) return fmt::format("at least {}", *key.min);
  if (key.max) return fmt::format("at most {}", *key.max);
  return {};
}

std::string_view unit_of_bounds(ConfigType type) {
  switch (type) {
    case ConfigType::duration:
      return " ms";
    case ConfigType::size:
      return " bytes";
    case ConfigType::list:
      return " items";
    default:
      return "";
  }
}

void write_key(std::string& out, const ConfigKey& key, std::string_view leaf, const std::string& indent) {
  out += fmt::format("{}# {}\n", indent, key.help);
  std::string kind{detail::type_name(key.type)};
  if (const std::string range = bounds(key); !range.empty()) {
    kind += "; " + range + std::string{key.choices.empty() ? unit_of_bounds(key.type) : ""};
  }
  out += fmt::format("{}# Is {}.\n", indent, kind);
  if (key.type == ConfigType::secret) {
    out += fmt::format("{}# {}_file: /path/of/a/file\n", indent, leaf);
  } else if (key.type == ConfigType::list) {
    std::vector<std::string> items;
    for (const auto& item : detail::split_list(key.default_value)) items.push_back(yaml_scalar(item));
    out += fmt::format("{}{}: [{}]\n", indent, leaf, fmt::join(items, ", "));
  } else if (key.type == ConfigType::document) {
    out += fmt::format("{}{}: {}\n", indent, leaf, key.default_value);  // JSON is YAML
  } else {
    out += fmt::format("{}{}: {}\n", indent, leaf, yaml_scalar(key.default_value));
  }
}

// Keys below `prefix`, each section once, in the order in which they were declared.
void write_section(std::string& out, const std::vector<ConfigKey>& keys, const std::string& prefix, std::size_t depth) {
  const std::string indent(depth * 2, ' ');
  std::vector<std::string> written;
  for (const ConfigKey& key : keys) {
    if (!key.name.starts_with(prefix)) continue;
    const std::string rest = key.name.substr(prefix.size());
    const std::size_t dot = rest.find('.');
    if (dot == std::string::npos) {
      write_key(out, key, rest, indent);
      continue;
    }
    const std::string section = rest.substr(0, dot);
    if (std::find(written.begin(), written.end(), section) != written.end()) continue;
    written.push_back(section);
    if (depth == 0) out += '\n';
    out += fmt::format("{}{}:\n", indent, section);
    write_section(out, keys, prefix + section + ".", depth + 1);
  }
}

}  // namespace

std::string ConfigSchema::reference_yaml() const {
  std::string out =
      "# Every key with its default. What you leave out keeps it.\n"
      "# The environment comes before this file: ACESO_NET_PORT for port in the section net.\n";
  write_section(out, keys_, "", 0);
  return out;
}

}  // namespace aceso
