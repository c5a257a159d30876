#include "routing_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "aceso/base/json.hpp"
#include "list_fields.hpp"
#include "patterns.hpp"

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxRules = 200;
constexpr std::size_t kMaxText = 64;
constexpr std::uint64_t kMaxExpected = 1'000'000;  // objects of a series

Result<contracts::ModelRef> model_ref(const Json& rule) {
  const auto found = rule.find("model");
  const Error wrong{Code::invalid, "model is the name of a registered model, or name@version"};
  if (found == rule.end() || !found->is_string()) return wrong;
  const auto text = found->get<std::string>();
  const auto at = text.find('@');
  contracts::ModelRef ref{.name = text.substr(0, at)};
  if (ref.name.empty() || text.size() > kMaxText) return wrong;
  if (at == std::string::npos) return ref;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + at + 1, end, ref.version);
  if (error != std::errc{} || stop != end || ref.version < 1) return wrong;
  return ref;
}

Status read_output(const Json& json, RoutingRule& rule) {
  const auto found = json.find("output");
  if (found == json.end()) return {};
  const Error wrong{Code::invalid, "output is a list of sr, sc, seg, map and key"};
  if (!found->is_array() || found->empty()) return wrong;
  rule.report = rule.picture = rule.segmentation = rule.map = rule.key = false;
  for (const auto& one : *found) {
    if (one == "sr") {
      rule.report = true;
    } else if (one == "sc") {
      rule.picture = true;
    } else if (one == "seg") {
      rule.segmentation = true;
    } else if (one == "map") {
      rule.map = true;
    } else if (one == "key") {
      rule.key = true;
    } else {
      return wrong;
    }
  }
  return {};
}

Status read_window(const Json& json, RoutingRule& rule) {
  const auto found = json.find("window");
  if (found == json.end()) return {};
  if (!found->is_array() || found->size() != 2 || !found->at(0).is_number() || !found->at(1).is_number() ||
      !(found->at(1).get<double>() >= 1) || !std::isfinite(found->at(0).get<double>()) ||
      !std::isfinite(found->at(1).get<double>()))
    return Error{Code::invalid, "window is [center, width] with a width of at least 1"};
  rule.window = dicom::Window{.center = found->at(0).get<double>(), .width = found->at(1).get<double>()};
  return {};
}

Status read_urgency(const Json& json, RoutingRule& rule) {
  const auto found = json.find("urgency");
  if (found == json.end()) return {};
  const auto urgency = found->is_string() ? parse_urgency(found->get<std::string>()) : std::nullopt;
  if (!urgency) return Error{Code::invalid, "urgency is high, medium or low"};
  rule.urgency = *urgency;
  return {};
}

Status read_expected(const Json& json, RoutingRule& rule) {
  const auto found = json.find("expect");
  if (found == json.end()) return {};
  const Error wrong{Code::invalid, "expect is a number of objects, or an attribute that holds it"};
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > 0 && found->get<std::uint64_t>() <= kMaxExpected) {
    rule.expected = found->get<std::size_t>();
    return {};
  }
  const auto tag = found->is_string() ? dicom::parse_tag(found->get<std::string>()) : std::nullopt;
  if (!tag) return wrong;
  rule.expected_in = *tag;
  return {};
}

std::string name_of(const RoutingRule& rule) {
  std::string out = rule.model.name;
  if (rule.model.version > 0) out += "@" + std::to_string(rule.model.version);
  const auto add = [&](const char* key, const std::vector<std::string>& list) {
    for (std::size_t i = 0; i < list.size(); ++i) out += (i == 0 ? std::string{" "} + key + "=" : ",") + list[i];
  };
  add("modality", rule.modalities);
  add("body_part", rule.body_parts);
  add("description", rule.descriptions);
  add("calling_ae", rule.calling_aes);
  return out;
}

Result<RoutingRule> parse_rule(const Json& json) {
  static const std::array<std::string, 8> kKeys{"name",   "match",    "model",   "output",
                                                "window", "positive", "urgency", "expect"};
  static const std::array<std::string, 4> kMatchKeys{"modality", "body_part", "description", "calling_ae"};
  if (!json.is_object()) return Error{Code::invalid, "is not a map"};
  ACESO_TRY_OK(known_keys(json, kKeys));
  RoutingRule rule;
  if (const auto match = json.find("match"); match != json.end()) {
    if (!match->is_object()) return Error{Code::invalid, "match is not a map"};
    ACESO_TRY_OK(known_keys(*match, kMatchKeys));
    ACESO_TRY(rule.modalities, read_patterns(*match, "modality"));
    ACESO_TRY(rule.body_parts, read_patterns(*match, "body_part"));
    ACESO_TRY(rule.descriptions, read_patterns(*match, "description"));
    ACESO_TRY(rule.calling_aes, read_patterns(*match, "calling_ae"));
  }
  ACESO_TRY(rule.model, model_ref(json));
  ACESO_TRY_OK(read_output(json, rule));
  ACESO_TRY_OK(read_window(json, rule));
  ACESO_TRY(rule.positive, read_patterns(json, "positive", ""));
  ACESO_TRY_OK(read_urgency(json, rule));
  ACESO_TRY_OK(read_expected(json, rule));
  rule.name = name_of(rule);
  if (const auto name = json.find("name"); name != json.end()) {
    if (!name->is_string() || name->get<std::string>().empty() || name->get<std::string>().size() > kMaxText)
      return Error{Code::invalid, "name is a text of 1 to 64 bytes"};
    rule.name = name->get<std::string>();
  }
  return rule;
}

}  // namespace

Result<std::vector<RoutingRule>> parse_routing_rules(std::string_view json) {
  ACESO_TRY(const Json list, parse_json(json));
  if (!list.is_array()) return Error{Code::invalid, "is not a list of rules"};
  if (list.size() > kMaxRules) return Error{Code::invalid, "has more than 200 rules"};
  std::vector<RoutingRule> out;
  std::set<std::string> names;
  for (const auto& one : list) {
    const std::string where = "rule " + std::to_string(out.size() + 1) + ": ";
    auto rule = parse_rule(one);
    if (!rule) return Error{Code::invalid, where + rule.error().message()};
    if (!names.insert(rule->name).second)
      return Error{Code::invalid, where + "another rule has this name: give them names of their own (name: ...)"};
    out.push_back(*std::move(rule));
  }
  return out;
}

bool is_positive(const RoutingRule& rule, const contracts::PictureAnswer& answer) {
  if (!rule.positive.empty() && answer.outlines) {
    return std::ranges::any_of(answer.outlines->regions, [&](const auto& region) {
      return region.points > 0 && std::ranges::find(rule.positive, lower_ascii(region.label)) != rule.positive.end();
    });
  }
  if (!rule.positive.empty())
    return std::ranges::find(rule.positive, lower_ascii(answer.finding)) != rule.positive.end();
  if (answer.outlines) return std::ranges::any_of(answer.outlines->regions, [](const auto& r) { return r.points > 0; });
  return answer.threshold && answer.finding == answer.class_name;
}

bool matches(const RoutingRule& rule, const SeriesFacts& facts) {
  return any_matches(rule.modalities, {facts.modality}) && any_matches(rule.body_parts, {facts.body_part}) &&
         any_matches(rule.calling_aes, {facts.calling_ae}) &&
         any_matches(rule.descriptions, {facts.series_description, facts.study_description});
}

}  // namespace aceso::archive
