// How a training starts and what of the network it moves: weights from elsewhere, frozen parts, learning rates by part.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/network.hpp"
#include "aceso/learn/weight_import.hpp"

namespace aceso::learn {

struct StartOptions {
  std::string init;  // a weights file or MODEL[@version], as it was asked for; "": the network's own rule
  std::filesystem::path init_file;  // where those weights lie on this machine; belongs to no record
  std::vector<std::string> freeze;  // patterns of weights that stay as they are, with their layer's statistics
  std::vector<RateGroup> groups;    // learning-rate factors; the last that matches counts
  Stem stem = Stem::by_size;
};

// The keys init, freeze, groups ([{match, rate}]) and stem (by_size, standard, small) of a training configuration: sets
// one from a JSON value. The answer says what the value must be, "" when it is right.
std::string set_start_option(StartOptions& options, std::string_view key, const Json& value);
void write_start_options(const StartOptions& options, Json& to);  // those that are not the default

}  // namespace aceso::learn
