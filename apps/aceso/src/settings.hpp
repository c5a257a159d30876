// The schema of aceso.yaml: every key the node knows, with type, default, range and a sentence.
#pragma once

#include <filesystem>

#include "aceso/base/config.hpp"
#include "aceso/base/result.hpp"

namespace aceso::app {

ConfigSchema make_schema();

// $ACESO_HOME/aceso.yaml, or `file` when it is not empty (then it must exist), with the environment over it.
Result<Config> load_settings(const std::filesystem::path& home, const std::filesystem::path& file);

}  // namespace aceso::app
