#include "file_ops.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace aceso::store {

ssize_t FileOps::pwrite(int fd, std::span<const std::byte> bytes, off_t at) {
  return ::pwrite(fd, bytes.data(), bytes.size(), at);
}
int FileOps::fdatasync(int fd) {
  return ::fdatasync(fd);
}
int FileOps::ftruncate(int fd, off_t size) {
  return ::ftruncate(fd, size);
}

Error errno_error(std::string_view what, int number) {
  Code code = Code::internal;
  if (number == ENOSPC || number == EDQUOT || number == EFBIG || number == EMFILE || number == ENFILE) {
    code = Code::exhausted;
  } else if (number == EACCES || number == EPERM || number == EROFS) {
    code = Code::denied;
  } else if (number == ENOENT) {
    code = Code::not_found;
  }
  char text[128] = {};
  return Error{code, std::string{what} + ": " + ::strerror_r(number, text, sizeof text)};
}

Status write_all(FileOps& ops, int fd, std::span<const std::byte> bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t done = ops.pwrite(fd, bytes, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return errno_error("cannot write the log", done == 0 ? ENOSPC : errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    at += static_cast<std::uint64_t>(done);
  }
  return {};
}

Status read_exactly(int fd, std::span<std::byte> out, std::uint64_t at) {
  while (!out.empty()) {
    const ssize_t done = ::pread(fd, out.data(), out.size(), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno_error("cannot read the log", errno);
    if (done == 0) return Error{Code::data_loss, "a segment file ends too early"};
    out = out.subspan(static_cast<std::size_t>(done));
    at += static_cast<std::uint64_t>(done);
  }
  return {};
}

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace aceso::store
