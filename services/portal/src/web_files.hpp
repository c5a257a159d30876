// The built web application, served from a folder.
#pragma once

#include <filesystem>

#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/net/http.hpp"

namespace aceso::portal {

// Files as they are; paths without a dot in their last part are pages of the application and answer index.html, in
// which every __CSP_NONCE__ is replaced by a nonce made for this answer. A plain page says so when there is no build.
// not_found for an absent file.
Result<net::Response> serve_web_file(const std::filesystem::path& root, const net::Request& request,
                                     RandomSource& random);

}  // namespace aceso::portal
