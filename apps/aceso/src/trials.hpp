// What a search tried, in words.
#pragma once

#include <string>

#include "aceso/base/json.hpp"

namespace aceso::app {

std::string describe_trials(const Json& trials);  // a table, by rank, of a job's or a model's trials
std::string describe_search(const Json& search);  // what a version records of its search; "": none

}  // namespace aceso::app
