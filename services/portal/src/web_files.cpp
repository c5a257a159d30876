#include "web_files.hpp"

#include <array>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/net/static_files.hpp"
#include "security_headers.hpp"

namespace aceso::portal {
namespace {

constexpr std::string_view kPlaceholder = "__CSP_NONCE__";
constexpr std::uint64_t kLargestIndex = std::uint64_t{1} << 20;
constexpr std::string_view kNoBuild =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Aceso</title>\n"
    "<h1>Aceso is running</h1>\n"
    "<p>The web application has not been built, or web.root in aceso.yaml names another folder.</p>\n"
    "<p>The interface for programs is at <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>.</p></html>\n";

net::Response page(std::string html, std::string_view nonce) {
  auto response = net::Response::text(std::move(html), "text/html; charset=utf-8");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Content-Security-Policy", content_security_policy(nonce));
  return response;
}

Result<net::Response> index_page(const std::filesystem::path& root, RandomSource& random) {
  auto html = read_text_file(root / "index.html", kLargestIndex);
  if (!html && html.error().code() == Code::not_found) return page(std::string{kNoBuild}, "");
  if (!html) return html.error();
  std::array<std::byte, 16> bytes{};
  random.fill(bytes);
  const auto nonce = crypto::to_base64(bytes);
  for (auto at = html->find(kPlaceholder); at != std::string::npos; at = html->find(kPlaceholder, at + nonce.size())) {
    html->replace(at, kPlaceholder.size(), nonce);
  }
  return page(*std::move(html), nonce);
}

}  // namespace

Result<net::Response> serve_web_file(const std::filesystem::path& root, const net::Request& request,
                                     RandomSource& random) {
  if (root.empty()) return page(std::string{kNoBuild}, "");
  const std::string_view path = std::string_view{request.path}.substr(request.path.starts_with('/') ? 1 : 0);
  const auto name = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  if (path.empty() || path == "index.html" || name.find('.') == std::string_view::npos) return index_page(root, random);
  ACESO_TRY(const auto files, net::StaticFiles::create({.root = root}));
  return files.serve(request.path);
}

}  // namespace aceso::portal
