#include "viewer_files.hpp"

#include "aceso/base/file.hpp"
#include "aceso/net/static_files.hpp"

namespace aceso::portal {
namespace {

constexpr std::uint64_t kLargestViewerIndex = std::uint64_t{1} << 20;
constexpr std::string_view kNotInstalled =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>OHIF viewer</title>\n"
    "<h1>The OHIF viewer is not installed on this node</h1>\n"
    "<p>It is optional. Whoever runs the node installs it with <code>./dev setup --with ohif</code>, or names its "
    "folder "
    "in aceso.yaml (<code>web.ohif</code>). Studies open without it at <a href=\"/studies\">/studies</a>.</p></html>\n";

net::Response viewer_page(std::string html, int status) {
  auto response = net::Response::text(std::move(html), "text/html; charset=utf-8", status);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace

bool is_viewer_path(std::string_view path) noexcept {
  return path == kViewerPath || (path.starts_with(kViewerPath) && path[kViewerPath.size()] == '/');
}

std::string viewer_policy() {
  return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; style-src 'self' "
         "'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; connect-src 'self' blob: data:; "
         "media-src "
         "'self' blob:; manifest-src 'self'; frame-ancestors 'self'; base-uri 'self'; form-action 'none'";
}

Result<net::Response> serve_viewer_file(const std::filesystem::path& root, const net::Request& request) {
  const std::string_view path = std::string_view{request.path}.substr(kViewerPath.size());
  const auto name = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  const auto index = root.empty() ? Result<std::string>{Error{Code::not_found, "no viewer"}}
                                  : read_text_file(root / "index.html", kLargestViewerIndex);
  if (!index && index.error().code() != Code::not_found) return index.error();
  net::Response response;
  if (!index) {
    response = viewer_page(std::string{kNotInstalled}, 404);
  } else if (name.empty() || name == "index.html" || name.find('.') == std::string_view::npos) {
    response = viewer_page(*index, 200);
  } else {
    ACESO_TRY(const auto files, net::StaticFiles::create({.root = root}));
    ACESO_TRY(response, files.serve(path));
  }
  response.headers.set("Content-Security-Policy", viewer_policy());
  return response;
}

}  // namespace aceso::portal
