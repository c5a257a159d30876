// What a bundle says of its applicability, to JSON and back; arrays of numbers are base64 of float32, little-endian.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "aceso/learn/applicability.hpp"
#include "json_reader.hpp"
#include "packed_floats.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxWidth = 1024;
constexpr std::size_t kMaxComponents = 64;
constexpr std::size_t kMaxPacked = kMaxWidth * kMaxComponents;
constexpr std::size_t kMaxWords = 64;

Result<std::vector<double>> unpacked(const Json& json, const char* what) {
  return unpacked_floats(json, std::string{"applicability: "} + what, kMaxPacked);
}

Json gaussian_json(const std::optional<Gaussian>& g) {
  if (!g) return nullptr;
  return Json{{"mean", packed_floats(g->mean)},
              {"components", packed_floats(g->components)},
              {"variances", packed_floats(g->variances)},
              {"noise", g->noise},
              {"unusual", g->unusual},
              {"outside", g->outside}};
}

Result<std::optional<Gaussian>> parse_gaussian(const Json& json, const std::string& where) {
  if (json.is_null()) return std::optional<Gaussian>{};
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  const Json& mean = reader.any("mean");
  const Json& components = reader.any("components");
  const Json& variances = reader.any("variances");
  Gaussian g;
  g.noise = reader.number("noise");
  g.unusual = reader.number("unusual");
  g.outside = reader.number("outside");
  ACESO_TRY_OK(reader.finish());
  ACESO_TRY(g.mean, unpacked(mean, "mean"));
  ACESO_TRY(g.components, unpacked(components, "components"));
  ACESO_TRY(g.variances, unpacked(variances, "variances"));
  bool fits = !g.mean.empty() && g.mean.size() <= kMaxWidth && g.variances.size() <= kMaxComponents &&
              g.components.size() == g.variances.size() * g.mean.size() && g.noise > 0;
  for (const double v : g.variances) fits = fits && v > 0;
  if (!fits) return Error{Code::invalid, where + ": sizes or variances do not fit"};
  return std::optional{std::move(g)};
}

Json conformal_json(const std::optional<stats::ConformalThresholds>& c) {
  if (!c) return nullptr;
  Json per_class = Json::array();
  for (const double q : c->per_class) per_class.push_back(std::isfinite(q) ? Json(q) : Json(nullptr));
  return Json{{"coverage", c->coverage},
              {"marginal", std::isfinite(c->marginal) ? Json(c->marginal) : Json(nullptr)},
              {"per_class", std::move(per_class)},
              {"cases", c->cases}};
}

Result<std::optional<stats::ConformalThresholds>> parse_conformal(const Json& json) {
  if (json.is_null()) return std::optional<stats::ConformalThresholds>{};
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "applicability.conformal"));
  const auto quantile = [](const Json& q) {
    return q.is_number() ? q.get<double>() : std::numeric_limits<double>::infinity();
  };
  stats::ConformalThresholds c{};
  c.coverage = reader.number("coverage");
  c.marginal = quantile(reader.any("marginal"));
  const Json& per_class = reader.array("per_class");
  const auto cases = reader.integers("cases");
  ACESO_TRY_OK(reader.finish());
  if (per_class.size() != cases.size() || cases.empty() || cases.size() > 4096 || !(c.coverage > 0 && c.coverage < 1))
    return Error{Code::invalid, "applicability.conformal: sizes or coverage do not fit"};
  for (const Json& q : per_class) c.per_class.push_back(quantile(q));
  for (const std::int64_t n : cases) {
    if (n < 0) return Error{Code::invalid, "applicability.conformal.cases: negative"};
    c.cases.push_back(static_cast<std::size_t>(n));
  }
  return std::optional{std::move(c)};
}

std::optional<double> number_of(const Json& json, std::string_view field, std::string& problem) {
  if (json.is_null()) return std::nullopt;
  if (json.is_number() && std::isfinite(json.get<double>())) return json.get<double>();
  problem = std::string{field};
  return std::nullopt;
}

}  // namespace

