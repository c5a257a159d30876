#include "aceso/learn/start_options.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace aceso::learn {
namespace {

constexpr std::array<std::string_view, 3> kStems{"by_size", "standard", "small"};
constexpr std::size_t kMaxPatterns = 100;
constexpr std::size_t kMaxPattern = 200;

bool good_pattern(const Json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty() &&
         value.get_ref<const std::string&>().size() <= kMaxPattern;
}

std::string set_freeze(StartOptions& options, const Json& value) {
  constexpr const char* kMust = "must be a list of patterns such as layer1.*";
  if (!value.is_array() || value.size() > kMaxPatterns) return kMust;
  std::vector<std::string> patterns;
  for (const Json& item : value) {
    if (!good_pattern(item)) return kMust;
    patterns.push_back(item.get<std::string>());
  }
  options.freeze = std::move(patterns);
  return {};
}

std::string set_groups(StartOptions& options, const Json& value) {
  constexpr const char* kMust = "must be a list of {match: PATTERN, rate: FACTOR from 0 to 1000}";
  if (!value.is_array() || value.size() > kMaxPatterns) return kMust;
  std::vector<RateGroup> groups;
  for (const Json& item : value) {
    if (!item.is_object() || item.size() != 2 || !item.contains("match") || !item.contains("rate") ||
        !good_pattern(item["match"]) || !item["rate"].is_number())
      return kMust;
    const double factor = item["rate"].get<double>();
    if (!(factor >= 0 && factor <= 1000)) return kMust;
    groups.push_back({item["match"].get<std::string>(), factor});
  }
  options.groups = std::move(groups);
  return {};
}

}  // namespace

std::string set_start_option(StartOptions& options, std::string_view key, const Json& value) {
  if (key == "freeze") return set_freeze(options, value);
  if (key == "groups") return set_groups(options, value);
  if (key == "init") {
    if (!value.is_string() || value.get_ref<const std::string&>().size() > 4096)
      return "must be a weights file or MODEL[@version]";
    options.init = value.get<std::string>();
    return {};
  }
  for (std::size_t i = 0; i < kStems.size(); ++i) {
    if (value.is_string() && value.get_ref<const std::string&>() == kStems[i]) {
      options.stem = static_cast<Stem>(i);
      return {};
    }
  }
  return "must be by_size, standard or small";
}

void write_start_options(const StartOptions& options, Json& to) {
  if (!options.init.empty()) to["init"] = options.init;
  if (!options.freeze.empty()) to["freeze"] = options.freeze;
  if (options.stem != Stem::by_size) to["stem"] = kStems[static_cast<std::size_t>(options.stem)];
  if (options.groups.empty()) return;
  to["groups"] = Json::array();
  for (const RateGroup& group : options.groups)
    to["groups"].push_back(Json{{"match", group.match}, {"rate", group.factor}});
}

}  // namespace aceso::learn
