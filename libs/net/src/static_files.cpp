#include "aceso/net/static_files.hpp"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "aceso/base/file.hpp"
#include "head.hpp"

namespace aceso::net {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".webp", "image/webp"},
    {".gif", "image/gif"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".ttf", "font/ttf"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".pdf", "application/pdf"},
    {".csv", "text/csv; charset=utf-8"},
    {".xml", "application/xml"},
    {".zip", "application/zip"},
    {".webmanifest", "application/manifest+json"},
}};

// name-HASH.ext or name.HASH.ext with at least 8 of [A-Za-z0-9_-], a digit among them, as bundlers write them.
bool hashed_name(std::string_view name) noexcept {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view stem = name.substr(0, dot);
  const std::size_t mark = stem.find_last_of(".-");
  if (mark == std::string_view::npos) return false;
  const std::string_view hash = stem.substr(mark + 1);
  return hash.size() >= 8 && std::any_of(hash.begin(), hash.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::all_of(hash.begin(), hash.end(), [](char c) { return is_token(std::string_view{&c, 1}); });
}

bool inside(const fs::path& root, const fs::path& file) {
  const auto [end, ignored] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  return end == root.end();
}

}  // namespace

std::string_view content_type_of(const fs::path& file) noexcept {
  const std::string& native = file.native();
  const std::size_t dot = native.rfind('.');
  if (dot != std::string::npos) {
    for (const auto& [extension, type] : kTypes) {
      if (iequals(extension, std::string_view{native}.substr(dot))) return type;
    }
  }
  return "application/octet-stream";
}

Result<StaticFiles> StaticFiles::create(StaticFilesOptions options) {
  std::error_code error;
  options.root = fs::canonical(options.root, error);
  if (error || !fs::is_directory(options.root, error))
    return Error{Code::not_found, "the folder of static files is missing"};
  return StaticFiles{std::move(options)};
}

Result<Response> StaticFiles::serve(std::string_view path) const {
  const Error missing{Code::not_found, "there is nothing here"};
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  std::string name{path};
  if (name.empty() || name.back() == '/') name += "index.html";
  for (int round = 0; round < 2; ++round) {
    const auto joined = safe_join(options_.root, name);
    if (!joined) return missing;
    std::error_code error;
    const fs::path real = fs::canonical(*joined, error);
    if (!error && inside(options_.root, real) && fs::is_regular_file(real, error)) {
      Response out = Response::file(real, content_type_of(name));
      const bool forever = hashed_name(real.filename().native());
      out.headers.set("Cache-Control", forever ? "public, max-age=31536000, immutable" : "no-cache");
      out.headers.set("X-Content-Type-Options", "nosniff");
      return out;
    }
    const std::size_t slash = name.rfind('/');
    const bool page = name.find('.', slash == std::string::npos ? 0 : slash) == std::string::npos;
    if (options_.fallback.empty() || !page) return missing;
    name = options_.fallback;
  }
  return missing;
}

}  // namespace aceso::net
