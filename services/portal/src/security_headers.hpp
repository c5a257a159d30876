// What every answer tells the browser not to do.
#pragma once

#include <string>
#include <string_view>

#include "aceso/net/http.hpp"

namespace aceso::portal {

// The web application's policy (CSP level 3). `nonce` lets the style elements of index.html through; empty: none.
std::string content_security_policy(std::string_view nonce);

// Sets what the handler did not set. `api`: answers for programs, which nobody may cache or frame elsewhere.
void add_security_headers(net::Response& response, const net::Request& request, bool api);

}  // namespace aceso::portal
