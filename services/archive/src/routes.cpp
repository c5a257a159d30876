#include "aceso/archive/archive.hpp"
#include "impl.hpp"

namespace aceso::archive {

void Archive::register_routes(net::Router&) {}

}  // namespace aceso::archive
