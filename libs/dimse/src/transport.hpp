// Bytes of one connection, plain or TLS, with a deadline for every wait and a way to end them all from another thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "aceso/base/result.hpp"

namespace aceso::crypto {
class TlsContext;
}

namespace aceso::dimse {

// One thread at a time, but interrupt(). Errors: timeout (the deadline passed), unavailable (the connection broke),
// cancelled (interrupted), unauthenticated (TLS: the peer is not who it should be, or speaks no TLS).
class Transport {
 public:
  using Clock = std::chrono::steady_clock;
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  virtual Status handshake() = 0;  // nothing to do on a plain connection
  // At least one byte unless out is empty; 0 at the peer's end.
  virtual Result<std::size_t> read(std::span<std::byte> out) = 0;
  // All of both, in one segment where they fit: DCMTK writes a PDU's head and body apart.
  virtual Status write(std::span<const std::byte> head, std::span<const std::byte> body) = 0;
  // True when read() will not wait: bytes are there, or the end.
  virtual bool readable(std::chrono::milliseconds wait) = 0;
  virtual Status wait_readable() = 0;            // until then, or the deadline
  virtual void shutdown() = 0;                   // no more bytes from us; what was written still arrives
  virtual void interrupt() = 0;                  // any thread, any time: what waits now or later ends with cancelled
  virtual std::string peer_address() const = 0;  // "192.0.2.7", "::1"
  virtual bool secure() const = 0;
  virtual std::optional<std::string> peer_certificate_sha256() const = 0;  // lower-case hex of the DER form

  // Every wait ends there. Applies from the next call on.
  void set_deadline(Clock::time_point deadline) noexcept { deadline_ = deadline; }
  Clock::time_point deadline() const noexcept { return deadline_; }

 private:
  Clock::time_point deadline_ = Clock::time_point::max();
};

enum class TlsSide : std::uint8_t { server, client };

// Takes over the descriptor, sets TCP_NODELAY and makes it non-blocking. `host` is what the peer's certificate must
// name when side is client; null tls: plain.
std::shared_ptr<Transport> make_transport(int descriptor, std::shared_ptr<crypto::TlsContext> tls, TlsSide side,
                                          std::string host);

}  // namespace aceso::dimse
