#include "aceso/base/file.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "aceso/base/text.hpp"
#include "fd.hpp"

namespace aceso {
namespace {

using detail::errno_error;
using detail::Fd;

constexpr std::size_t kReadStep = std::size_t{1} << 20;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestPath = 4096;

Error over_limit(const std::filesystem::path& path, std::uint64_t limit) {
  return {Code::too_large, path.string() + ": larger than " + std::to_string(limit) + " bytes"};
}

Result<Fd> open_for_reading(const std::filesystem::path& path, struct stat& info) {
  Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd || ::fstat(fd.get(), &info) != 0) return errno_error(errno, "cannot open", path);
  if (S_ISDIR(info.st_mode)) return Error{Code::invalid, path.string() + ": is a folder"};
  return fd;
}

// Buffer: std::string or std::vector<std::byte>. Files in /proc and pipes tell no size, so reading decides, not
// st_size.
template <class Buffer>
Result<Buffer> read_whole(const std::filesystem::path& path, std::uint64_t limit) {
  struct stat info{};
  ACESO_TRY(const Fd fd, open_for_reading(path, info));
  const auto known = static_cast<std::uint64_t>(info.st_size);
  if (known > limit) return over_limit(path, limit);
  Buffer buffer;
  std::size_t used = 0;
  buffer.resize(known + 1);  // one more, so that the end shows in the same call
  for (;;) {
    if (used == buffer.size()) buffer.resize(used + kReadStep);
    const ssize_t n = ::read(fd.get(), buffer.data() + used, buffer.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "cannot read", path);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
    if (used > limit) return over_limit(path, limit);
  }
  buffer.resize(used);
  return buffer;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const auto folder = path.parent_path();
  return folder.empty() ? std::filesystem::path{"."} : folder;
}

Status fill_temporary(const Fd& fd, const std::filesystem::path& path, std::string_view text,
                      AtomicWriteOptions options) {
  if (::fchmod(fd.get(), options.mode) != 0) return errno_error(errno, "cannot set the mode", path);
  if (const int error = detail::write_all(fd.get(), text.data(), text.size()); error != 0) {
    return errno_error(error, "cannot write", path);
  }
  if (options.durable && ::fsync(fd.get()) != 0) return errno_error(errno, "cannot sync", path);
  return {};
}

// Why a component of a name from outside is refused, or "".
std::string_view fault_of(std::string_view component) {
  if (component == "..") return "leads out of its folder";
  if (component.size() > kLongestName) return "has a part longer than 255 bytes";
  for (std::size_t at = 0; at < component.size();) {
    const auto point = decode_utf8(component, at);
    if (!point) return "is not UTF-8";
    if (is_unsafe_control(point->value)) return "holds a control character";
    if (point->value == U'\\') return "holds a backslash";
    at += point->bytes;
  }
  return {};
}

}  // namespace

Result<std::vector<std::byte>> read_file(const std::filesystem::path& path, std::uint64_t limit) {
  return read_whole<std::vector<std::byte>>(path, limit);
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t limit) {
  return read_whole<std::string>(path, limit);
}

Status write_file_atomic(const std::filesystem::path& path, std::string_view text, AtomicWriteOptions options) {
  const auto folder = folder_of(path);
  std::string temporary = (folder / ".aceso-XXXXXX").string();
  const Fd fd{::mkostemp(temporary.data(), O_CLOEXEC)};
  if (!fd) return errno_error(errno, "cannot create a file in its folder", path);
  Status written = fill_temporary(fd, path, text, options);
  if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = errno_error(errno, "cannot replace", path);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return options.durable ? sync_directory(folder) : Status{};
}

Status write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes,
                         AtomicWriteOptions options) {
  return write_file_atomic(path, std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, options);
}

Status sync_directory(const std::filesystem::path& folder) {
  const Fd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd || ::fsync(fd.get()) != 0) return errno_error(errno, "cannot sync the folder", folder);
  return {};
}

Result<TempDir> TempDir::create(std::string_view prefix) {
  std::error_code failed;
  const auto base = std::filesystem::temp_directory_path(failed);
  if (failed) return Error{Code::not_found, "no folder for temporary files: TMPDIR names none"};
  std::string name = (base / (std::string{prefix} + "-XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) return errno_error(errno, "cannot create a temporary folder", base);
  return TempDir{std::filesystem::path{name}};
}

TempDir::TempDir(TempDir&& other) noexcept : path_{std::exchange(other.path_, {})} {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  std::error_code ignored;  // what cannot be removed stays behind; a destructor has no one to tell
  std::filesystem::remove_all(path_, ignored);
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  struct stat info{};
  ACESO_TRY(const Fd fd, open_for_reading(path, info));
  if (!S_ISREG(info.st_mode)) return Error{Code::invalid, path.string() + ": is no ordinary file"};
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return MappedFile{nullptr, 0};
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return errno_error(errno, "cannot map", path);
  return MappedFile{static_cast<const std::byte*>(data), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  // munmap takes a mutable address though it writes nothing.
  if (data_ != nullptr)
    ::munmap(const_cast<std::byte*>(data_), size_);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

Result<std::filesystem::path> safe_join(const std::filesystem::path& root, std::string_view name) {
  const auto refuse = [](std::string_view why) {
    return Error{Code::invalid, "a file name from outside is refused: it " + std::string{why}};
  };
  if (name.empty()) return refuse("is empty");
  if (name.size() > kLongestPath) return refuse("is longer than 4096 bytes");
  if (name.front() == '/') return refuse("is absolute");
  std::filesystem::path path = root;
  bool named = false;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('/'), name.size());
    const std::string_view component = name.substr(0, end);
    name.remove_prefix(std::min(end + 1, name.size()));
    if (component.empty() || component == ".") continue;
    if (const auto fault = fault_of(component); !fault.empty()) return refuse(fault);
    path /= component;
    named = true;
  }
  if (!named) return refuse("names no file");
  return path;
}

}  // namespace aceso
