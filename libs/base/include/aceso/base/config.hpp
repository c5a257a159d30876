// aceso.yaml: every key declared with type, default, range and a sentence; unknown keys are errors that name file, line
// and key. Order of precedence: environment (ACESO_NET_PORT for net.port), file, default. A secret is given as
// <key>_file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso {

// document: a list or map of any shape, for whoever declares the key to look into.
enum class ConfigType : std::uint8_t { boolean, integer, number, text, duration, size, list, document, secret };

struct ConfigKey {
  std::string name;  // "net.port": lower case letters, digits, '_', parts separated by '.'
  ConfigType type;
  std::string default_value;  // as it would stand in the file; a list separated by commas, a document as JSON; a secret
                              // has none
  std::string help;           // one sentence with units
  std::optional<double> min = {};  // of numbers; milliseconds for a duration, bytes for a size, items for a list
  std::optional<double> max = {};
  std::vector<std::string> choices = {};
};

class ConfigSchema {
 public:
  ConfigSchema& add(ConfigKey key);  // asserts that the name is new and the default valid
  const std::vector<ConfigKey>& keys() const noexcept { return keys_; }
  std::string reference_yaml() const;  // a commented aceso.yaml with all defaults

 private:
  std::vector<ConfigKey> keys_;
};

class Config {
 public:
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;

  // A missing file is an error only when `required`. Errors: not_found; too_large (over 1 MiB); invalid, one line a
  // problem (ten at most): "aceso.yaml:12: net.prot: unknown key, did you mean net.port?". Names in errors and origins
  // are `file` without its folder.
  static Result<Config> load(const ConfigSchema& schema, const std::filesystem::path& file, bool required,
                             const Environment& environment);
  static Result<Config> parse(const ConfigSchema& schema, std::string_view yaml, std::string_view file_name,
                              const Environment& environment);

  // The key must be in the schema with that type (asserted). Thread-safe.
  bool boolean(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  const std::string& text(std::string_view key) const;
  std::int64_t duration_ms(std::string_view key) const;  // "30s", "5m", "2h", "250ms"
  std::uint64_t size_bytes(std::string_view key) const;  // "64MiB", "2GiB", plain bytes
  const std::vector<std::string>& list(std::string_view key) const;
  // One line of JSON: maps become objects; plain scalars numbers, booleans or null where they look so (YAML 1.2, core
  // schema), quoted ones strings. In the environment it stands as JSON.
  const std::string& document(std::string_view key) const;
  // Contents of the file named by <key>_file (relative to the folder of aceso.yaml), one trailing newline removed; at
  // most 64 KiB.
  std::optional<std::string> secret(std::string_view key) const;
  std::string origin(std::string_view key) const;  // "default", "environment" or "aceso.yaml:12"

 private:
  friend class ConfigReader;
  // duration in ms, size in bytes: int64; secret: text; monostate: a secret that is not given
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;
  struct Entry {
    ConfigType type;
    Value value;
    std::string origin;
  };
  const Entry& entry(std::string_view key, ConfigType type) const;
  std::map<std::string, Entry, std::less<>> values_;
};

}  // namespace aceso
