// For tests: a file system of a few MiB that really is full when it is full (tmpfs, in a mount namespace of this
// process, gone with it). Header only, so that nothing of it is in a program.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>

#include "aceso/base/file.hpp"

namespace aceso::testing {

// Mounts on a folder that exists. None where mounts are not allowed: skip the test then. Call it before the process
// has threads; children of the process see the mount.
class SmallDisk {
 public:
  static std::optional<SmallDisk> mount(const std::filesystem::path& at, std::uint64_t bytes) {
    if (!own_namespace()) return std::nullopt;
    const std::string options = "mode=0700,size=" + std::to_string(bytes);
    if (::mount("tmpfs", at.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) return std::nullopt;
    return SmallDisk{at};
  }
  SmallDisk(SmallDisk&& other) noexcept : at_{std::exchange(other.at_, {})} {}
  SmallDisk& operator=(SmallDisk&&) = delete;
  ~SmallDisk() {
    if (!at_.empty()) ::umount2(at_.c_str(), MNT_DETACH);
  }
  const std::filesystem::path& path() const { return at_; }

  // Leaves about `bytes` free: a file named "ballast" takes the rest.
  void fill(std::uint64_t bytes) const {
    const int fd = ::open((at_ / "ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const std::string page(4096, 'b');
    while (fd >= 0 && std::filesystem::space(at_).available > bytes &&
           ::write(fd, page.data(), page.size()) == static_cast<ssize_t>(page.size())) {
    }
    ::close(fd);
  }

 private:
  explicit SmallDisk(std::filesystem::path at) : at_{std::move(at)} {}

  static bool own_namespace() {
    const unsigned user = ::geteuid(), group = ::getegid();
    if (::unshare(CLONE_NEWNS) != 0) {
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
      const auto put = [](const char* file, const std::string& text) {
        const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
        const bool done = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
        ::close(fd);
        return done;
      };
      put("/proc/self/setgroups", "deny");
      if (!put("/proc/self/uid_map", std::to_string(user) + " " + std::to_string(user) + " 1") ||
          !put("/proc/self/gid_map", std::to_string(group) + " " + std::to_string(group) + " 1"))
        return false;
    }
    return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }

  std::filesystem::path at_;
};

}  // namespace aceso::testing
