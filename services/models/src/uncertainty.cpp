#include "uncertainty.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/learn/evaluate_targets.hpp"
#include "aceso/stats/descriptive.hpp"
#include "aceso/stats/interval.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMinCases = 20;  // fewer give an interval wider than 0.4: no more than "unknown"
constexpr std::size_t kMaxBins = 10;

std::string fixed(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

Json none() {
  return Json{
      {"kind", "none"},
      {"text", "The model's bundle holds too few validation cases to say how often it is right at this score."}};
}

}  // namespace

Json calibration_table(const learn::Predictions& validation) {
  std::vector<std::pair<double, bool>> cases;  // score, counted
  bool binary = true;
  for (std::size_t i = 0; i < validation.probabilities.size() && i < validation.labels.size(); ++i) {
    const std::vector<double>& p = validation.probabilities[i];
    if (p.empty() || validation.labels[i] < 0) continue;
    if (p.size() == 1) {
      cases.emplace_back(p[0], validation.labels[i] == 1);
      continue;
    }
    binary = false;
    const auto top = std::max_element(p.begin(), p.end());
    cases.emplace_back(*top, top - p.begin() == validation.labels[i]);
  }
  if (cases.size() < kMinCases) return nullptr;
  std::sort(cases.begin(), cases.end());
  const std::size_t bins = std::clamp<std::size_t>(cases.size() / kMinCases, 1, kMaxBins);
  Json out = Json::array();
  std::size_t from = 0;
  for (std::size_t b = 1; b <= bins && from < cases.size(); ++b) {
    std::size_t to = std::max(cases.size() * b / bins, from + 1);
    while (to < cases.size() && cases[to].first == cases[to - 1].first) ++to;
    if (b == bins || cases.size() - to < kMinCases / 2) to = cases.size();
    const auto counted =
        std::count_if(cases.begin() + static_cast<std::ptrdiff_t>(from),
                      cases.begin() + static_cast<std::ptrdiff_t>(to), [](const auto& c) { return c.second; });
    out.push_back(
        Json{{"low", cases[from].first}, {"high", cases[to - 1].first}, {"cases", to - from}, {"counted", counted}});
    from = to;
  }
  return Json{{"split", "validation"},
              {"kind", binary ? "positive" : "top-label"},
              {"cases", cases.size()},
              {"bins", std::move(out)}};
}

Json label_calibration(const learn::Predictions& validation, const std::vector<std::string>& names) {
  Json out = Json::array();
  for (std::size_t k = 0; k < names.size(); ++k)
    out.push_back(Json{{"label", names[k]}, {"table", calibration_table(learn::one_label(validation, k))}});
  return out;
}

Json members_spread(std::span<const float> answers, std::size_t members, std::size_t output, const std::string& unit) {
  if (members < 2 || answers.size() % members != 0 || output >= answers.size() / members) return nullptr;
  const std::size_t width = answers.size() / members;
  std::vector<double> values;
  for (std::size_t m = 0; m < members; ++m) values.push_back(static_cast<double>(answers[m * width + output]));
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const auto sd = stats::sd(values);
  if (!sd) return nullptr;
  const std::string of = unit.empty() ? "" : " " + unit;
  char text[200];
  std::snprintf(text, sizeof text, "The %zu members of the ensemble answered between %.3g and %.3g%s (sd %.2g).",
                members, *low, *high, of.substr(0, 41).c_str(), *sd);
  return Json{{"count", members}, {"low", *low}, {"high", *high}, {"sd", *sd}, {"text", text}};
}

Json number_uncertainty(const Json& interval, double value, const std::string& unit) {
  const auto number = [&](const char* key) {
    return interval.is_object() && interval.contains(key) && interval[key].is_number() ? interval[key].get<double>()
                                                                                       : -1;
  };
  const double half = number("half_width"), coverage = number("coverage"), cases = number("cases");
  if (!(half >= 0 && coverage > 0 && coverage < 1 && cases >= 1))
    return Json{{"kind", "none"},
                {"text", "The model's bundle holds too few validation cases to say how far off such a number is."}};
  char text[300];
  std::snprintf(
      text, sizeof text,
      "With %.0f %% coverage the true value lies between %.4g and %.4g%s%s: of %.0f validation cases, so many "
      "were off by at most %.4g.",
      100 * coverage, value - half, value + half, unit.empty() ? "" : " ", unit.substr(0, 40).c_str(), cases, half);
  return Json{{"kind", "conformal-interval"}, {"coverage", coverage}, {"low", value - half}, {"high", value + half},
              {"half_width", half},           {"cases", cases},       {"text", text}};
}

