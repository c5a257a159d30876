// Files: bounded reads, atomic writes, temporary folders, read-only maps. Errors name the path as the caller gave it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso {

// Errors: not_found, denied, invalid (a folder), too_large (larger than limit), internal.
Result<std::vector<std::byte>> read_file(const std::filesystem::path& path, std::uint64_t limit);
Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t limit);

struct AtomicWriteOptions {
  std::uint32_t mode = 0644;
  bool durable = true;  // fsync the file and its folder before returning
};
// Writes beside the target and renames: readers see the old bytes or the new ones. Errors: not_found (no such folder),
// denied, exhausted (disk full), internal.
Status write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes,
                         AtomicWriteOptions options = {});
Status write_file_atomic(const std::filesystem::path& path, std::string_view text, AtomicWriteOptions options = {});
Status sync_directory(const std::filesystem::path& folder);

// A fresh folder under $TMPDIR, removed with everything in it on destruction.
class TempDir {
 public:
  static Result<TempDir> create(std::string_view prefix = "aceso");
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit TempDir(std::filesystem::path path) : path_{std::move(path)} {}
  std::filesystem::path path_;
};

// A whole file mapped read-only. Empty files give an empty span.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_{data}, size_{size} {}
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// A name from outside (archive member, upload) as a path below `root`. Errors: invalid for absolute paths, "..",
// backslashes, control characters (NUL among them), malformed UTF-8, empty names and parts over 255 bytes. Links that
// already lie below root are not looked at.
Result<std::filesystem::path> safe_join(const std::filesystem::path& root, std::string_view name);

}  // namespace aceso
