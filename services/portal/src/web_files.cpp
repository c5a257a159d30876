#include "web_files.hpp"

#include <array>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
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

std::string_view content_type_of(const std::filesystem::path& path) {
  struct Type {
    std::string_view extension, type;
  };
  static constexpr std::array kTypes{Type{".html", "text/html; charset=utf-8"},
                                     Type{".js", "text/javascript; charset=utf-8"},
                                     Type{".mjs", "text/javascript; charset=utf-8"},
                                     Type{".css", "text/css; charset=utf-8"},
                                     Type{".json", "application/json"},
                                     Type{".map", "application/json"},
                                     Type{".svg", "image/svg+xml"},
                                     Type{".png", "image/png"},
                                     Type{".jpg", "image/jpeg"},
                                     Type{".ico", "image/x-icon"},
                                     Type{".webp", "image/webp"},
                                     Type{".woff2", "font/woff2"},
                                     Type{".woff", "font/woff"},
                                     Type{".txt", "text/plain; charset=utf-8"},
                                     Type{".wasm", "application/wasm"},
                                     Type{".webmanifest", "application/manifest+json"}};
  const auto extension = path.extension().string();
  for (const auto& t : kTypes) {
    if (t.extension == extension) return t.type;
  }
  return "application/octet-stream";
}

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

// Where the file really is, links followed, must be below the root.
bool is_inside(const std::filesystem::path& root, const std::filesystem::path& file) {
  std::error_code failed;
  const auto real_root = std::filesystem::canonical(root, failed);
  if (failed) return false;
  const auto real_file = std::filesystem::canonical(file, failed);
  if (failed) return false;
  const auto relative = real_file.lexically_relative(real_root);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Result<net::Response> serve_web_file(const std::filesystem::path& root, const net::Request& request,
                                     RandomSource& random) {
  if (root.empty()) return page(std::string{kNoBuild}, "");
  const std::string_view path = std::string_view{request.path}.substr(request.path.starts_with('/') ? 1 : 0);
  const auto name = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  if (path.empty() || path == "index.html" || name.find('.') == std::string_view::npos) return index_page(root, random);
  const Error absent{Code::not_found, "there is no such page"};
  const auto file = safe_join(root, path);
  if (!file) return absent;
  std::error_code failed;
  if (!std::filesystem::is_regular_file(*file, failed) || !is_inside(root, *file)) return absent;
  auto response = net::Response::file(*file, content_type_of(*file));
  // Vite names files in assets/ after their content.
  response.headers.set("Cache-Control",
                       path.starts_with("assets/") ? "public, max-age=31536000, immutable" : "no-cache");
  return response;
}

}  // namespace aceso::portal
