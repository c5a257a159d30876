// WebSocket sessions (RFC 6455) on Boost.Beast, over any transport.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aceso/net/http.hpp"
#include "shard.hpp"
#include "transport.hpp"

namespace aceso::net {

// All on the shard's thread; the WebSocket it hands to on_open is thread-safe and may outlive it.
class WebSocketSession {
 public:
  WebSocketSession() = default;
  WebSocketSession(const WebSocketSession&) = delete;
  WebSocketSession& operator=(const WebSocketSession&) = delete;
  virtual ~WebSocketSession() = default;
  virtual void start() = 0;
  virtual void close(std::uint16_t code) = 0;  // with a close frame
  virtual void abort() = 0;                    // without
};

// An error when the request may not become a WebSocket: no upgrade, or a foreign Origin.
std::optional<Error> refuse_websocket(const Request& request, const WebSocketBody& body);

// `early`: bytes that came after the request head. `on_end` is called once, when the connection can be closed.
std::shared_ptr<WebSocketSession> make_websocket(ServerCore& core, Shard& shard, std::unique_ptr<Transport> transport,
                                                 const Request& request, WebSocketBody body, std::string early,
                                                 std::function<void()> on_end);

}  // namespace aceso::net
