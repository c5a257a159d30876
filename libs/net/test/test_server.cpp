#include "test_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace aceso::net::testing {

TestServer::TestServer(const Clock& clock, ServerLimits limits, std::shared_ptr<crypto::TlsContext> with_tls)
    : logger{clock, sink}, tls{std::move(with_tls)} {
  Server::Callbacks callbacks{.handler = [this](Request& r) { return route_request(router, r); },
                              .max_body = [this](const Request& r) { return route_max_body(router, r); }};
  auto made = Server::create(std::move(callbacks), limits, clock, random, logger);
  EXPECT_TRUE(made.ok());
  server = *std::move(made);
}

void TestServer::start() {
  const auto real = server->listen(Endpoint{.address = "127.0.0.1", .port = 0, .tls = tls, .unix_socket = {}});
  ASSERT_TRUE(real.ok()) << real.error().message();
  port = real->port;
  server->start();
}

std::unique_ptr<Client> TestServer::client() const {
  auto c = Client::connect_tcp("127.0.0.1", port);
  EXPECT_TRUE(c.ok());
  return *std::move(c);
}

RawSocket::RawSocket(std::uint16_t port) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
}
RawSocket::~RawSocket() {
  ::close(fd_);
}

void RawSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}
void RawSocket::shut() {
  ::shutdown(fd_, SHUT_WR);
}

bool RawSocket::fill() {
  pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&p, 1, 20'000) <= 0) {
    ADD_FAILURE() << "the server is silent";
    return false;
  }
  std::array<char, 16384> piece;
  const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
  if (n <= 0) return false;
  in_.append(piece.data(), static_cast<std::size_t>(n));
  return true;
}

std::string RawSocket::read_until(std::string_view mark) {
  std::size_t at = 0;
  while ((at = in_.find(mark)) == std::string::npos) {
    if (!fill()) return std::exchange(in_, {});
  }
  std::string out = in_.substr(0, at + mark.size());
  in_.erase(0, at + mark.size());
  return out;
}

std::string RawSocket::read_all() {
  while (fill()) {
  }
  return std::exchange(in_, {});
}

std::string RawSocket::read_response() {
  std::string out = read_until("\r\n\r\n");
  const std::size_t field = out.find("Content-Length: ");
  if (field == std::string::npos) return out;
  const std::size_t length = std::strtoul(out.c_str() + field + 16, nullptr, 10);
  while (in_.size() < length && fill()) {
  }
  out += in_.substr(0, length);
  in_.erase(0, length);
  return out;
}

bool RawSocket::closed() {
  while (fill()) {
  }
  pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&p, 1, 0) > 0;
}

int status_of(std::string_view response) {
  return response.size() > 12 ? std::atoi(std::string{response.substr(9, 3)}.c_str()) : 0;
}
std::string body_of(std::string_view response) {
  const std::size_t at = response.find("\r\n\r\n");
  return at == std::string_view::npos ? std::string{} : std::string{response.substr(at + 4)};
}
std::string get(std::string_view path) {
  return "GET " + std::string{path} + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

}  // namespace aceso::net::testing
