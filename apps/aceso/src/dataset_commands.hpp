// Subcommands of `aceso dataset` that have files of their own; cmd_dataset.cpp adds them.
#pragma once

#include <CLI/CLI.hpp>

namespace aceso::app {

class Context;

void add_dataset_check(CLI::App& group, Context& context);
void add_dataset_synthesise(CLI::App& group, Context& context);
void add_dataset_export(CLI::App& group, Context& context);
void add_dataset_get(CLI::App& group, Context& context);
void add_dataset_split(CLI::App& group, Context& context);

}  // namespace aceso::app
