// The HTTP/1.1 server: two I/O threads, handlers on a bounded pool, limits and time-outs on everything, strict against
// request smuggling (RFC 9112 11.2).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/net/http.hpp"

namespace aceso::net {

struct Endpoint {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                        // 0: the kernel chooses
  std::shared_ptr<crypto::TlsContext> tls = {};  // shared with the owner that may reload it
  std::filesystem::path unix_socket = {};        // not empty: a local socket (mode 0600) instead
};

struct ServerLimits {
  std::size_t max_connections = 12'000;
  std::size_t header_bytes = 32 * 1024;
  std::size_t header_fields = 100;
  std::size_t buffered_body = 64 * 1024;  // bodies up to this are read before the handler is called
  std::int64_t header_timeout_ms = 10'000;
  std::int64_t body_idle_timeout_ms = 30'000;
  std::int64_t min_body_rate =
      1024;  // bytes/s over a streamed body while the handler waits for it, after the first body_idle_timeout_ms
  std::int64_t write_timeout_ms = 30'000;
  std::int64_t keep_alive_timeout_ms = 60'000;
  std::int64_t event_ping_ms = 15'000;  // event streams and WebSockets: a sign of life this often
  std::size_t handler_threads = 16;
  std::size_t handler_queue = 256;  // beyond it 503 with Retry-After
};

struct ServerStats {
  std::uint64_t connections = 0, open_connections = 0, requests = 0, rejected = 0, bytes_in = 0, bytes_out = 0;
};

class Server {
 public:
  // `max_body` tells the limit for a request before its body is read (the router's RouteInfo). handler gets every
  // well-formed request.
  struct Callbacks {
    Handler handler;
    std::function<std::size_t(const Request&)> max_body;
  };
  static Result<std::unique_ptr<Server>> create(Callbacks callbacks, ServerLimits limits, const Clock& clock,
                                                RandomSource& random, const Logger& logger);
  virtual ~Server() = default;  // stop()
  virtual Result<Endpoint> listen(
      const Endpoint& endpoint) = 0;  // returns the endpoint with its real port. exists when the port is taken
  virtual void start() = 0;
  virtual void drain(std::int64_t grace_ms) = 0;  // no new connections, answers what is running, then closes
  virtual void stop() = 0;
  virtual ServerStats stats() const = 0;
};

}  // namespace aceso::net
