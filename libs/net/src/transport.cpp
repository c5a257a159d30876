#include "transport.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace aceso::net {
namespace {

namespace asio = boost::asio;

void set_no_delay(StreamSocket& socket) {
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails harmlessly on a Unix socket
}

class Plain final : public Transport {
 public:
  explicit Plain(StreamSocket socket) : socket_{std::move(socket)} {}
  void handshake(std::function<void(ErrorCode)> done) override { done({}); }
  void read_some(asio::mutable_buffer buffer, Done done) override { socket_.async_read_some(buffer, std::move(done)); }
  void write_some(const Buffers& buffers, Done done) override { socket_.async_write_some(buffers, std::move(done)); }
  void shutdown_send(std::function<void()> done) override {
    ErrorCode ignored;
    socket_.shutdown(StreamSocket::shutdown_send, ignored);
    done();
  }
  void close() override {
    ErrorCode ignored;
    socket_.close(ignored);
  }
  asio::any_io_executor executor() override { return socket_.get_executor(); }

 private:
  StreamSocket socket_;
};

// Asio's context object frees its SSL_CTX, and the stream keeps only the SSL made from it: lend a reference.
asio::ssl::context borrow(const crypto::TlsContext& context) {
  auto* native = static_cast<SSL_CTX*>(context.native());
  SSL_CTX_up_ref(native);
  return asio::ssl::context{native};
}

class Tls final : public Transport {
 public:
  Tls(StreamSocket socket, asio::ssl::context context) : stream_{std::move(socket), context} {}
  void handshake(std::function<void(ErrorCode)> done) override {
    stream_.async_handshake(asio::ssl::stream_base::server, std::move(done));
  }
  void read_some(asio::mutable_buffer buffer, Done done) override { stream_.async_read_some(buffer, std::move(done)); }
  void write_some(const Buffers& buffers, Done done) override { stream_.async_write_some(buffers, std::move(done)); }
  void shutdown_send(std::function<void()> done) override {
    stream_.async_shutdown([done = std::move(done)](ErrorCode) { done(); });
  }
  void close() override {
    ErrorCode ignored;
    stream_.next_layer().close(ignored);
  }
  asio::any_io_executor executor() override { return stream_.get_executor(); }

 private:
  asio::ssl::stream<StreamSocket> stream_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(StreamSocket socket) {
  set_no_delay(socket);
  return std::make_unique<Plain>(std::move(socket));
}

std::unique_ptr<Transport> make_tls_transport(StreamSocket socket, const crypto::TlsContext& context) {
  set_no_delay(socket);
  return std::make_unique<Tls>(std::move(socket), borrow(context));
}

}  // namespace aceso::net
