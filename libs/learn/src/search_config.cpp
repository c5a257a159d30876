#include "aceso/learn/search_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "aceso/base/random.hpp"
#include "aceso/base/text.hpp"
#include "train_keys.hpp"

namespace aceso::learn {
namespace {

using Kind = SearchParameter::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 4> kKinds{{{"uniform", Kind::uniform},
                                                                   {"log_uniform", Kind::log_uniform},
                                                                   {"integer", Kind::integer},
                                                                   {"choice", Kind::choice}}};
constexpr std::array<std::string_view, 8> kMetrics{
    "auto",           "validation_auc", "validation_accuracy", "validation_loss", "validation_dice", "validation_rmse",
    "validation_mae", "validation_ap"};
// What says how long or where a training runs, what it learns from, or is of no weight for its result.
constexpr std::array<std::string_view, 13> kFixed{"epochs", "seed",    "folds",  "seeds",  "ensemble",
                                                  "fold",   "task",    "init",   "groups", "outline_labels",
                                                  "device", "threads", "loaders"};
constexpr std::size_t kMaxParameters = 16, kMaxChoices = 64;
constexpr double kMaxWhole = 1e9;

Error wrong(const std::string& key, const std::string& why) {
  return Error{Code::invalid, key + ": " + why};
}

template <std::size_t N>
std::string one_of(const std::array<std::string_view, N>& names) {
  std::string text = "must be one of ";
  for (std::size_t i = 0; i < N; ++i) text.append(i == 0 ? "" : ", ").append(names[i]);
  return text;
}

Result<std::int64_t> whole(const std::string& key, const Json& value, std::int64_t low, std::int64_t high) {
  const std::string range = "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX}))
    return wrong(key, range);
  const auto number = value.get<std::int64_t>();
  if (number < low || number > high) return wrong(key, range);
  return number;
}

std::string number_text(double value) {
  return dump_json(Json(value));
}

// As the configuration will read it: a whole number without a point.
std::string value_text(Kind kind, double value) {
  if (kind == Kind::integer) return std::to_string(static_cast<std::int64_t>(value));
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.5g", value);  // NOLINT(cert-err33-c): it fits
  return dump_json(Json(std::strtod(text.data(), nullptr)));
}

Status read_range(const std::string& where, const std::string& kind, const Json& value, SearchParameter& out) {
  const std::string key = where + "." + kind;
  if (!value.is_array() || value.size() != 2 || !value[0].is_number() || !value[1].is_number())
    return wrong(key, "must be a list of two numbers, [low, high]");
  out.low = value[0].get<double>();
  out.high = value[1].get<double>();
  if (!std::isfinite(out.low) || !std::isfinite(out.high)) return wrong(key, "must be finite");
  if (out.kind == Kind::log_uniform && out.low <= 0) return wrong(key, "low must be above 0: it has no logarithm");
  if (out.kind == Kind::integer && (!value[0].is_number_integer() || !value[1].is_number_integer() ||
                                    std::fabs(out.low) > kMaxWhole || std::fabs(out.high) > kMaxWhole))
    return wrong(key, "must be whole numbers");
  if (!(out.low < out.high)) {
    return wrong(key, "the range is empty: low (" + number_text(out.low) + ") must be below high (" +
                          number_text(out.high) + ")");
  }
  return {};
}

Status read_choices(const std::string& where, const Json& value, SearchParameter& out) {
  const std::string key = where + ".choice";
  if (!value.is_array() || value.empty() || value.size() > kMaxChoices)
    return wrong(key, "must be a list of 1 to " + std::to_string(kMaxChoices) + " values");
  for (const Json& item : value) {
    std::string text = dump_json(item);
    if (std::find(out.choices.begin(), out.choices.end(), text) != out.choices.end())
      return wrong(key, "has a value twice");
    out.choices.push_back(std::move(text));
  }
  return {};
}

// That the configuration takes what may be drawn.
Status check_values(const std::string& where, const SearchParameter& parameter) {
  std::vector<std::string> values = parameter.choices;
  if (parameter.kind != Kind::choice)
    values = {value_text(parameter.kind, parameter.low), value_text(parameter.kind, parameter.high)};
  for (const std::string& text : values) {
    TrainConfig scratch;
    ACESO_TRY(const Json value, parse_json(text));
    const std::string why = set_train_key(scratch, parameter.key, value);
    if (why.empty()) continue;
    if (why.find("unknown key") != std::string::npos)
      return Error{Code::invalid, std::string{"parameters."}.append(why)};
    return wrong(where, std::string{text}.append(" ").append(why));
  }
  return {};
}

Result<SearchParameter> read_parameter(const std::string& name, const Json& json) {
  const std::string key = escape_controls(name, 60), where = "parameters." + key;
  SearchParameter out;
  out.key = name;
  if (std::find(kFixed.begin(), kFixed.end(), name) != kFixed.end()) {
    return wrong(where, "cannot be searched" +
                            std::string{name == "epochs" ? "; max_epochs says how long a trial may be trained" : ""});
  }
  if (!json.is_object() || json.size() != 1) {
    return wrong(where,
                 "must be one of uniform: [low, high], log_uniform: [low, high], integer: [low, high], "
                 "choice: [...]");
  }
  const std::string kind = json.items().begin().key();
  const Json& value = json.items().begin().value();
  const auto known = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) { return k.first == kind; });
  if (known == kKinds.end())
    return wrong(where, escape_controls(kind, 60) + ": must be one of uniform, log_uniform, integer, choice");
  out.kind = known->second;
  if (out.kind == Kind::choice) {
    ACESO_TRY_OK(read_choices(where, value, out));
  } else {
    ACESO_TRY_OK(read_range(where, kind, value, out));
  }
  ACESO_TRY_OK(check_values(where, out));
  return out;
}

