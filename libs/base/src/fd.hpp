// A file descriptor that closes itself, and errno as an Error. For this library's sources only.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "aceso/base/result.hpp"

namespace aceso::detail {

class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_{fd} {}
  Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

inline Code code_of_errno(int error) noexcept {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Code::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::denied;
    case EEXIST:
      return Code::exists;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return Code::exhausted;
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return Code::invalid;
    case EFBIG:
      return Code::too_large;
    default:
      return Code::internal;
  }
}

inline Error errno_error(int error, std::string_view what, const std::filesystem::path& path,
                         Where where = Where::here()) {
  return {code_of_errno(error),
          path.string() + ": " + std::string{what} + ": " + std::generic_category().message(error), where};
}

// All of it, or errno. Retries after signals and short writes.
inline int write_all(int fd, const char* data, std::size_t size) noexcept {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace aceso::detail
