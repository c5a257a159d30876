// Published data sets that `aceso dataset get` knows by name.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/file.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"

namespace aceso::app {

struct PublishedData {
  std::string_view name, what, licence, cite;
  std::string_view url;
  std::string_view md5;  // as the publisher gives it: against damage, not against an attacker who has the publisher
  std::vector<std::string> classes;
};

std::span<const PublishedData> published_data();
const PublishedData* find_published(std::string_view name);

// The file, in a folder of its own that goes with it when it was downloaded.
class PublishedFile {
 public:
  explicit PublishedFile(std::filesystem::path path) : path_{std::move(path)} {}
  PublishedFile(TempDir folder, std::filesystem::path path) : folder_{std::move(folder)}, path_{std::move(path)} {}
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::optional<TempDir> folder_;
  std::filesystem::path path_;
};

struct FetchOptions {
  std::filesystem::path copy;  // not empty: this file is taken instead of a download
  std::filesystem::path ca;    // PEM of the authorities to trust; empty: the system's store
};
// Downloads over TLS, follows the publisher's redirects (TLS only) and compares the checksum. Errors: unavailable (no
// network, the publisher does not answer or answers with an error), data_loss (the checksum differs, in the copy too),
// not_found (the copy), too_large (4 GiB), exhausted (disk full), cancelled.
Result<PublishedFile> fetch_published(const PublishedData& data, const FetchOptions& options, ProgressSink& progress,
                                      const std::stop_token& stop);

}  // namespace aceso::app
