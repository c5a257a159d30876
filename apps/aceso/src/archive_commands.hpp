// Subcommands of `aceso archive` that have files of their own.
#pragma once

#include "context.hpp"

namespace aceso::app {

void add_archive_analyses(CLI::App& group, Context& context);  // analyses, analyse

}  // namespace aceso::app
