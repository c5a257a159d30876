#include "forward_rules.hpp"

#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"

namespace aceso::archive {

// What a series must be is written as in routing.rules and read by the same code, with the destination in the model's
// place.
Result<std::vector<ForwardRule>> parse_forward_rules(std::string_view json) {
  constexpr std::size_t kMaxText = 200;
  ACESO_TRY(const Json list, parse_json(json));
  if (!list.is_array()) return Error{Code::invalid, "is not a list of rules"};
  std::vector<std::string> destinations;
  std::vector<TagChanges> changes;
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
  for (std::size_t i = 0; i < rules.size(); ++i) out.push_back({std::move(rules[i]), destinations[i], changes[i]});
  return out;
}

}  // namespace aceso::archive
