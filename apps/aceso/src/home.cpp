#include "home.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace aceso::app {

std::filesystem::path default_home() {
  if (const char* home = std::getenv("ACESO_HOME"); home != nullptr && *home != '\0')
    return home;  // NOLINT(concurrency-mt-unsafe): before any thread starts
  if (::geteuid() == 0) return "/var/lib/aceso";
  if (const char* user = std::getenv("HOME"); user != nullptr && *user != '\0') {  // NOLINT(concurrency-mt-unsafe)
    return std::filesystem::path{user} / ".local/share/aceso";
  }
  return "aceso-home";
}

Result<HomeLock> HomeLock::acquire(const std::filesystem::path& home) {
  const auto file = home / "lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Error{errno == EACCES ? Code::denied : Code::internal,
                 "cannot open " + file.string() + ": " + std::generic_category().message(errno)};
  }
  HomeLock lock{fd};
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 16> owner{};
    const auto n = ::pread(fd, owner.data(), owner.size() - 1, 0);
    std::string who = n > 0 ? std::string{owner.data(), static_cast<std::size_t>(n)} : std::string{"?"};
    while (!who.empty() && who.back() == '\n') who.pop_back();
    return Error{Code::unavailable,
                 home.string() + " is in use by process " + who + "; stop it, or choose another folder with --home"};
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return Error{Code::internal, "cannot write " + file.string() + ": " + std::generic_category().message(errno)};
  }
  return lock;
}

HomeLock::HomeLock(HomeLock&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
HomeLock& HomeLock::operator=(HomeLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
HomeLock::~HomeLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Home> prepare_home(const std::filesystem::path& root) {
  std::error_code ec;
  Home home{std::filesystem::absolute(root, ec)};
  for (const auto& folder : {home.root, home.root / "run", home.keys()}) {
    std::filesystem::create_directories(folder, ec);
    if (ec)
      return Error{ec == std::errc::permission_denied ? Code::denied : Code::internal,
                   "cannot create " + folder.string() + ": " + ec.message()};
    if (::chmod(folder.c_str(), 0700) != 0)
      return Error{Code::denied, "cannot restrict " + folder.string() + " to its owner"};
  }
  return home;
}

bool node_is_running(const Home& home) {
  const std::string path = home.socket().string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool answers = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return answers;
}

}  // namespace aceso::app
