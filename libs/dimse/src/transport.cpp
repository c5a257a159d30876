#include "transport.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "aceso/crypto/hash.hpp"
#include "aceso/crypto/tls.hpp"

namespace aceso::dimse {
namespace {

using std::chrono::milliseconds;

std::string address_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
  }
  return text.data();
}

class Socket : public Transport {
 public:
  explicit Socket(int descriptor)
      : descriptor_{descriptor}, wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, address_{address_of(descriptor)} {
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
  }
  ~Socket() override {
    ::close(descriptor_);
    if (wake_ >= 0) ::close(wake_);
  }

  Status handshake() override { return {}; }

  // Heads of PDUs are six bytes: reading ahead saves a system call for each.
  Result<std::size_t> read(std::span<std::byte> out) override {
    if (begin_ == end_) {
      if (out.size() >= ahead_.size()) return receive(out);
      ACESO_TRY(const std::size_t n, receive(ahead_));
      begin_ = 0;
      end_ = n;
    }
    const std::size_t n = std::min(out.size(), end_ - begin_);
    std::copy_n(ahead_.begin() + static_cast<std::ptrdiff_t>(begin_), n, out.begin());
    begin_ += n;
    return n;
  }

  bool readable(milliseconds wait) override {
    if (begin_ != end_) return true;
    const auto until = std::min(deadline(), Clock::now() + wait);
    return wait_for(POLLIN, until).ok();
  }

  Status wait_readable() override {
    if (begin_ != end_) return {};
    return wait_for(POLLIN, deadline());
  }

  Status write(std::span<const std::byte> head, std::span<const std::byte> body) override {
    while (!head.empty() || !body.empty()) {
      // sendmsg only reads: NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
      std::array<iovec, 2> pieces{{{const_cast<std::byte*>(head.data()), head.size()},
                                   // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
                                   {const_cast<std::byte*>(body.data()), body.size()}}};
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = pieces.size();
      const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return broken();
        ACESO_TRY_OK(wait_for(POLLOUT, deadline()));
        continue;
      }
      const auto n = static_cast<std::size_t>(sent);
      const std::size_t of_head = std::min(n, head.size());
      head = head.subspan(of_head);
      body = body.subspan(n - of_head);
    }
    return {};
  }

  void shutdown() override { ::shutdown(descriptor_, SHUT_WR); }
  void interrupt() override {
    interrupted_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(wake_, &one, sizeof one);
  }
  std::string peer_address() const override { return address_; }
  bool secure() const override { return false; }
  std::optional<std::string> peer_certificate_sha256() const override { return std::nullopt; }

 protected:
  virtual Result<std::size_t> receive(std::span<std::byte> out) {
    for (;;) {
      if (interrupted_) return interrupted();
      const ssize_t n = ::recv(descriptor_, out.data(), out.size(), 0);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return broken();
      ACESO_TRY_OK(wait_for(POLLIN, deadline()));
    }
  }

  Status wait_for(short events, Clock::time_point until) {
    for (;;) {
      if (interrupted_) return interrupted();
      int timeout = -1;
      if (until != Clock::time_point::max()) {
        const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
        timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
      }
      std::array<pollfd, 2> watched{{{descriptor_, events, 0}, {wake_, POLLIN, 0}}};
      const int n = ::poll(watched.data(), watched.size(), timeout);
      if (n < 0 && errno != EINTR) return broken();
      if (n <= 0 && until != Clock::time_point::max() && Clock::now() >= until) {
        return Error{Code::timeout, "the peer was silent for too long"};
      }
      if (watched[1].revents != 0) return interrupted();
      if (watched[0].revents != 0) return {};
    }
  }
  static Error broken() { return {Code::unavailable, "the connection to the peer broke"}; }
  static Error interrupted() { return {Code::cancelled, "the association was stopped"}; }
  int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
  int wake_;
  std::string address_;
  std::atomic<bool> interrupted_ = false;
  std::vector<std::byte> ahead_ = std::vector<std::byte>(std::size_t{16} << 10);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

struct SslFree {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};

