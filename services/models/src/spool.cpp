#include "spool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace aceso::models {
namespace {

Error failed(int why) {
  return Error{why == ENOSPC || why == EDQUOT ? Code::exhausted : Code::internal,
               std::string{"cannot keep the upload: "} + std::strerror(why)};
}

Status copy(int fd, std::uint64_t limit, const std::function<Result<std::size_t>(std::span<std::byte>)>& read) {
  std::vector<std::byte> piece(std::size_t{256} << 10);
  std::uint64_t total = 0;
  for (;;) {
    ACESO_TRY(const std::size_t n, read(piece));
    if (n == 0) return ::fsync(fd) == 0 ? Status{} : Status{failed(errno)};
    total += n;
    if (total > limit) return Error{Code::too_large, "the upload is larger than " + std::to_string(limit) + " bytes"};
    for (std::size_t at = 0; at < n;) {
      const ssize_t wrote = ::write(fd, piece.data() + at, n - at);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return failed(errno);
      at += static_cast<std::size_t>(wrote);
    }
  }
}

}  // namespace

Status spool_to_file(const std::filesystem::path& file, std::uint64_t limit,
                     const std::function<Result<std::size_t>(std::span<std::byte>)>& read) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed(errno);
  Status status = copy(fd, limit, read);
  if (::close(fd) != 0 && status) status = failed(errno);
  if (!status) ::unlink(file.c_str());
  return status;
}

}  // namespace aceso::models
