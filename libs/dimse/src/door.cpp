#include "door.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace aceso::dimse {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kBacklog = 128;
// More of a request than this need not be in the kernel's buffer before a thread reads it.
constexpr std::size_t kEnough = std::size_t{32} << 10;

Result<int> listen_on(Listener& listener) {
  sockaddr_storage address{};
  socklen_t length = 0;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  if (::inet_pton(AF_INET, listener.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(listener.port);
    length = sizeof v4;
  } else if (::inet_pton(AF_INET6, listener.address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(listener.port);
    length = sizeof v6;
  } else {
    return Error{Code::invalid, "a listener's address must be numeric: " + listener.address};
  }
  const int socket = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return Error{Code::exhausted, "no socket could be opened"};
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto* bare = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(socket, bare, length) != 0 || ::listen(socket, kBacklog) != 0) {
    const int error = errno;
    ::close(socket);
    const Code code = error == EADDRINUSE ? Code::exists : error == EACCES ? Code::denied : Code::invalid;
    return Error{code, "cannot listen on " + listener.address + " port " + std::to_string(listener.port) +
                           (code == Code::exists ? ": the port is taken" : "")};
  }
  sockaddr_storage real{};
  length = sizeof real;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&real), &length);
  listener.port = ntohs(real.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(real).sin_port
                                                  : reinterpret_cast<sockaddr_in6&>(real).sin6_port);
  return socket;
}

}  // namespace

Result<std::unique_ptr<Door>> Door::open(std::vector<Listener> listeners, Options options) {
  std::unique_ptr<Door> door{new Door{std::move(listeners), options}};  // NOLINT(modernize-make-unique)
  ACESO_TRY_OK(door->listen());
  return door;
}

Status Door::listen() {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return Error{Code::exhausted, "no event descriptor could be opened"};
  for (auto& listener : listeners_) {
    ACESO_TRY(const int socket, listen_on(listener));
    sockets_.push_back(socket);
  }
  return {};
}

Door::~Door() {
  for (const auto& waiting : waiting_) ::close(waiting.descriptor);
  for (const int socket : sockets_) ::close(socket);
  if (wake_ >= 0) ::close(wake_);
}

void Door::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(wake_, &one, sizeof one);
}

void Door::close() {
  closing_ = true;
  wake();
}

void Door::drop(std::size_t index) {
  ::close(waiting_[index].descriptor);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  ++dropped_;
}

void Door::accept_all(std::size_t listener) {
  for (;;) {
    const int socket = ::accept4(sockets_[listener], nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0 && errno == EINTR) continue;
    if (socket < 0) {
      // Out of descriptors: the oldest connection that says nothing makes room.
      if (errno != EMFILE && errno != ENFILE) return;
      if (!waiting_.empty()) drop(0);
      pollfd pause{wake_, POLLIN, 0};
      ::poll(&pause, 1, 50);
      return;
    }
    if (waiting_.size() >= options_.waiting) drop(0);
    waiting_.push_back({socket, listener, Clock::now() + options_.artim, false});
  }
}

// PS3.8 9.3.1: type, reserved, length in 4 bytes. TLS (RFC 8446 5.1): type, version, length in 2 bytes.
bool Door::look(Waiting& waiting) {
  std::array<unsigned char, 6> head{};
  const ssize_t n = ::recv(waiting.descriptor, head.data(), head.size(), MSG_PEEK);
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  const bool tls = listeners_[waiting.listener].tls != nullptr;
  if (head[0] != (tls ? 0x16 : 0x01)) return false;
  std::size_t whole = head.size();
  if (static_cast<std::size_t>(n) == head.size()) {
    whole += tls ? (std::size_t{head[3]} << 8 | head[4]) - 1
                 : std::size_t{head[2]} << 24 | std::size_t{head[3]} << 16 | std::size_t{head[4]} << 8 | head[5];
  }
  whole = std::min(whole, kEnough);
  std::array<unsigned char, kEnough> bytes;
  const ssize_t there = ::recv(waiting.descriptor, bytes.data(), whole, MSG_PEEK);
  waiting.complete = there == static_cast<ssize_t>(whole) && whole > head.size();
  const int wanted = waiting.complete ? 1 : static_cast<int>(whole);
  ::setsockopt(waiting.descriptor, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
  return true;
}

void Door::run(const Enter& enter) {
  std::vector<pollfd> watched;
  while (!closing_) {
    watched.assign(1, {wake_, POLLIN, 0});
    for (const int socket : sockets_) watched.push_back({socket, POLLIN, 0});
    auto until = Clock::time_point::max();
    for (const auto& waiting : waiting_) {
      // A complete one waits for its turn, not for bytes.
      watched.push_back({waiting.descriptor, static_cast<short>(waiting.complete ? 0 : POLLIN | POLLRDHUP), 0});
      until = std::min(until, waiting.deadline);
    }
    int timeout = -1;
    if (until != Clock::time_point::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
    }
    ::poll(watched.data(), watched.size(), timeout);
    if (watched[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t ignored = ::read(wake_, &count, sizeof count);
    }
    const auto now = Clock::now();
    for (std::size_t i = waiting_.size(); i-- > 0;) {
      const short seen = watched[1 + sockets_.size() + i].revents;
      Waiting& waiting = waiting_[i];
      bool gone = now >= waiting.deadline || (seen & (POLLHUP | POLLERR)) != 0;
      if (!gone && !waiting.complete && seen != 0) {
        gone = !look(waiting) || (!waiting.complete && (seen & POLLRDHUP) != 0);
      }
      if (gone) drop(i);
    }
    for (std::size_t i = 0; i < waiting_.size() && !closing_;) {
      const Waiting waiting = waiting_[i];
      if (waiting.complete && enter(waiting.descriptor, listeners_[waiting.listener], waiting.deadline)) {
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (watched[1 + i].revents != 0) accept_all(i);
    }
  }
  for (const int socket : sockets_) ::close(socket);
  sockets_.clear();
}

}  // namespace aceso::dimse
