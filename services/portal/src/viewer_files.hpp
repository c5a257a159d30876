// The OHIF viewer at /ohif, where tools/fetch_ohif put it: another program's files, under a policy of their own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
#include "aceso/net/http.hpp"

namespace aceso::portal {

inline constexpr std::string_view kViewerPath = "/ohif";

bool is_viewer_path(std::string_view path) noexcept;

// Its decoders are WebAssembly in workers made of blobs, its styles are inline: what the application's own policy
// forbids is allowed here and nowhere else. No host but this one, no inline script.
std::string viewer_policy();

// Files as they are; paths without a dot in their last part are pages of the viewer and answer its index.html. A page
// that says how to install it, with 404, when the folder is not there. not_found for an absent file.
Result<net::Response> serve_viewer_file(const std::filesystem::path& root, const net::Request& request);

}  // namespace aceso::portal
