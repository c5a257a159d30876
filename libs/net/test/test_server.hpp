// A server on a port of the kernel's choice, and a socket to speak raw bytes to it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/net/client.hpp"
#include "aceso/net/server.hpp"

namespace aceso::net::testing {

class MemorySink final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock{mutex_};
    lines_.emplace_back(line);
  }
  std::string text() const {
    const std::lock_guard lock{mutex_};
    std::string out;
    for (const auto& l : lines_) out += l + "\n";
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

struct TestServer {
  explicit TestServer(const Clock& clock, ServerLimits limits = {}, std::shared_ptr<crypto::TlsContext> tls = {});
  void start();  // after routes were added
  std::unique_ptr<Client> client() const;

  SeededRandom random{7};
  MemorySink sink;
  Logger logger;
  Router router;
  std::shared_ptr<crypto::TlsContext> tls;
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;
};

// Blocking, with a deadline of 20 s on every read so that a broken server fails a test instead of hanging it.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port);
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  ~RawSocket();
  void send(std::string_view bytes);
  void shut();                                    // no more will be sent
  std::string read_until(std::string_view mark);  // up to and with mark, or all that came before the end
  std::string read_all();                         // until the peer closes
  std::string read_response();                    // one, by its Content-Length
  bool closed();                                  // waits for the peer's close
  int fd() const { return fd_; }

 private:
  bool fill();
  int fd_ = -1;
  std::string in_;
};

int status_of(std::string_view response);
std::string body_of(std::string_view response);
std::string get(std::string_view path);  // a minimal request

}  // namespace aceso::net::testing
