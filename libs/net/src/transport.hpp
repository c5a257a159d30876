// A connected byte stream, whatever it runs over: TCP, a Unix socket, TLS. Keeps Asio's templates in one file.
// Everything is called, and calls back, on the thread of the executor. At most one read and one write at a time.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>

#include "aceso/crypto/tls.hpp"

namespace aceso::net {

using ErrorCode = boost::system::error_code;
using StreamSocket = boost::asio::generic::stream_protocol::socket;

class Transport {
 public:
  using Done = std::function<void(ErrorCode, std::size_t)>;
  using Buffers = std::array<boost::asio::const_buffer, 3>;  // empty ones are skipped

  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;
  virtual void handshake(std::function<void(ErrorCode)> done) = 0;
  virtual void read_some(boost::asio::mutable_buffer buffer, Done done) = 0;
  virtual void write_some(const Buffers& buffers, Done done) = 0;
  virtual void shutdown_send(std::function<void()> done) = 0;  // no more bytes will follow
  virtual void close() = 0;                                    // cancels what runs; its callbacks get an error
  virtual boost::asio::any_io_executor executor() = 0;
};

// Sets TCP_NODELAY where the socket has it.
std::unique_ptr<Transport> make_plain_transport(StreamSocket socket);
std::unique_ptr<Transport> make_tls_transport(StreamSocket socket, const crypto::TlsContext& context);

}  // namespace aceso::net
