// Import and export of DICOM files of this machine, for the operator at it: only the local socket may name files.
#pragma once

#include "aceso/archive/archive.hpp"
#include "aceso/net/http.hpp"

namespace aceso::app {

// POST /api/v1/local/archive/import and /export. `archive` outlives the router.
void register_local_archive_routes(net::Router& router, archive::Archive& archive);

}  // namespace aceso::app
