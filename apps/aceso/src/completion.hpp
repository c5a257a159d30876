// Shell completion: scripts for bash, zsh and fish that ask `aceso __complete WORDS...`, which walks the same tree as
// --help.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::app {

Result<std::string> completion_script(std::string_view shell);  // "bash", "zsh", "fish"

// Candidates for the last of `words` (the words after "aceso", the last may be empty), sorted. Pure: opens nothing.
std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace aceso::app
