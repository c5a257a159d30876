// What commands share: figures and predictions in words, and which version is meant.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "api.hpp"

namespace aceso::app {

// What a user states about an input, for the limits of a model.
struct FactsArguments {
  std::string modality, view, body_part;
  double age_years = -1, spacing_mm = -1;
  void add_to(CLI::App& command);
  std::string json() const;  // "" when nothing was stated
};
std::string content_type_of(const std::filesystem::path& file);
Result<int> choose_version(Api& api, const std::string& name,
                           int asked);  // the version asked for, else the live one, else the newest
// A password from standard input, not echoed on a terminal: never from the command line, where others can see it.
Result<std::string> read_password(const char* prompt);
std::string describe_figure(const Json& figure);          // "0.954 (0.938-0.968)"
std::string describe_evaluation(const Json& evaluation);  // one line: AUROC, accuracy, sensitivity, specificity, F1
std::string describe_prediction(
    const Json& prediction);  // probability, threshold, uncertainty, model, version, intended use

}  // namespace aceso::app