Result<std::vector<SearchParameter>> read_parameters(const Json& json) {
  if (!json.is_object() || json.empty() || json.size() > kMaxParameters)
    return wrong("parameters", "must be 1 to " + std::to_string(kMaxParameters) + " keys with their ranges");
  std::vector<SearchParameter> out;
  for (const auto& item : json.items()) {
    ACESO_TRY(SearchParameter parameter, read_parameter(item.key(), item.value()));
    out.push_back(std::move(parameter));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

// FNV-1a, 64 bit: each key has a stream of its own.
std::uint64_t stream_of(const std::string& key) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::string draw(const SearchParameter& p, const Philox& philox, std::uint64_t counter) {
  const double u = philox.uniform01(stream_of(p.key), counter);
  if (p.kind == Kind::choice) {
    return p
        .choices[std::min(p.choices.size() - 1, static_cast<std::size_t>(u * static_cast<double>(p.choices.size())))];
  }
  if (p.kind == Kind::integer)
    return value_text(p.kind, std::min(p.high, p.low + std::floor(u * (p.high - p.low + 1))));
  const double value = p.kind == Kind::uniform ? p.low + u * (p.high - p.low)
                                               : std::exp(std::log(p.low) + u * (std::log(p.high) - std::log(p.low)));
  const std::string text = value_text(p.kind, value);
  const double rounded = std::strtod(text.c_str(), nullptr);  // not beyond the range
  return rounded < p.low || rounded > p.high ? dump_json(Json(rounded < p.low ? p.low : p.high)) : text;
}

// How many different trials there are; infinite where a parameter is continuous.
double combinations(const SearchConfig& search) {
  double count = 1;
  for (const SearchParameter& p : search.parameters) {
    if (p.kind == Kind::choice) {
      count *= static_cast<double>(p.choices.size());
    } else if (p.kind == Kind::integer) {
      count *= p.high - p.low + 1;
    } else {
      return std::numeric_limits<double>::infinity();
    }
  }
  return count;
}

}  // namespace

Result<SearchConfig> parse_search(const Json& json) {
  if (!json.is_object()) return Error{Code::invalid, "must be a list of keys and values"};
  constexpr std::array<std::string_view, 8> kKeys{"method",     "trials", "eta",  "min_epochs",
                                                  "max_epochs", "metric", "seed", "parameters"};
  SearchConfig out;
  for (const auto& item : json.items()) {
    const std::string& key = item.key();
    const Json& value = item.value();
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      const std::vector<std::string> names{kKeys.begin(), kKeys.end()};
      const std::string_view near = nearest(key, names);
      return wrong(escape_controls(key, 60),
                   "unknown key" + (near.empty() ? "" : ", did you mean " + std::string{near} + "?"));
    }
    if (key == "method") {
      if (value != "random" && value != "halving") return wrong(key, "must be random or halving");
      out.method = value == "random" ? SearchMethod::random : SearchMethod::halving;
    } else if (key == "trials") {
      ACESO_TRY(const std::int64_t n, whole(key, value, 2, kMaxTrials));
      out.trials = static_cast<int>(n);
    } else if (key == "eta") {
      ACESO_TRY(const std::int64_t n, whole(key, value, 2, 10));
      out.eta = static_cast<int>(n);
    } else if (key == "min_epochs") {
      ACESO_TRY(const std::int64_t n, whole(key, value, 1, 100'000));
      out.min_epochs = static_cast<int>(n);
    } else if (key == "max_epochs") {
      ACESO_TRY(const std::int64_t n, whole(key, value, 1, 100'000));
      out.max_epochs = static_cast<int>(n);
    } else if (key == "seed") {
      ACESO_TRY(const std::int64_t n, whole(key, value, 0, INT64_MAX));
      out.seed = static_cast<std::uint64_t>(n);
    } else if (key == "metric") {
      if (!value.is_string() || std::find(kMetrics.begin(), kMetrics.end(), value.get<std::string>()) == kMetrics.end())
        return wrong(key, one_of(kMetrics));
      out.metric = value.get<std::string>();
    } else {
      ACESO_TRY(out.parameters, read_parameters(value));
    }
  }
  if (out.parameters.empty()) return wrong("parameters", "is missing: name keys with their ranges");
  if (static_cast<double>(out.trials) > combinations(out)) {
    return wrong("trials", "too many: the parameters have " +
                               std::to_string(static_cast<std::int64_t>(combinations(out))) + " combinations");
  }
  return out;
}

Json to_json(const SearchConfig& search) {
  Json parameters = Json::object();
  for (const SearchParameter& p : search.parameters) {
    Json range = Json::array();
    if (p.kind == Kind::choice) {
      for (const std::string& text : p.choices) range.push_back(Json::parse(text, nullptr, false));
    } else if (p.kind == Kind::integer) {
      range = Json::array({static_cast<std::int64_t>(p.low), static_cast<std::int64_t>(p.high)});
    } else {
      range = Json::array({p.low, p.high});
    }
    parameters[p.key] = Json{{kKinds[static_cast<std::size_t>(p.kind)].first, std::move(range)}};
  }
  Json json{{"method", search.method == SearchMethod::random ? "random" : "halving"},
            {"trials", search.trials},
            {"eta", search.eta},
            {"min_epochs", search.min_epochs},
            {"metric", search.metric},
            {"seed", search.seed},
            {"parameters", std::move(parameters)}};
  if (search.max_epochs > 0) json["max_epochs"] = search.max_epochs;
  return json;
}

Result<std::vector<TrialPlan>> draw_trials(const SearchConfig& search) {
  constexpr std::uint64_t kAttempts = 100'000;
  const Philox philox{search.seed};
  std::set<std::vector<std::pair<std::string, std::string>>> seen;
  std::vector<TrialPlan> trials;
  for (int number = 1; number <= search.trials; ++number) {
    TrialPlan trial;
    trial.number = number;
    for (std::uint64_t attempt = 0;; ++attempt) {
      if (attempt == kAttempts) return wrong("trials", "too many: no further combination of values was found");
      trial.values.clear();
      trial.values.reserve(search.parameters.size());
      for (const SearchParameter& p : search.parameters)
        trial.values.emplace_back(p.key, draw(p, philox, attempt << 32U | static_cast<std::uint32_t>(number)));
      if (seen.insert(trial.values).second) break;
    }
    trials.push_back(std::move(trial));
  }
  return trials;
}

Result<TrainConfig> trial_config(const TrainConfig& config, const TrialPlan& trial) {
  TrainConfig out = config;
  out.search.reset();
  if (config.search && config.search->max_epochs > 0) out.epochs = config.search->max_epochs;
  for (const auto& [key, text] : trial.values) {
    ACESO_TRY(const Json value, parse_json(text));
    if (const std::string why = set_train_key(out, key, value); !why.empty()) return wrong(key, why);
  }
  ACESO_TRY_OK(check_train_config(out));
  return out;
}

std::vector<int> search_rungs(const TrainConfig& config) {
  const SearchConfig search = config.search.value_or(SearchConfig{});
  const int last = search.max_epochs > 0 ? search.max_epochs : config.epochs;
  std::vector<int> rungs;
  if (search.method == SearchMethod::halving) {
    for (std::int64_t epochs = search.min_epochs; epochs < last; epochs *= search.eta)
      rungs.push_back(static_cast<int>(epochs));
  }
  rungs.push_back(last);
  return rungs;
}

std::vector<int> trials_by_rung(const TrainConfig& config) {
  const SearchConfig search = config.search.value_or(SearchConfig{});
  std::vector<int> counts;
  int count = search.trials;
  for (std::size_t i = 0; i < search_rungs(config).size(); ++i) {
    counts.push_back(count);
    count = std::max(1, count / search.eta);
  }
  return counts;
}

}  // namespace aceso::learn
