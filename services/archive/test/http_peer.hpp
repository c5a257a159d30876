// Another system for the tests: a real HTTP server on a port that the kernel chose, with any router.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/random.hpp"
#include "aceso/net/server.hpp"
#include "fixture.hpp"

namespace aceso::archive::testing {

class HttpPeer {
 public:
  explicit HttpPeer(net::Handler handler) {
    server_ = *net::Server::create(
        {.handler = std::move(handler), .max_body = [](const net::Request&) { return std::size_t{64} << 20; }}, {},
        clock_, random_, logger_);
    port_ = server_->listen({.address = "127.0.0.1", .port = 0, .tls = {}, .unix_socket = {}})->port;
    server_->start();
  }
  ~HttpPeer() { server_->stop(); }
  HttpPeer(const HttpPeer&) = delete;
  HttpPeer& operator=(const HttpPeer&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  SystemClock clock_;
  SeededRandom random_{11};
  SilentSink sink_;
  Logger logger_{clock_, sink_};
  std::unique_ptr<net::Server> server_;
  std::uint16_t port_ = 0;
};

}  // namespace aceso::archive::testing
