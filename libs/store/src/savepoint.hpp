// One piece of work inside an open transaction: its changes stay when it succeeds and vanish when it fails.
#pragma once

#include <functional>

#include "sqlite.hpp"

namespace aceso::store {

// The transaction may be gone afterwards (disk full or failed): ask in_transaction().
Status run_in_savepoint(Connection& connection, const std::function<Status(Transaction&)>& work);

}  // namespace aceso::store
