// Peers that break the rules, say nothing, or come in crowds: bounded, no crash, nobody else is kept waiting.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aceso/base/testing.hpp"
#include "peer.hpp"

namespace aceso::dimse::testing {
namespace {

class Raw {
 public:
  explicit Raw(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  Raw(Raw&& other) noexcept : socket_{std::exchange(other.socket_, -1)}, connected_{other.connected_} {}
  Raw& operator=(Raw&&) = delete;
  ~Raw() {
    if (socket_ >= 0) ::close(socket_);
  }
  bool connected() const { return connected_; }
  void send(const std::string& bytes) const {
    [[maybe_unused]] const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // What comes until the peer closes; nullopt when it does not within 30 s.
  std::optional<std::string> until_closed() const {
    std::string got;
    for (;;) {
      pollfd watched{socket_, POLLIN, 0};
      if (::poll(&watched, 1, 30'000) <= 0) return std::nullopt;
      std::array<char, 1024> buffer;
      const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (n <= 0) return got;
      got.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
  std::string some() const {
    pollfd watched{socket_, POLLIN, 0};
    if (::poll(&watched, 1, 30'000) <= 0) return {};
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), 0);
    return n <= 0 ? std::string{} : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

 private:
  int socket_;
  bool connected_ = false;
};

std::string big_endian(std::size_t value, int bytes) {
  std::string out;
  for (int i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
  return out;
}

std::string item(char type, const std::string& body) {
  return std::string{type, '\0'} + big_endian(body.size(), 2) + body;
}

// PS3.8 9.3.2: an association for verification.
std::string associate_request(const std::string& calling = "RAW", const std::string& called = "ACESO") {
  const auto title = [](std::string text) {
    text.resize(16, ' ');
    return text;
  };
  const std::string context =
      std::string{"\x01\0\0\0", 4} + item('\x30', "1.2.840.10008.1.1") + item('\x40', "1.2.840.10008.1.2");
  const std::string user = item('\x51', big_endian(16384, 4)) + item('\x52', "1.2.3.4");
  const std::string body = big_endian(1, 2) + std::string(2, '\0') + title(called) + title(calling) +
                           std::string(32, '\0') + item('\x10', "1.2.840.10008.3.1.1.1") + item('\x20', context) +
                           item('\x50', user);
  return std::string{"\x01\0", 2} + big_endian(body.size(), 4) + body;
}

void expect_still_serving(const TestServer& server) {
  const Raw peer{server.port()};
  peer.send(associate_request());
  const auto answer = peer.some();
  ASSERT_FALSE(answer.empty());
  EXPECT_EQ(answer[0], '\x02') << "A-ASSOCIATE-AC";
}

TEST(Hostile, bytes_that_are_no_request_are_not_listened_to) {
  TestServer server;
  for (const std::string& garbage :
       {std::string{"GET / HTTP/1.1\r\n\r\n"}, std::string(100'000, '\xFF'), std::string(10, '\0'),
        std::string{"\x04\0\0\0\0\x10", 6} + std::string(16, 'x')}) {
    const Raw peer{server.port()};
    peer.send(garbage);
    EXPECT_TRUE(peer.until_closed().has_value());
  }
  expect_still_serving(server);
}

TEST(Hostile, a_request_longer_than_any_is_refused) {
  TestServer server;
  const Raw peer{server.port()};
  peer.send(std::string{"\x01\0\xFF\xFF\xFF\xFF", 6} + std::string(200'000, 'a'));
  EXPECT_TRUE(peer.until_closed().has_value());
  expect_still_serving(server);
}

TEST(Hostile, every_cut_and_every_flipped_byte_of_a_request_is_survived) {
  ServerOptions options = open_options();
  options.artim = std::chrono::milliseconds{100};
  TestServer server{options};
  const std::string whole = associate_request();
  for (std::size_t i = 6; i < whole.size(); i += 5) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 0xFF);
    const Raw peer{server.port()};
    peer.send(flipped);
    (void)peer.some();
  }
  const Raw cut{server.port()};
  cut.send(whole.substr(0, whole.size() / 2));
  EXPECT_TRUE(cut.until_closed().has_value()) << "ARTIM ends it";
  expect_still_serving(server);
}

TEST(Hostile, half_open_connections_take_no_place) {
  ServerOptions options = open_options();
  options.associations = 2;
  options.waiting = 8;
  TestServer server{options};
  std::vector<Raw> silent;
  for (int i = 0; i < 30; ++i) {
    silent.emplace_back(server.port());
    if (i % 2 == 0) silent.back().send(associate_request().substr(0, 40));
  }
  expect_still_serving(server);
  EXPECT_GE(server.server->stats().dropped, 1U) << "the oldest make room";
}

TEST(Hostile, one_association_too_many_is_rejected_until_there_is_room) {
  ServerOptions options = open_options();
  options.associations = 2;
  TestServer server{options};
  auto first = std::make_unique<Raw>(server.port());
  first->send(associate_request());
  ASSERT_EQ(first->some().substr(0, 1), "\x02");
  const Raw second{server.port()};
  second.send(associate_request());
  ASSERT_EQ(second.some().substr(0, 1), "\x02");
  const Raw third{server.port()};
  third.send(associate_request());
  // PS3.8 9.3.4: rejected, transient, by the presentation layer's provider, local limit exceeded.
  EXPECT_EQ(third.some(), std::string("\x03\0\0\0\0\x04\0\x02\x03\x02", 10));
  first.reset();
  ASSERT_TRUE(eventually([&] { return server.server->stats().open_associations == 1; }));
  EXPECT_TRUE(eventually([&] {
    const Raw again{server.port()};
    again.send(associate_request());
    return again.some().substr(0, 1) == "\x02";
  }));
}

TEST(Hostile, a_data_pdu_that_is_too_long_or_lies_about_its_parts_ends_the_association) {
  ServerOptions options = open_options();
  TestServer server{options};
  const std::vector<std::string> pdus{
      std::string{"\x04\0\x7F\xFF\xFF\xFF", 6},                            // 2 GiB
      std::string{"\x04\0\0\0\0\x08\xFF\xFF\xFF\xF0\x01\x03", 12} + "ab",  // a PDV of 4 GiB
      std::string{"\x04\0\0\0\0\x04\0\0\0\0", 10},                         // an empty PDV
      std::string{"\x04\0\0\0\0\x0A\0\0\0\x06\x01\x03", 12} + "abcd",      // no command set
      std::string{"\x04\0\0\0\0\x0A\0\0\0\x06\x09\x03", 12} + "abcd",      // unknown context
      std::string{"\x04\0\0\0\0\x0A\0\0\0\x06\x01\x02", 12} + "abcd",      // data, no command
  };
  for (const auto& pdu : pdus) {
    const Raw peer{server.port()};
    peer.send(associate_request());
    ASSERT_EQ(peer.some().substr(0, 1), "\x02");
    peer.send(pdu);
    const auto answer = peer.until_closed();
    ASSERT_TRUE(answer.has_value()) << &pdu - pdus.data();
    EXPECT_EQ(answer->substr(0, 1), "\x07") << "A-ABORT, " << &pdu - pdus.data();
  }
  expect_still_serving(server);
}

TEST(Hostile, a_command_without_end_is_cut_off) {
  TestServer server;
  const Raw peer{server.port()};
  peer.send(associate_request());
  ASSERT_EQ(peer.some().substr(0, 1), "\x02");
  const std::string pdu = std::string{"\x04\0\0\0\x10\x06\0\0\x10\x02\x01\x01", 12} + std::string(4096, 'x');
  for (int i = 0; i < 20; ++i) peer.send(pdu);
  const auto answer = peer.until_closed();
  EXPECT_TRUE(answer.has_value());
  expect_still_serving(server);
}

TEST(Hostile, a_silent_association_is_aborted_after_the_idle_time) {
  ServerOptions options = open_options();
  options.idle = std::chrono::milliseconds{50};
  TestServer server{options};
  const Raw peer{server.port()};
  peer.send(associate_request());
  const auto answer = peer.until_closed();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->substr(0, 1), "\x02");
  EXPECT_NE(answer->find(std::string{"\x07\0\0\0\0\x04", 6}), std::string::npos) << "A-ABORT";
}

TEST(Hostile, stop_ends_silent_associations_and_joins) {
  auto server = std::make_unique<TestServer>();
  const Raw waiting{server->port()};
  const Raw peer{server->port()};
  peer.send(associate_request());
  ASSERT_EQ(peer.some().substr(0, 1), "\x02");
  server->server->stop(std::chrono::seconds{60});  // nothing is being done, so nothing is waited for
  EXPECT_TRUE(peer.until_closed().has_value());
  EXPECT_EQ(server->server->stats().open_associations, 0U);
  EXPECT_FALSE(Raw{server->port()}.connected());
}

TEST(Access, callers_and_titles_that_are_not_on_the_list_are_rejected) {
  ServerOptions options = open_options();
  options.ae_titles = {"ACESO"};
  options.admit = allow_only({{.ae = "MODALITY", .networks = {*Network::parse("127.0.0.0/8")}, .scopes = {"store"}},
                              {.ae = "ELSEWHERE", .networks = {*Network::parse("192.0.2.0/24")}, .scopes = {"store"}}});
  TestServer server{options};
  const auto answer = [&](const std::string& calling, const std::string& called) {
    const Raw peer{server.port()};
    peer.send(associate_request(calling, called));
    return peer.some();
  };
  const std::string rejected{"\x03\0\0\0\0\x04\0\x01\x01", 9};
  EXPECT_EQ(answer("MODALITY", "ACESO").substr(0, 1), "\x02");
  EXPECT_EQ(answer("STRANGER", "ACESO"), rejected + '\x03');
  EXPECT_EQ(answer("ELSEWHERE", "ACESO"), rejected + '\x03');
  EXPECT_EQ(answer("MODALITY", "OTHER"), rejected + '\x07');
}

TEST(Access, networks_contain_their_addresses) {
  EXPECT_TRUE(Network::parse("192.0.2.0/25")->contains("192.0.2.127"));
  EXPECT_FALSE(Network::parse("192.0.2.0/25")->contains("192.0.2.128"));
  EXPECT_TRUE(Network::parse("2001:db8::/33")->contains("2001:db8:7fff::1"));
  EXPECT_FALSE(Network::parse("2001:db8::/33")->contains("2001:db8:8000::1"));
  EXPECT_FALSE(Network::parse("10.1.2.3")->contains("10.1.2.4"));
  EXPECT_FALSE(Network::parse("0.0.0.0/0")->contains("::1"));
  for (const char* wrong : {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "host"}) {
    EXPECT_CODE(Network::parse(wrong), Code::invalid) << wrong;
  }
}

}  // namespace
}  // namespace aceso::dimse::testing
