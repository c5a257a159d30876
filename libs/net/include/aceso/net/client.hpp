// A blocking HTTP/1.1 client with keep-alive: for the command line, between nodes, and for tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "aceso/base/clock.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/net/http.hpp"

namespace aceso::net {

struct ClientRequest {
  Method method = Method::get;
  std::string target = "/";  // path and query, already encoded
  Headers headers = {};
  std::string body = {};
  std::filesystem::path body_file = {};  // streamed instead of body when not empty
  // Read and sent instead of both; its length is known. Shared with whoever made it. Once: such a request is not
  // repeated.
  std::shared_ptr<BodySource> body_source = {};
  std::size_t max_response = std::size_t{64} << 20;
  std::int64_t timeout_ms = 30'000;  // between bytes; 0: none
};
struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
  Result<Json> json() const;  // an error of the server comes back as Error with its code and detail
};

// Not thread-safe: one client a thread.
class Client {
 public:
  static Result<std::unique_ptr<Client>> connect_tcp(std::string host, std::uint16_t port,
                                                     std::shared_ptr<crypto::TlsContext> tls = {});
  static Result<std::unique_ptr<Client>> connect_unix(std::filesystem::path socket);
  virtual ~Client() = default;
  virtual Result<ClientResponse> send(
      const ClientRequest& request) = 0;  // reconnects once when a kept connection was closed
  virtual Status download(const ClientRequest& request,
                          const std::function<Status(std::span<const std::byte>)>& on_piece) = 0;
  virtual Status events(const ClientRequest& request,
                        const std::function<bool(std::string_view event, std::string_view data)>&
                            on_event) = 0;  // until it returns false
};

}  // namespace aceso::net
