#include "aceso/base/config.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "aceso/base/assert.hpp"
#include "aceso/base/file.hpp"
#include "aceso/base/text.hpp"
#include "config_document.hpp"
#include "config_value.hpp"

namespace aceso {
namespace {

constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 20;
constexpr std::uint64_t kLongestSecret = std::uint64_t{64} << 10;
constexpr std::size_t kProblemsShown = 10;
constexpr std::string_view kSecretSuffix = "_file";

// As it stands in the file and the environment: a secret is given by the path of a file.
std::string written_name(const ConfigKey& key) {
  return key.type == ConfigType::secret ? key.name + std::string{kSecretSuffix} : key.name;
}

std::string environment_name(std::string_view key) {
  std::string name = "ACESO_";
  for (const char c : key) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '.' ? '_' : c;
  return name;
}

bool well_formed(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos &&
         name.front() != '.' && name.back() != '.' && name.find("..") == std::string_view::npos;
}

}  // namespace

ConfigSchema& ConfigSchema::add(ConfigKey key) {
  ACESO_ASSERT(well_formed(key.name), "a configuration key has a malformed name");
  for (const ConfigKey& other : keys_) {
    ACESO_ASSERT(written_name(other) != written_name(key) && !other.name.starts_with(key.name + ".") &&
                     !key.name.starts_with(other.name + "."),
                 "a configuration key is declared twice, or is also a section");
  }
  if (key.type == ConfigType::secret) {
    ACESO_ASSERT(key.default_value.empty(), "a secret has no default");
  } else {
    const auto items = key.type == ConfigType::list ? detail::split_list(key.default_value)
                                                    : std::vector<std::string>{key.default_value};
    ACESO_ASSERT(detail::config_value(key, items).ok(), "the default of a configuration key is not valid");
  }
  keys_.push_back(std::move(key));
  return *this;
}

// Collects values and problems; a friend of Config.
class ConfigReader {
 public:
  ConfigReader(const ConfigSchema& schema, std::filesystem::path folder, std::string file)
      : schema_{schema}, folder_{std::move(folder)}, file_{std::move(file)} {}

  void read_yaml(const std::string& yaml) {
    try {
      const YAML::Node root = YAML::Load(yaml);
      if (root.IsNull()) return;
      if (!root.IsMap()) return report(root.Mark(), "", "the file is not a map of keys to values");
      read_map(root, "");
    } catch (const YAML::Exception& e) {
      report(e.mark, "", "not YAML: " + escape_controls(e.msg, 200));
    }
  }

  void read_environment(const Config::Environment& environment) {
    for (const ConfigKey& key : schema_.keys()) {
      const std::string variable = environment_name(written_name(key));
      if (key.type == ConfigType::secret && environment(environment_name(key.name))) {
        problem(environment_name(key.name) + ": secrets are read from files: set " + variable + " to the path of one");
      }
      const auto text = environment(variable);
      if (!text) continue;
      const auto items = key.type == ConfigType::list ? detail::split_list(*text) : std::vector<std::string>{*text};
      take(key, items, "environment", variable, "");
    }
  }

  Result<Config> finish() && {
    for (const ConfigKey& key : schema_.keys()) {
      if (config_.values_.contains(key.name)) continue;
      if (key.type == ConfigType::secret) {
        config_.values_.emplace(key.name, Config::Entry{key.type, std::monostate{}, "default"});
      } else {
        const auto items = key.type == ConfigType::list ? detail::split_list(key.default_value)
                                                        : std::vector<std::string>{key.default_value};
        take(key, items, "default", key.name, "");
      }
    }
    if (problems_.empty()) return std::move(config_);
    std::string text = fmt::format("{}", fmt::join(problems_, "\n"));
    if (more_ > 0) text += fmt::format("\nand {} more", more_);
    return Error{Code::invalid, std::move(text)};
  }

 private:
  void problem(std::string text) {
    if (problems_.size() < kProblemsShown) {
      problems_.push_back(std::move(text));
    } else {
      ++more_;
    }
  }
  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? file_ : fmt::format("{}:{}", file_, mark.line + 1);
  }
  void report(const YAML::Mark& mark, std::string_view name, std::string_view why) {
    problem(fmt::format("{}: {}{}{}", place(mark), escape_controls(name, 100), name.empty() ? "" : ": ", why));
  }

  void read_map(const YAML::Node& map, const std::string& prefix) {
    for (const auto& member : map) {
      const YAML::Node& key = member.first;
      if (!key.IsScalar()) {
        report(key.Mark(), prefix, "a key is not a text");
        continue;
      }
      const std::string name = prefix.empty() ? key.Scalar() : prefix + "." + key.Scalar();
      read_member(key.Mark(), name, member.second);
    }
  }

  void read_member(const YAML::Mark& mark, const std::string& name, const YAML::Node& value) {
    if (const ConfigKey* known = find(name)) return read_value(mark, *known, value);
    if (!is_section(name)) return report(mark, name, unknown(name));
    if (value.IsNull()) return;
    if (!value.IsMap()) return report(mark, name, "is a section: its keys stand below it, indented");
    read_map(value, name);
  }

