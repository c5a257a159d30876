// Routes for the operator at this machine: they name files and folders here, so only the local socket may use them.
#pragma once

#include "aceso/models/models.hpp"
#include "aceso/net/http.hpp"

namespace aceso::app {

// POST /api/v1/local/datasets, /api/v1/local/models, /api/v1/local/models/{name}/{version:int}/export. `models`
// outlives the router.
void register_local_routes(net::Router& router, models::Models& models);

}  // namespace aceso::app
