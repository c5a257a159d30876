// Brings a catalogue to the newest of its numbered migrations.
#pragma once

#include <vector>

#include "aceso/base/log.hpp"
#include "sqlite.hpp"

namespace aceso::store {

// Applies what is missing, each in a transaction. Errors: internal (numbers with gaps or twice), precondition (the file
// is newer, or was made by a migration of the same number but other text).
Status migrate(Connection& connection, const std::vector<Migration>& migrations, const Logger& logger);

}  // namespace aceso::store