  void read_value(const YAML::Mark& mark, const ConfigKey& key, const YAML::Node& value) {
    const std::string name = written_name(key);
    if (config_.values_.contains(key.name)) return report(mark, name, "is given twice");
    std::vector<std::string> items;
    if (key.type == ConfigType::document && !value.IsScalar()) {  // a scalar may hold JSON, as in the environment
      auto json = detail::json_of_yaml(value);
      if (!json) return report(mark, name, json.error().message());
      return take(key, {*std::move(json)}, place(mark), place(mark) + ": " + name, folder_);
    }
    if (value.IsScalar()) {
      items =
          key.type == ConfigType::list ? detail::split_list(value.Scalar()) : std::vector<std::string>{value.Scalar()};
    } else if (value.IsSequence()) {
      for (const auto& item : value) {
        if (!item.IsScalar()) return report(mark, name, "holds something that is not a text or a number");
        items.push_back(item.Scalar());
      }
    } else {
      return report(mark, name,
                    value.IsNull() ? "has no value" : fmt::format("is not {}", detail::type_name(key.type)));
    }
    take(key, items, place(mark), place(mark) + ": " + name, folder_);
  }

  void take(const ConfigKey& key, const std::vector<std::string>& items, std::string origin, const std::string& where,
            const std::filesystem::path& folder) {
    auto value = detail::config_value(key, items);
    if (value.ok() && key.type == ConfigType::secret) value = read_secret(folder / std::get<std::string>(*value));
    if (!value) return problem(where + ": " + value.error().message());
    config_.values_.insert_or_assign(key.name, Config::Entry{key.type, *std::move(value), std::move(origin)});
  }

  static Result<detail::ConfigValue> read_secret(const std::filesystem::path& path) {
    ACESO_TRY(std::string secret, read_text_file(path, kLongestSecret));
    if (secret.ends_with('\n')) secret.pop_back();
    if (secret.empty()) return Error{Code::invalid, path.string() + ": the file is empty"};
    return detail::ConfigValue{std::move(secret)};
  }

  const ConfigKey* find(std::string_view name) const {
    const auto& keys = schema_.keys();
    const auto at = std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& k) { return written_name(k) == name; });
    return at == keys.end() ? nullptr : &*at;
  }
  bool is_section(const std::string& name) const {
    return std::any_of(schema_.keys().begin(), schema_.keys().end(),
                       [&](const ConfigKey& k) { return k.name.starts_with(name + "."); });
  }
  std::string unknown(const std::string& name) const {
    std::vector<std::string> names;
    for (const ConfigKey& key : schema_.keys()) {
      if (key.type == ConfigType::secret && key.name == name) {
        return "secrets are read from files: set " + written_name(key) + " to the path of one";
      }
      names.push_back(written_name(key));
      for (std::size_t dot = key.name.find('.'); dot != std::string::npos; dot = key.name.find('.', dot + 1)) {
        names.push_back(key.name.substr(0, dot));
      }
    }
    const std::string_view near = nearest(name, names);
    return near.empty() ? "unknown key" : fmt::format("unknown key, did you mean {}?", near);
  }

  const ConfigSchema& schema_;
  std::filesystem::path folder_;
  std::string file_;
  Config config_;
  std::vector<std::string> problems_;
  std::size_t more_ = 0;
};

Result<Config> Config::load(const ConfigSchema& schema, const std::filesystem::path& file, bool required,
                            const Environment& environment) {
  auto yaml = read_text_file(file, kLongestFile);
  if (!yaml && (required || yaml.error().code() != Code::not_found)) return std::move(yaml).error();
  ConfigReader reader{schema, file.parent_path(), file.filename().string()};
  if (yaml) reader.read_yaml(*yaml);
  reader.read_environment(environment);
  return std::move(reader).finish();
}

Result<Config> Config::parse(const ConfigSchema& schema, std::string_view yaml, std::string_view file_name,
                             const Environment& environment) {
  if (yaml.size() > kLongestFile) {
    return Error{Code::too_large, fmt::format("{}: larger than {} bytes", file_name, kLongestFile)};
  }
  const std::filesystem::path file{file_name};
  ConfigReader reader{schema, file.parent_path(), file.filename().string()};
  reader.read_yaml(std::string{yaml});
  reader.read_environment(environment);
  return std::move(reader).finish();
}

const Config::Entry& Config::entry(std::string_view key, ConfigType type) const {
  const auto at = values_.find(key);
  ACESO_ASSERT(at != values_.end(), "no such configuration key in the schema");
  ACESO_ASSERT(at->second.type == type, "a configuration key is asked for with another type than its own");
  return at->second;
}

bool Config::boolean(std::string_view key) const {
  return std::get<bool>(entry(key, ConfigType::boolean).value);
}
std::int64_t Config::integer(std::string_view key) const {
  return std::get<std::int64_t>(entry(key, ConfigType::integer).value);
}
double Config::number(std::string_view key) const {
  return std::get<double>(entry(key, ConfigType::number).value);
}
const std::string& Config::text(std::string_view key) const {
  return std::get<std::string>(entry(key, ConfigType::text).value);
}
std::int64_t Config::duration_ms(std::string_view key) const {
  return std::get<std::int64_t>(entry(key, ConfigType::duration).value);
}
std::uint64_t Config::size_bytes(std::string_view key) const {
  return static_cast<std::uint64_t>(std::get<std::int64_t>(entry(key, ConfigType::size).value));
}
const std::vector<std::string>& Config::list(std::string_view key) const {
  return std::get<std::vector<std::string>>(entry(key, ConfigType::list).value);
}
const std::string& Config::document(std::string_view key) const {
  return std::get<std::string>(entry(key, ConfigType::document).value);
}
std::optional<std::string> Config::secret(std::string_view key) const {
  const auto& value = entry(key, ConfigType::secret).value;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::nullopt;
}
std::string Config::origin(std::string_view key) const {
  const auto at = values_.find(key);
  ACESO_ASSERT(at != values_.end(), "no such configuration key in the schema");
  return at->second.origin;
}

}  // namespace aceso
