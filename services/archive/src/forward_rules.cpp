#include "forward_rules.hpp"

#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"
#include "deidentified_series.hpp"

namespace aceso::archive {
namespace {

// Errors: invalid.
Result<std::optional<privacy::DeidOptions>> take_deidentify(Json& rule) {
  const auto found = rule.find("deidentify");
  if (found == rule.end()) return std::optional<privacy::DeidOptions>{};
  if (rule.contains("change")) return Error{Code::invalid, "change and deidentify exclude each other"};
  ACESO_TRY(auto parsed, parse_deidentify(*found));
  rule.erase("deidentify");
  return std::optional{std::move(parsed)};
}

Status check_one_way(const std::vector<ForwardRule>& rules) {
  for (const ForwardRule& without : rules) {
    if (!without.deidentify) continue;
    for (const ForwardRule& with : rules) {
      if (with.destination == without.destination && !with.deidentify) {
        return Error{Code::invalid, "rule " + with.match.name + " would send identities to a destination that gets " +
                                        "none by rule " + without.match.name};
      }
    }
  }
  return {};
}

}  // namespace

// What a series must be is written as in routing.rules and read by the same code, with the destination in the model's
// place.
Result<std::vector<ForwardRule>> parse_forward_rules(std::string_view json) {
  constexpr std::size_t kMaxText = 200;
  ACESO_TRY(const Json list, parse_json(json));
  if (!list.is_array()) return Error{Code::invalid, "is not a list of rules"};
  std::vector<std::string> destinations;
  std::vector<TagChanges> changes;
  std::vector<std::optional<privacy::DeidOptions>> deidentify;
  Json as_routing = Json::array();
  for (const auto& one : list) {
    const std::string where = "rule " + std::to_string(destinations.size() + 1) + ": ";
    if (!one.is_object()) return Error{Code::invalid, where + "is not a map"};
    Json rule = one;
    for (const char* foreign : {"model", "output", "window"}) {
      if (rule.contains(foreign)) return Error{Code::invalid, where + foreign + " belongs to routing.rules"};
    }
    const auto to = rule.find("to");
    if (to == rule.end() || !to->is_string() || to->get<std::string>().empty() ||
        to->get<std::string>().size() > kMaxText)
      return Error{Code::invalid, where + "to is the name of a destination"};
    destinations.push_back(to->get<std::string>());
    rule.erase("to");
    auto without = take_deidentify(rule);
    if (!without) return Error{Code::invalid, where + without.error().message()};
    deidentify.push_back(*std::move(without));
    changes.emplace_back();
    if (const auto change = rule.find("change"); change != rule.end()) {
      auto parsed = parse_tag_changes(*change);
      if (!parsed) return Error{Code::invalid, where + parsed.error().message()};
      changes.back() = *std::move(parsed);
      rule.erase("change");
    }
    rule["model"] = "forward";
    if (!rule.contains("name"))
      rule["name"] = "to " + destinations.back().substr(0, 40) + " " + std::to_string(destinations.size());
    as_routing.push_back(std::move(rule));
  }
  ACESO_TRY(auto rules, parse_routing_rules(as_routing.dump()));
  std::vector<ForwardRule> out;
  out.reserve(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i)
    out.push_back({std::move(rules[i]), destinations[i], changes[i], deidentify[i]});
  ACESO_TRY_OK(check_one_way(out));
  return out;
}

}  // namespace aceso::archive
