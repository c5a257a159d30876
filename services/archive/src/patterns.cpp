#include "patterns.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/base/text.hpp"
#include "list_fields.hpp"
#include "matcher.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxPatterns = 50;  // of one key
constexpr std::size_t kMaxPattern = 64;

}  // namespace

Status known_keys(const Json& object, std::span<const std::string> keys) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(keys, key) != keys.end()) continue;
    const auto near = nearest(key, keys);
    return Error{Code::invalid, "unknown key " + escape_controls(key, kMaxPattern) +
                                    (near.empty() ? std::string{} : ", did you mean " + std::string{near} + "?")};
  }
  return {};
}

Result<std::vector<std::string>> read_patterns(const Json& object, const std::string& key, const std::string& where) {
  std::vector<std::string> out;
  const auto found = object.find(key);
  if (found == object.end()) return out;
  const Error wrong{Code::invalid, where + key + " is a text or a list of texts"};
  const Json list = found->is_array() ? *found : Json::array({*found});
  if (list.empty() || list.size() > kMaxPatterns) return wrong;
  out.reserve(list.size());
  for (const auto& one : list) {
    if (!one.is_string()) return wrong;
    out.push_back(lower_ascii(one.get<std::string>()));
    if (out.back().empty() || out.back() == "!" || out.back().size() > kMaxPattern) return wrong;
  }
  return out;
}

bool any_matches(const std::vector<std::string>& patterns, std::initializer_list<std::string_view> values) {
  bool wanted = true;
  bool chosen = false;
  for (const std::string_view pattern : patterns) {
    const bool excludes = pattern.starts_with('!');
    const auto text = pattern.substr(excludes ? 1 : 0);
    const bool found =
        std::ranges::any_of(values, [&](std::string_view value) { return wildcard_match(text, lower_ascii(value)); });
    if (excludes && found) return false;
    wanted = wanted && excludes;
    chosen = chosen || (found && !excludes);
  }
  return wanted || chosen;
}

}  // namespace aceso::archive
