// The service's own tables, from migrations/NNNN.sql, built into the program.
#pragma once

#include <string_view>
#include <vector>

namespace aceso::models {

// In the order of their numbers, which start at 1. The second runs after the job queue's own: see
// catalogue_migrations().
std::vector<std::string_view> migrations();

}  // namespace aceso::models
