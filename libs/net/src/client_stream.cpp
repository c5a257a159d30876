#include "client_stream.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace aceso::net {
namespace {

Error socket_error(int error) {
  const Code code = error == ETIMEDOUT ? Code::timeout : (error == EACCES ? Code::denied : Code::unavailable);
  std::array<char, 128> text{};
  return Error{code, std::string{"connection: "} + ::strerror_r(error, text.data(), text.size())};
}

Status wait_for(int fd, short events, std::int64_t timeout_ms) {
  pollfd p{.fd = fd, .events = events, .revents = 0};
  int n = 0;
  do {
    n = ::poll(&p, 1, timeout_ms <= 0 ? -1 : static_cast<int>(std::min<std::int64_t>(timeout_ms, 1'000'000'000)));
  } while (n < 0 && errno == EINTR);
  if (n < 0) return socket_error(errno);
  if (n == 0) return Error{Code::timeout, "the peer is silent"};
  return {};
}

class PlainStream final : public ClientStream {
 public:
  explicit PlainStream(SocketHandle socket) : socket_{std::move(socket)} {}

  Result<std::size_t> read(std::span<char> out, std::int64_t timeout_ms) override {
    while (true) {
      const ssize_t n = ::recv(socket_.get(), out.data(), out.size(), MSG_DONTWAIT);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno == EAGAIN) {
        ACESO_TRY_OK(wait_for(socket_.get(), POLLIN, timeout_ms));
      } else if (errno != EINTR) {
        return socket_error(errno);
      }
    }
  }

  Status write(std::string_view bytes, std::int64_t timeout_ms) override {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        ACESO_TRY_OK(wait_for(socket_.get(), POLLOUT, timeout_ms));
      } else if (errno != EINTR) {
        return socket_error(errno);
      }
    }
    return {};
  }

  bool readable() const override {
    pollfd p{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, 0) > 0;
  }

 private:
  SocketHandle socket_;
};

// TLS over memory BIOs: the socket is only touched with MSG_NOSIGNAL and time-outs.
class TlsStream final : public ClientStream {
 public:
  TlsStream(std::unique_ptr<PlainStream> plain, SSL* ssl) : plain_{std::move(plain)}, ssl_{ssl} {
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }
  ~TlsStream() override { SSL_free(ssl_); }

  Status handshake(std::int64_t timeout_ms) {
    while (true) {
      const int result = SSL_connect(ssl_);
      if (result == 1) return flush(timeout_ms);
      const int why = SSL_get_error(ssl_, result);
      if (const Status sent = flush(timeout_ms); !sent) return sent;
      if (why != SSL_ERROR_WANT_READ)
        return SSL_get_verify_result(ssl_) != X509_V_OK
                   ? Error{Code::denied, std::string{"the certificate is not trusted: "} +
                                             X509_verify_cert_error_string(SSL_get_verify_result(ssl_))}
                   : Error{Code::unavailable, "the TLS handshake failed"};
      ACESO_TRY(const std::size_t n, fill(timeout_ms));
      if (n == 0) return Error{Code::unavailable, "the peer closed during the TLS handshake"};
    }
  }

  Result<std::size_t> read(std::span<char> out, std::int64_t timeout_ms) override {
    while (true) {
      std::size_t n = 0;
      const int result = SSL_read_ex(ssl_, out.data(), out.size(), &n);
      if (result == 1) return n;
      const int why = SSL_get_error(ssl_, result);
      if (why == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      if (why != SSL_ERROR_WANT_READ) return Error{Code::unavailable, "TLS failed"};
      ACESO_TRY_OK(flush(timeout_ms));
      ACESO_TRY(const std::size_t got, fill(timeout_ms));
      if (got == 0) return std::size_t{0};
    }
  }

  Status write(std::string_view bytes, std::int64_t timeout_ms) override {
    while (!bytes.empty()) {
      std::size_t n = 0;
      if (SSL_write_ex(ssl_, bytes.data(), std::min<std::size_t>(bytes.size(), 64 * 1024), &n) != 1)
        return Error{Code::unavailable, "TLS failed"};
      bytes.remove_prefix(n);
      ACESO_TRY_OK(flush(timeout_ms));
    }
    return {};
  }

  bool readable() const override { return SSL_pending(ssl_) > 0 || plain_->readable(); }

 private:
  Status flush(std::int64_t timeout_ms) {
    char* data = nullptr;
    BIO* out = SSL_get_wbio(ssl_);
    const long n = BIO_get_mem_data(out, &data);  // NOLINT: OpenSSL's macro
    if (n <= 0) return {};
    const std::string bytes{data, static_cast<std::size_t>(n)};
    (void)BIO_reset(out);
    return plain_->write(bytes, timeout_ms);
  }
  Result<std::size_t> fill(std::int64_t timeout_ms) {
    std::array<char, 16 * 1024> piece;
    ACESO_TRY(const std::size_t n, plain_->read(piece, timeout_ms));
    if (n > 0) BIO_write(SSL_get_rbio(ssl_), piece.data(), static_cast<int>(n));
    return n;
  }

  std::unique_ptr<PlainStream> plain_;
  SSL* ssl_;
};

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

Result<SocketHandle> connect_to(const addrinfo& to, std::int64_t timeout_ms) {
  SocketHandle socket{::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol)};
  if (socket.get() < 0) return socket_error(errno);
  if (::connect(socket.get(), to.ai_addr, to.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return socket_error(errno);
    ACESO_TRY_OK(wait_for(socket.get(), POLLOUT, timeout_ms));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return socket_error(error);
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

Result<SocketHandle> resolve_and_connect(const std::string& host, std::uint16_t port, std::int64_t timeout_ms) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  if (is_address(host)) hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0)
    return Error{Code::unavailable, "the host name '" + host + "' is not known"};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, &::freeaddrinfo};
  Error last{Code::unavailable, "the host has no address"};
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    Result<SocketHandle> socket = connect_to(*a, timeout_ms);
    if (socket) return socket;
    last = socket.error();
  }
  return last;
}

}  // namespace

SocketHandle::SocketHandle(SocketHandle&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
SocketHandle::~SocketHandle() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<ClientStream>> open_tcp_stream(const std::string& host, std::uint16_t port,
                                                      const crypto::TlsContext* tls, std::int64_t timeout_ms) {
  ACESO_TRY(SocketHandle socket, resolve_and_connect(host, port, timeout_ms));
  auto plain = std::make_unique<PlainStream>(std::move(socket));
  if (tls == nullptr) return std::unique_ptr<ClientStream>{std::move(plain)};
  SSL* ssl = SSL_new(static_cast<SSL_CTX*>(tls->native()));
  if (ssl == nullptr) return Error{Code::internal, "no TLS session"};
  auto stream = std::make_unique<TlsStream>(std::move(plain), ssl);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  const bool named = is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1
                                      : SSL_set1_host(ssl, host.c_str()) == 1 &&
                                            SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                                     std::string{host}.data()) == 1;
  if (!named) return Error{Code::invalid, "the host name cannot be verified"};
  ACESO_TRY_OK(stream->handshake(timeout_ms));
  return std::unique_ptr<ClientStream>{std::move(stream)};
}

Result<std::unique_ptr<ClientStream>> open_unix_stream(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof address.sun_path) return Error{Code::invalid, "the path of the local socket is too long"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  SocketHandle handle{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (handle.get() < 0) return socket_error(errno);
  if (::connect(handle.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return socket_error(errno);
  return std::unique_ptr<ClientStream>{std::make_unique<PlainStream>(std::move(handle))};
}

}  // namespace aceso::net
