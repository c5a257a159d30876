// The two files of a dataset folder on their way to disk: nothing is visible before it is whole.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "aceso/learn/dataset.hpp"

namespace aceso::learn {

// A folder beside the target that is gone unless it was renamed into place.
class PendingFolder {
 public:
  // Errors: exists, exhausted (disk full), internal.
  static Result<std::unique_ptr<PendingFolder>> create(const std::filesystem::path& target);
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;
  ~PendingFolder();
  const std::filesystem::path& path() const { return path_; }
  Status commit();

 private:
  PendingFolder(std::filesystem::path path, std::filesystem::path target)
      : path_{std::move(path)}, target_{std::move(target)} {}
  std::filesystem::path path_, target_;
};

// Appends to pack.bin, each array at a multiple of kPackAlignment. Not thread-safe.
class PackWriter {
 public:
  static Result<std::unique_ptr<PackWriter>> create(const std::filesystem::path& path);
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;
  ~PackWriter();
  std::uint64_t size() const { return size_; }  // where the next array will lie
  Status append(std::span<const std::byte> bytes);
  Status finish();  // on disk when it succeeds

 private:
  explicit PackWriter(int fd) : fd_{fd} {}
  Status flush();
  Status write(std::span<const std::byte> first, std::span<const std::byte> second);
  int fd_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> buffer_;
};

// Sets the manifest's hash and writes manifest.json into `folder`. Errors: too_large, exhausted.
Status write_manifest(const std::filesystem::path& folder, Manifest& manifest);

// pack.bin of one folder in another: the same file where the file system allows, else a copy. Errors: exhausted,
// internal.
Status share_pack(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace aceso::learn
