// The node: the services, a web listener and the local socket, until it is told to stop.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "aceso/base/clock.hpp"
#include "aceso/base/result.hpp"
#include "services.hpp"

namespace aceso::app {

class Node {
 public:
  // Opens the services and listens; nothing is served before start(). Errors as Services::open(), and invalid for a
  // listener outside loopback without TLS.
  static Result<std::unique_ptr<Node>> open(const Home& home, const ServicesOptions& options, const Clock& clock);
  ~Node();  // stop()
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Status start();
  void stop();                         // drains for net.drain, then closes and joins; idempotent
  const std::string& address() const;  // "http://127.0.0.1:8420"
  std::string dicom_address() const;   // "127.0.0.1:11112"; empty: no DICOM listener
  Services& services();

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::app
