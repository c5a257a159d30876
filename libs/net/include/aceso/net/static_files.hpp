// A folder served over HTTP: safe paths, ETag, caching for ever where the name holds a hash.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "aceso/net/http.hpp"

namespace aceso::net {

std::string_view content_type_of(
    const std::filesystem::path& file) noexcept;  // by extension; application/octet-stream when unknown

struct StaticFilesOptions {
  std::filesystem::path root;
  std::string fallback =
      {};  // served for unknown paths whose last part has no dot: "index.html" of a single-page application
};

// Thread-safe.
class StaticFiles {
 public:
  // Errors: not_found when the folder is missing.
  static Result<StaticFiles> create(StaticFilesOptions options);
  // `path` as Request::path. Never leaves the folder, symbolic links included. "/" is index.html. A name like
  // app-3f9c2a1b.js is cached for a year, others are asked for again. Errors: not_found.
  Result<Response> serve(std::string_view path) const;

 private:
  explicit StaticFiles(StaticFilesOptions options) : options_{std::move(options)} {}
  StaticFilesOptions options_;
};

}  // namespace aceso::net
