#include "trials.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "context.hpp"

namespace aceso::app {
namespace {

std::string short_figure(const Json& value) {
  if (!value.is_number()) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value.get<double>());  // NOLINT(cert-err33-c): figures are small
  return text;
}

std::string words(const Json& values) {
  std::string text;
  for (const auto& [key, value] : values.items()) {
    text.append(text.empty() ? "" : ", ").append(key).append(" ");
    text.append(value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

// "finished", "stopped at rung 1", "failed: the loss is not finite".
std::string fate(const Json& trial) {
  std::string state = trial.value("state", "");
  if (state == "failed") return "failed: " + trial.value("error", "");
  if (state == "finished") return state;
  return state + " at rung " + std::to_string(trial.value("rung", 0));
}

}  // namespace

std::string describe_trials(const Json& trials) {
  std::vector<std::vector<std::string>> rows;
  int rank = 0;
  for (const Json& trial : trials) {
    rows.push_back({std::to_string(++rank), std::to_string(trial.value("trial", 0)),
                    short_figure(trial.value("figure", Json())), std::to_string(trial.value("epochs", 0)), fate(trial),
                    words(trial.value("values", Json::object()))});
  }
  return format_table({"RANK", "TRIAL", "FIGURE", "EPOCHS", "STATE", "VALUES"}, rows);
}

std::string describe_search(const Json& search) {
  if (!search.is_object() || !search.contains("results")) return {};
  const Json& results = search.at("results");
  return "\n" + std::to_string(results.size()) + " trials by " + search.value("metric", "") +
         " on validation samples (figures to choose by, not of how good the model is):\n" + describe_trials(results) +
         "\nthe best, as a configuration:\n" + search.value("best_config", "");
}

}  // namespace aceso::app
