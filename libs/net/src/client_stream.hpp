// A blocking byte stream with a time-out between bytes, over TCP, a Unix socket or TLS. For the client.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
#include "aceso/crypto/tls.hpp"

namespace aceso::net {

// A connected socket, closed on destruction.
class SocketHandle {
 public:
  explicit SocketHandle(int fd) noexcept : fd_{fd} {}
  SocketHandle(SocketHandle&& other) noexcept;
  SocketHandle(const SocketHandle&) = delete;
  SocketHandle& operator=(const SocketHandle&) = delete;
  ~SocketHandle();
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// Not thread-safe. Errors: timeout, unavailable (refused, reset, closed), denied (the certificate).
class ClientStream {
 public:
  ClientStream() = default;
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;
  virtual ~ClientStream() = default;
  virtual Result<std::size_t> read(std::span<char> out, std::int64_t timeout_ms) = 0;  // 0: the peer closed
  virtual Status write(std::string_view bytes, std::int64_t timeout_ms) = 0;
  virtual bool readable() const = 0;  // bytes or an end are there
};

Result<std::unique_ptr<ClientStream>> open_tcp_stream(const std::string& host, std::uint16_t port,
                                                      const crypto::TlsContext* tls, std::int64_t timeout_ms);
Result<std::unique_ptr<ClientStream>> open_unix_stream(const std::filesystem::path& socket);

}  // namespace aceso::net