Json to_json(const InputLimits& limits) {
  Json json = Json::object();
  const auto words = [&](const char* key, const std::vector<std::string>& list) {
    if (!list.empty()) json[key] = list;
  };
  const auto value = [&](const char* key, const auto& number) {
    if (number) json[key] = *number;
  };
  words("modalities", limits.modalities);
  words("views", limits.views);
  words("body_parts", limits.body_parts);
  value("age_min_years", limits.age_min_years);
  value("age_max_years", limits.age_max_years);
  value("spacing_min_mm", limits.spacing_min_mm);
  value("spacing_max_mm", limits.spacing_max_mm);
  value("side_min", limits.side_min);
  value("side_max", limits.side_max);
  return json;
}

Result<InputLimits> parse_input_limits(const Json& json) {
  InputLimits limits;
  if (json.is_null()) return limits;
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "limits"));
  limits.modalities = reader.texts("modalities", JsonReader::optional);
  limits.views = reader.texts("views", JsonReader::optional);
  limits.body_parts = reader.texts("body_parts", JsonReader::optional);
  std::string problem;
  limits.age_min_years = number_of(reader.any("age_min_years"), "age_min_years", problem);
  limits.age_max_years = number_of(reader.any("age_max_years"), "age_max_years", problem);
  limits.spacing_min_mm = number_of(reader.any("spacing_min_mm"), "spacing_min_mm", problem);
  limits.spacing_max_mm = number_of(reader.any("spacing_max_mm"), "spacing_max_mm", problem);
  const auto side_min = reader.integer("side_min", 0), side_max = reader.integer("side_max", 0);
  ACESO_TRY_OK(reader.finish());
  if (!problem.empty()) return Error{Code::invalid, "limits." + problem + ": a number is expected"};
  if (side_min < 0 || side_max < 0) return Error{Code::invalid, "limits: sides are positive"};
  if (side_min > 0) limits.side_min = side_min;
  if (side_max > 0) limits.side_max = side_max;
  const auto crossed = [](const auto& low, const auto& high) { return low && high && *low > *high; };
  if (crossed(limits.age_min_years, limits.age_max_years) || crossed(limits.spacing_min_mm, limits.spacing_max_mm) ||
      crossed(limits.side_min, limits.side_max))
    return Error{Code::invalid, "limits: a smallest value is above its largest"};
  for (const auto* list : {&limits.modalities, &limits.views, &limits.body_parts}) {
    if (list->size() > kMaxWords) return Error{Code::too_large, "limits: more than 64 words in a list"};
    for (const std::string& word : *list) {
      if (word.empty() || word.size() > 64) return Error{Code::invalid, "limits: words have 1 to 64 characters"};
    }
  }
  return limits;
}

Json to_json(const Applicability& a) {
  return Json{{"format", 1},
              {"limits", to_json(a.limits)},
              {"appearance", gaussian_json(a.appearance)},
              {"embedding", gaussian_json(a.embedding)},
              {"conformal", conformal_json(a.conformal)}};
}

Result<Applicability> parse_applicability(const Json& json) {
  Applicability out;
  if (json.is_null()) return out;
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "applicability"));
  const std::int64_t format = reader.integer("format");
  const Json& limits = reader.any("limits");
  const Json& appearance = reader.any("appearance");
  const Json& embedding = reader.any("embedding");
  const Json& conformal = reader.any("conformal");
  (void)reader.any("watch");  // parse_watch_reference()
  ACESO_TRY_OK(reader.finish());
  if (format != 1) return Error{Code::unsupported, "applicability: another format"};
  ACESO_TRY(out.limits, parse_input_limits(limits));
  ACESO_TRY(out.appearance, parse_gaussian(appearance, "applicability.appearance"));
  ACESO_TRY(out.embedding, parse_gaussian(embedding, "applicability.embedding"));
  ACESO_TRY(out.conformal, parse_conformal(conformal));
  return out;
}

}  // namespace aceso::learn
