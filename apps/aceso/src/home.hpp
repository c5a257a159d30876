// $ACESO_HOME: one process owns it, by a lock on $ACESO_HOME/lock; others talk to that process over
// $ACESO_HOME/run/node.sock.
#pragma once

#include <filesystem>

#include "aceso/base/result.hpp"

namespace aceso::app {

// The folder of this installation: --home, else $ACESO_HOME, else /var/lib/aceso for root and ~/.local/share/aceso for
// others.
std::filesystem::path default_home();

// Held for as long as the object lives; released by the kernel when the process dies, however it dies.
class HomeLock {
 public:
  // Errors: unavailable when another process holds it (the message names its process id), denied, internal.
  static Result<HomeLock> acquire(const std::filesystem::path& home);
  HomeLock(HomeLock&& other) noexcept;
  HomeLock& operator=(HomeLock&& other) noexcept;
  ~HomeLock();

 private:
  explicit HomeLock(int fd) : fd_{fd} {}
  int fd_ = -1;
};

struct Home {
  std::filesystem::path root;
  std::filesystem::path socket() const { return root / "run" / "node.sock"; }
  std::filesystem::path keys() const { return root / "keys"; }
};

// Creates the folders (0700) on first use. Errors: denied, internal.
Result<Home> prepare_home(const std::filesystem::path& root);

// True when a node answers on the socket.
bool node_is_running(const Home& home);

}  // namespace aceso::app
