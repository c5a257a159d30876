#include <algorithm>
#include <nlohmann/json.hpp>

#include "aceso/learn/watch.hpp"
#include "json_reader.hpp"
#include "packed_floats.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxFeatures = 128;
constexpr std::size_t kMaxFindings = 4096;
constexpr std::size_t kMaxKnots = 4096;
constexpr std::uint64_t kMaxCases = std::uint64_t{1} << 40;

Json optional_number(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Error wrong(const std::string& what) {
  return Error{Code::invalid, "watch: " + what};
}

Result<std::vector<WatchFeature>> parse_features(const Json& json, std::vector<std::vector<double>>& values) {
  if (json.size() > kMaxFeatures) return Error{Code::too_large, "watch.features: more than 128"};
  std::vector<WatchFeature> features;
  for (const Json& one : json) {
    ACESO_TRY(JsonReader reader, JsonReader::object(one, "watch.features"));
    WatchFeature feature;
    feature.name = reader.text("name");
    const std::string group = reader.text("group");
    const Json& packed = reader.any("values");
    ACESO_TRY_OK(reader.finish());
    bool known = false;
    for (const WatchGroup g : {WatchGroup::input, WatchGroup::embedding, WatchGroup::score}) {
      if (to_string(g) != group) continue;
      feature.group = g;
      known = true;
    }
    if (!known || feature.name.empty() || feature.name.size() > 256) return wrong("a feature's name or group");
    ACESO_TRY(std::vector<double> sample, unpacked_floats(packed, "watch.features.values", kWatchSample));
    if (!std::is_sorted(sample.begin(), sample.end())) return wrong("values of a feature do not rise");
    features.push_back(std::move(feature));
    values.push_back(std::move(sample));
  }
  return features;
}

Result<std::optional<stats::IsotonicMap>> parse_map(const Json& json) {
  if (json.is_null()) return std::optional<stats::IsotonicMap>{};
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "watch.calibration"));
  const Json& scores = reader.any("scores");
  const Json& values = reader.any("values");
  ACESO_TRY_OK(reader.finish());
  stats::IsotonicMap map;
  ACESO_TRY(map.scores, unpacked_floats(scores, "watch.calibration.scores", kMaxKnots));
  ACESO_TRY(map.values, unpacked_floats(values, "watch.calibration.values", kMaxKnots));
  const bool fits = !map.scores.empty() && map.scores.size() == map.values.size() &&
                    std::is_sorted(map.scores.begin(), map.scores.end()) &&
                    std::is_sorted(map.values.begin(), map.values.end()) && map.values.front() >= 0 &&
                    map.values.back() <= 1;
  if (!fits) return wrong("calibration does not rise from 0 to 1");
  return std::optional{std::move(map)};
}

}  // namespace

Json to_json(const WatchReference& r) {
  Json features = Json::array();
  for (std::size_t i = 0; i < r.features.size(); ++i) {
    features.push_back(Json{{"name", r.features[i].name},
                            {"group", to_string(r.features[i].group)},
                            {"values", packed_floats(r.values[i])}});
  }
  Json calibration = nullptr;
  if (r.calibration && r.calibration->scores.size() <= kMaxKnots) {
    calibration =
        Json{{"scores", packed_floats(r.calibration->scores)}, {"values", packed_floats(r.calibration->values)}};
  }
  return Json{{"layout", kWatchLayout},
              {"source", r.source},
              {"cases", r.cases},
              {"features", std::move(features)},
              {"findings", r.findings},
              {"finding_counts", r.finding_counts},
              {"not_applicable", r.not_applicable},
              {"unusual", r.unusual},
              {"calibration", std::move(calibration)},
              {"two_classes", r.two_classes},
              {"threshold", r.threshold},
              {"expected_accuracy", r.expected_accuracy},
              {"expected_sd", r.expected_sd}};
}

Result<WatchReference> parse_watch_reference(const Json& json) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "watch"));
  WatchReference out;
  const std::int64_t layout = reader.integer("layout");
  out.source = reader.text("source");
  out.cases = reader.unsigned_integer("cases", 0);
  const Json& features = reader.array("features");
  out.findings = reader.texts("findings");
  const auto counts = reader.integers("finding_counts");
  out.not_applicable = reader.unsigned_integer("not_applicable", 0);
  out.unusual = reader.unsigned_integer("unusual", 0);
  const Json& calibration = reader.any("calibration");
  out.two_classes = reader.boolean("two_classes", false);
  out.threshold = reader.number("threshold");
  out.expected_accuracy = reader.number("expected_accuracy");
  out.expected_sd = reader.number("expected_sd");
  ACESO_TRY_OK(reader.finish());
  if (layout != kWatchLayout) return Error{Code::unsupported, "watch: another layout"};
  if (out.cases < kWatchMinimum || out.cases > kMaxCases || out.not_applicable > out.cases || out.unusual > out.cases)
    return wrong("numbers of cases do not fit");
  if (out.source.size() > 64 || out.findings.size() > kMaxFindings || out.findings.size() != counts.size())
    return wrong("findings do not fit their counts");
  std::uint64_t sum = 0;
  for (const std::int64_t n : counts) {
    if (n < 0 || static_cast<std::uint64_t>(n) > out.cases) return wrong("findings do not fit their counts");
    sum += static_cast<std::uint64_t>(n);
    out.finding_counts.push_back(static_cast<std::uint64_t>(n));
  }
  if (sum > out.cases) return wrong("findings do not fit their counts");
  if (!(out.expected_accuracy >= 0 && out.expected_accuracy <= 1 && out.expected_sd >= 0 && out.expected_sd <= 1))
    return wrong("expected accuracy is no probability");
  ACESO_TRY(out.features, parse_features(features, out.values));
  ACESO_TRY(out.calibration, parse_map(calibration));
  return out;
}

Json to_json(const WatchVerdict& verdict) {
  Json tests = Json::array();
  for (const WatchTest& t : verdict.tests) {
    tests.push_back(Json{{"name", t.name},
                         {"group", t.group},
                         {"method", t.method},
                         {"reference", t.reference},
                         {"current", t.current},
                         {"effect", t.effect},
                         {"p_value", t.p_value},
                         {"p_adjusted", t.p_adjusted},
                         {"state", to_string(t.state)}});
  }
  Json performance = nullptr;
  if (const auto& p = verdict.performance) {
    performance = Json{{"accuracy", p->accuracy},
                       {"low", p->low},
                       {"high", p->high},
                       {"expected", p->expected},
                       {"auroc", optional_number(p->auroc)},
                       {"sensitivity", optional_number(p->sensitivity)},
                       {"specificity", optional_number(p->specificity)},
                       {"method", "confidence-based estimation"}};
  }
  return Json{{"state", to_string(verdict.state)},
              {"cases", verdict.cases},
              {"tests", std::move(tests)},
              {"performance", std::move(performance)}};
}

}  // namespace aceso::learn
