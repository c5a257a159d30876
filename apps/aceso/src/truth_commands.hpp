// aceso truth.
#pragma once

#include "context.hpp"

namespace aceso::app {

void add_truth(CLI::App& app, Context& context);

}  // namespace aceso::app
