#include "prior_rules.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "aceso/base/json.hpp"
#include "patterns.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxPriorRules = 200;
constexpr std::size_t kMaxSources = 20;
constexpr std::size_t kMaxPriorName = 64;
constexpr std::size_t kMaxTitle = 16;

Status read_number(const Json& object, const char* key, const std::string& where, int low, int high, int& out) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (!found->is_number_integer() || found->get<std::int64_t>() < low || found->get<std::int64_t>() > high) {
    return Error{Code::invalid,
                 where + key + " is a whole number from " + std::to_string(low) + " to " + std::to_string(high)};
  }
  out = found->get<int>();
  return {};
}

Status read_sources(const Json& json, PriorRule& rule) {
  const Error wrong{Code::invalid, "from is an AE title of dimse.peers, or a list of them"};
  const auto found = json.find("from");
  if (found == json.end()) return wrong;
  const Json list = found->is_array() ? *found : Json::array({*found});
  if (list.empty() || list.size() > kMaxSources) return wrong;
  for (const auto& one : list) {
    if (!one.is_string() || one.get<std::string>().empty() || one.get<std::string>().size() > kMaxTitle) return wrong;
    rule.sources.push_back(one.get<std::string>());
  }
  return {};
}

Status read_match(const Json& json, PriorRule& rule) {
  static const std::array<std::string, 3> kKeys{"modality", "description", "station_ae"};
  const auto match = json.find("match");
  if (match == json.end()) return {};
  if (!match->is_object()) return Error{Code::invalid, "match is not a map"};
  ACESO_TRY_OK(known_keys(*match, kKeys));
  ACESO_TRY(rule.modalities, read_patterns(*match, "modality"));
  ACESO_TRY(rule.descriptions, read_patterns(*match, "description"));
  ACESO_TRY(rule.stations, read_patterns(*match, "station_ae"));
  return {};
}

Status read_fetch(const Json& json, PriorRule& rule) {
  static const std::array<std::string, 5> kKeys{"modality", "description", "body_part", "max_studies", "max_years"};
  const auto fetch = json.find("fetch");
  if (fetch == json.end()) return {};
  if (!fetch->is_object()) return Error{Code::invalid, "fetch is not a map"};
  ACESO_TRY_OK(known_keys(*fetch, kKeys));
  ACESO_TRY(rule.prior_modalities, read_patterns(*fetch, "modality", "fetch."));
  ACESO_TRY(rule.prior_descriptions, read_patterns(*fetch, "description", "fetch."));
  ACESO_TRY(rule.prior_body_parts, read_patterns(*fetch, "body_part", "fetch."));
  int studies = static_cast<int>(rule.max_studies);
  ACESO_TRY_OK(read_number(*fetch, "max_studies", "fetch.", 1, 100, studies));
  rule.max_studies = static_cast<std::size_t>(studies);
  return read_number(*fetch, "max_years", "fetch.", 0, 150, rule.max_years);
}

Result<PriorRule> parse_prior_rule(const Json& json, std::size_t number) {
  static const std::array<std::string, 6> kKeys{"name", "match", "from", "by", "hours_before", "fetch"};
  if (!json.is_object()) return Error{Code::invalid, "is not a map"};
  ACESO_TRY_OK(known_keys(json, kKeys));
  PriorRule rule;
  rule.text = dump_json(json);
  rule.name = "rule " + std::to_string(number);
  if (const auto name = json.find("name"); name != json.end()) {
    if (!name->is_string() || name->get<std::string>().empty() || name->get<std::string>().size() > kMaxPriorName)
      return Error{Code::invalid, "name is a text of 1 to 64 bytes"};
    rule.name = name->get<std::string>();
  }
  if (const auto by = json.find("by"); by != json.end()) {
    if (*by != "get" && *by != "move") return Error{Code::invalid, "by is get (C-GET) or move (C-MOVE)"};
    rule.move = *by == "move";
  }
  ACESO_TRY_OK(read_match(json, rule));
  ACESO_TRY_OK(read_sources(json, rule));
  ACESO_TRY_OK(read_number(json, "hours_before", "", 0, 24 * 90, rule.hours_before));
  ACESO_TRY_OK(read_fetch(json, rule));
  return rule;
}

}  // namespace

Result<std::vector<PriorRule>> parse_prior_rules(std::string_view json) {
  ACESO_TRY(const Json list, parse_json(json));
  if (!list.is_array()) return Error{Code::invalid, "is not a list of rules"};
  if (list.size() > kMaxPriorRules) return Error{Code::invalid, "has more than 200 rules"};
  std::vector<PriorRule> out;
  out.reserve(list.size());
  std::set<std::string> names;
  for (const auto& one : list) {
    const std::string where = "rule " + std::to_string(out.size() + 1) + ": ";
    auto rule = parse_prior_rule(one, out.size() + 1);
    if (!rule) return Error{Code::invalid, where + rule.error().message()};
    if (!names.insert(rule->name).second) return Error{Code::invalid, where + "another rule has this name"};
    out.push_back(*std::move(rule));
  }
  return out;
}

const PriorRule* prior_rule_of(const std::vector<PriorRule>& rules, const ScheduledStep& step) {
  const auto found = std::ranges::find_if(rules, [&](const PriorRule& rule) {
    return any_matches(rule.modalities, {step.field("modality")}) &&
           any_matches(rule.stations, {step.field("station_ae")}) &&
           any_matches(rule.descriptions, {step.field("description"), step.field("procedure")});
  });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace aceso::archive