class TlsSocket final : public Socket {
 public:
  TlsSocket(int descriptor, std::shared_ptr<crypto::TlsContext> context, TlsSide side, std::string host)
      : Socket{descriptor}, context_{std::move(context)}, side_{side}, host_{std::move(host)} {
    ssl_.reset(SSL_new(static_cast<SSL_CTX*>(context_->native())));
    if (ssl_) SSL_set_fd(ssl_.get(), descriptor);
  }

  Status handshake() override {
    if (!ssl_) return Error{Code::internal, "no TLS session could be made"};
    if (side_ == TlsSide::client) {
      in_addr v4{};
      in6_addr v6{};
      const bool numeric =
          ::inet_pton(AF_INET, host_.c_str(), &v4) == 1 || ::inet_pton(AF_INET6, host_.c_str(), &v6) == 1;
      const int named = numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host_.c_str())
                                : SSL_set1_host(ssl_.get(), host_.c_str());
      if (named != 1) return Error{Code::invalid, "the peer's host name cannot be in a certificate"};
      if (!numeric) SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host_.data());
    }
    for (;;) {
      ERR_clear_error();
      const int n = side_ == TlsSide::server ? SSL_accept(ssl_.get()) : SSL_connect(ssl_.get());
      if (n == 1) return {};
      const int why = SSL_get_error(ssl_.get(), n);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        return Error{Code::unauthenticated, "the TLS handshake failed"};
      }
      ACESO_TRY_OK(wait_for(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline()));
    }
  }

  bool readable(milliseconds wait) override { return SSL_pending(ssl_.get()) > 0 || Socket::readable(wait); }
  Status wait_readable() override {
    if (SSL_pending(ssl_.get()) > 0) return {};
    return Socket::wait_readable();
  }

  Status write(std::span<const std::byte> head, std::span<const std::byte> body) override {
    // One record for both: TLS would send two segments.
    joined_.assign(head.begin(), head.end());
    joined_.insert(joined_.end(), body.begin(), body.end());
    std::span<const std::byte> left{joined_};
    while (!left.empty()) {
      ERR_clear_error();
      std::size_t n = 0;
      const int done = SSL_write_ex(ssl_.get(), left.data(), left.size(), &n);
      if (done == 1) {
        left = left.subspan(n);
        continue;
      }
      ACESO_TRY_OK(want(done));
    }
    return {};
  }

  void shutdown() override {
    if (ssl_) SSL_shutdown(ssl_.get());
    Socket::shutdown();
  }
  bool secure() const override { return true; }
  std::optional<std::string> peer_certificate_sha256() const override {
    if (!ssl_) return std::nullopt;
    X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return std::nullopt;
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate, &der);
    if (length <= 0) return std::nullopt;
    const auto digest = crypto::sha256({reinterpret_cast<const std::byte*>(der), static_cast<std::size_t>(length)});
    OPENSSL_free(der);
    return crypto::to_hex(digest);
  }

 protected:
  Result<std::size_t> receive(std::span<std::byte> out) override {
    for (;;) {
      ERR_clear_error();
      std::size_t n = 0;
      const int done = SSL_read_ex(ssl_.get(), out.data(), out.size(), &n);
      if (done == 1) return n;
      if (SSL_get_error(ssl_.get(), done) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      ACESO_TRY_OK(want(done));
    }
  }

 private:
  Status want(int done) {
    switch (SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        return wait_for(POLLIN, deadline());
      case SSL_ERROR_WANT_WRITE:
        return wait_for(POLLOUT, deadline());
      default:
        return broken();
    }
  }

  std::shared_ptr<crypto::TlsContext> context_;  // shared with every connection made while it was current
  TlsSide side_;
  std::string host_;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::vector<std::byte> joined_;
};

}  // namespace

std::shared_ptr<Transport> make_transport(int descriptor, std::shared_ptr<crypto::TlsContext> tls, TlsSide side,
                                          std::string host) {
  if (!tls) return std::make_shared<Socket>(descriptor);
  return std::make_shared<TlsSocket>(descriptor, std::move(tls), side, std::move(host));
}

}  // namespace aceso::dimse
