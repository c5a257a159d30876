#include "web.hpp"

namespace aceso::archive {

void Archive::register_routes(net::Router& router) {
  register_query_routes(router, *impl_);
  register_study_routes(router, *impl_);
  register_store_routes(router, *this, *impl_);
  register_retrieve_routes(router, *impl_);
  register_metadata_routes(router, *impl_);
  register_frame_routes(router, *impl_);
  register_rendered_routes(router, *impl_);
  register_bulk_routes(router, *impl_);
}

}  // namespace aceso::archive
