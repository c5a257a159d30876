// The listening sockets, and the connections that have not said yet who they are. A connection costs no thread before
// its A-ASSOCIATE-RQ (or TLS ClientHello) has arrived whole, so half-open ones cannot keep others out.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dimse/server.hpp"

namespace aceso::dimse {

class Door {
 public:
  struct Options {
    std::size_t waiting = 256;
    std::chrono::milliseconds artim = std::chrono::seconds{30};
  };
  // Called on the door's thread. Takes over the descriptor, or returns false: ask again later.
  using Enter =
      std::function<bool(int descriptor, const Listener& listener, std::chrono::steady_clock::time_point deadline)>;

  // Opens the listeners, sets their real ports. Errors: exists, denied, invalid.
  static Result<std::unique_ptr<Door>> open(std::vector<Listener> listeners, Options options);
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door();

  const std::vector<Listener>& listeners() const noexcept { return listeners_; }
  void run(const Enter& enter);  // until close()
  void close();                  // thread-safe
  void wake();                   // thread-safe: asks again for who was refused
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  struct Waiting {
    int descriptor;
    std::size_t listener;
    std::chrono::steady_clock::time_point deadline;
    bool complete;
  };
  Door(std::vector<Listener> listeners, Options options) : listeners_{std::move(listeners)}, options_{options} {}
  Status listen();
  void accept_all(std::size_t listener);
  bool look(Waiting& waiting);  // false: drop it
  void drop(std::size_t index);

  std::vector<Listener> listeners_;
  Options options_;
  std::vector<int> sockets_;
  std::vector<Waiting> waiting_;  // oldest first
  int wake_ = -1;
  std::atomic<bool> closing_ = false;
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace aceso::dimse