namespace {

Json group_of(const Json& table, double score, const std::string& name) {
  if (!table.is_object() || !table.contains("bins") || !table["bins"].is_array() || table["bins"].empty())
    return none();
  const Json& bins = table["bins"];
  std::size_t chosen = bins.size() - 1;
  for (std::size_t i = 0; i + 1 < bins.size(); ++i) {  // a score between two groups belongs to the nearer one
    if (score <= (bins[i].value("high", 0.0) + bins[i + 1].value("low", 0.0)) / 2) {
      chosen = i;
      break;
    }
  }
  const Json& bin = bins[chosen];
  const double low = bin.value("low", 0.0), high = bin.value("high", 0.0);
  const auto cases = bin.value("cases", std::uint64_t{0}), counted = bin.value("counted", std::uint64_t{0});
  const auto interval = stats::wilson_interval(counted, cases);
  if (!interval) return none();
  const double observed = static_cast<double>(counted) / static_cast<double>(cases);
  const bool top_label = table.value("kind", std::string{}) == "top-label";
  std::string text = "Of " + std::to_string(cases) + " validation cases with a score from " + fixed(low, 3) + " to " +
                     fixed(high, 3) + ", " + std::to_string(counted) +
                     (top_label ? " were classified rightly" : " were " + name) + " (" + fixed(100 * observed, 0) +
                     " %, 95 % interval " + fixed(100 * interval->low, 0) + " to " + fixed(100 * interval->high, 0) +
                     " %).";
  if (score < low || score > high) text += " This score lies outside of that range.";
  return Json{{"kind", "validation-calibration"},
              {"class", name},
              {"cases", cases},
              {"positives", counted},
              {"observed", observed},
              {"low", interval->low},
              {"high", interval->high},
              {"level", 0.95},
              {"method", "Wilson score interval"},
              {"score_low", low},
              {"score_high", high},
              {"outside", score < low || score > high},
              {"text", std::move(text)}};
}

}  // namespace

namespace {

std::string either(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return out;
}

Json set_json(const stats::ConformalThresholds& thresholds, std::span<const float> probabilities,
              const std::vector<std::string>& classes) {
  std::vector<double> rows(probabilities.begin(), probabilities.end());
  if (rows.size() == 1) rows.insert(rows.begin(), 1 - rows.front());
  std::vector<std::string> names;
  for (const std::size_t k : stats::conformal_set(thresholds, rows))
    names.push_back(k < classes.size() ? classes[k] : std::to_string(k));
  const std::string share = fixed(100 * thresholds.coverage, 0) + " %";
  std::string text;
  if (names.empty()) {
    text = "No class fits: at " + share + " coverage the answer is unlike those of any class in validation.";
  } else if (names.size() == 1) {
    text = "At " + share + " coverage one class remains: " + names.front() + ".";
  } else {
    text = "At " + share + " coverage the model cannot tell: " + either(names) + ".";
  }
  return Json{{"coverage", thresholds.coverage},
              {"classes", names},
              {"cases", thresholds.cases},
              {"method", "split conformal, each class on its own"},
              {"text", std::move(text)}};
}

Json familiarity_json(const learn::Familiarity& familiarity) {
  Json json = familiarity.about;
  using State = learn::Familiarity::State;
  json["text"] = familiarity.state == State::usual     ? "The input looks like those that the model was trained on."
                 : familiarity.state == State::unusual ? "The input is unusual: 99 of 100 validation cases look more "
                                                         "like the training data than this one."
                 : familiarity.state == State::outside
                     ? std::string{kUnlikeTraining} + "."
                     : "The model's bundle cannot say whether the input is like its training data.";
  return json;
}

}  // namespace

void add_applicability(const learn::Applicability& applicability, const learn::Familiarity& familiarity,
                       std::span<const float> probabilities, const std::vector<std::string>& classes,
                       Json& uncertainty) {
  if (applicability.conformal) uncertainty["set"] = set_json(*applicability.conformal, probabilities, classes);
  uncertainty["familiarity"] = familiarity_json(familiarity);
}

Json not_applicable(std::vector<std::string> reasons, const learn::Familiarity* familiarity) {
  std::string text = "Not applicable.";
  for (const std::string& reason : reasons) text += " " + reason + ".";
  Json json{{"kind", "not-applicable"}, {"reasons", std::move(reasons)}, {"text", std::move(text)}};
  if (familiarity != nullptr) json["familiarity"] = familiarity_json(*familiarity);
  return json;
}

bool is_applicable(const Json& uncertainty) {
  return !uncertainty.is_object() || uncertainty.value("kind", std::string{}) != "not-applicable";
}

Json uncertainty(const Json& table, double score, const std::string& name) {
  try {
    return group_of(table, score, name);
  } catch (const nlohmann::json::exception&) {  // a bundle from elsewhere whose table has another shape
    return none();
  }
}

}  // namespace aceso::models
