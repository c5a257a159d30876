// The few system calls that write the log, as an interface: tests make them fail.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::store {

// As the system calls of these names: -1 and errno on failure.
class FileOps {
 public:
  FileOps() = default;
  FileOps(const FileOps&) = delete;
  FileOps& operator=(const FileOps&) = delete;
  virtual ~FileOps() = default;
  virtual ssize_t pwrite(int fd, std::span<const std::byte> bytes, off_t at);
  virtual int fdatasync(int fd);
  virtual int ftruncate(int fd, off_t size);
};

// What the log sees of the system calls; each names errno in words. exhausted: disk full, quota or file size limit.
Status write_all(FileOps& ops, int fd, std::span<const std::byte> bytes, std::uint64_t at);
Status read_exactly(int fd, std::span<std::byte> out, std::uint64_t at);  // data_loss at the end of the file
Error errno_error(std::string_view what, int number);

// Owns a file descriptor.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) noexcept : fd_{fd} {}
  OwnedFd(OwnedFd&& other) noexcept : fd_{other.fd_} { other.fd_ = -1; }
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();
  int get() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace aceso::store
