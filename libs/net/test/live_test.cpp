// Server-sent events, WebSocket, TLS.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "test_server.hpp"

namespace aceso::net {
namespace {

using testing::body_of;
using testing::get;
using testing::RawSocket;
using testing::status_of;
using testing::TestServer;

const RouteInfo kInfo{.summary = "Test", .tag = "test", .scope = ""};

template <class Done>
bool eventually(Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(Events, arrive_in_order_and_the_end_is_seen_on_both_sides) {
  const SystemClock clock;
  std::atomic<bool> closed{false};
  TestServer s{clock};
  s.router.add(Method::get, "/events", kInfo, [&](Request&) -> Result<Response> {
    Response out;
    out.body = EventStreamBody{.on_open =
                                   [](const std::shared_ptr<EventStream>& e) {
                                     for (int i = 0; i < 100; ++i)
                                       e->send("tick", "line " + std::to_string(i) + "\nsecond", std::to_string(i));
                                     e->close();
                                   },
                               .on_close = [&] { closed = true; }};
    return out;
  });
  s.start();
  int seen = 0;
  const Status got = s.client()->events({.target = "/events"}, [&](std::string_view event, std::string_view data) {
    EXPECT_EQ(event, "tick");
    EXPECT_EQ(data, "line " + std::to_string(seen) + "\nsecond");
    ++seen;
    return true;
  });
  EXPECT_TRUE(got.ok());
  EXPECT_EQ(seen, 100);
  EXPECT_TRUE(eventually([&] { return closed.load(); }));
}

TEST(Events, a_subscriber_that_lags_is_closed_and_one_that_leaves_is_noticed) {
  const SystemClock clock;
  std::mutex mutex;
  std::vector<std::shared_ptr<EventStream>> streams;
  std::atomic<int> closed{0};
  TestServer s{clock};
  s.router.add(Method::get, "/events", kInfo, [&](Request&) -> Result<Response> {
    Response out;
    out.body = EventStreamBody{.on_open =
                                   [&](std::shared_ptr<EventStream> e) {
                                     const std::lock_guard lock{mutex};
                                     streams.push_back(std::move(e));
                                   },
                               .on_close = [&] { ++closed; },
                               .max_pending = 8};
    return out;
  });
  s.start();
  const auto opened = [&](std::size_t n) {
    return eventually([&] {
      const std::lock_guard lock{mutex};
      return streams.size() == n;
    });
  };
  {
    RawSocket leaver{s.port};
    leaver.send(get("/events"));
    ASSERT_TRUE(opened(1));
  }
  EXPECT_TRUE(eventually([&] { return closed == 1; }));
  EXPECT_FALSE(streams[0]->send("a", "b"));
  RawSocket lagging{s.port};
  lagging.send(get("/events"));
  ASSERT_TRUE(opened(2));
  const std::string large(1 << 20, 'x');
  int sent = 0;
  while (sent < 1000 && streams[1]->send("large", large)) ++sent;
  EXPECT_LT(sent, 1000);
  EXPECT_TRUE(streams[1]->closed());
  s.server.reset();
  EXPECT_FALSE(streams[1]->send("a", "after the server is gone"));
}

// A client's frame, masked with zeros (RFC 6455 5.2).
std::string frame(int opcode, std::string_view payload, bool fin = true) {
  std::string out{static_cast<char>((fin ? 0x80 : 0) | opcode)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | static_cast<int>(payload.size()));
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xFF);
  }
  return out + std::string(4, '\0') + std::string{payload};
}
std::string upgrade(std::string_view more = "") {
  return "GET /ws HTTP/1.1\r\nHost: here\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
         "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         std::string{more} + "\r\n";
}

struct Sockets : ::testing::Test {
  Sockets() : s{clock} {
    s.router.add(Method::get, "/ws", kInfo, [this](Request&) -> Result<Response> {
      auto self = std::make_shared<std::shared_ptr<WebSocket>>();
      Response out;
      out.body = WebSocketBody{.on_open = [self](std::shared_ptr<WebSocket> w) { *self = std::move(w); },
                               .on_message = [self](std::string m, bool binary) { (*self)->send("echo:" + m, binary); },
                               .on_close = [this] { ++closed; },
                               .max_message = 1000};
      return out;
    });
    s.start();
  }
  std::atomic<int> closed{0};
  SystemClock clock;
  TestServer s;
};

TEST_F(Sockets, echo_fragments_and_close) {
  RawSocket w{s.port};
  w.send(upgrade("Origin: http://here\r\n") + frame(1, "early"));
  const std::string head = w.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(head), 101);
  EXPECT_NE(head.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);  // RFC 6455 1.3
  EXPECT_EQ(w.read_until("early"),
            "\x81\x0a"
            "echo:early");
  w.send(frame(1, "one,", false) + frame(9, "ping") + frame(0, "two"));
  EXPECT_EQ(w.read_until("ping"),
            "\x8a\x04"
            "ping");
  EXPECT_EQ(w.read_until("two"),
            "\x81\x0c"
            "echo:one,two");
  w.send(frame(8, "\x03\xe8"));
  EXPECT_EQ(w.read_all(), "\x88\x02\x03\xe8");
  EXPECT_TRUE(eventually([&] { return closed == 1; }));
}

TEST_F(Sockets, a_foreign_origin_a_plain_get_and_a_large_message_are_refused) {
  RawSocket foreign{s.port};
  foreign.send(upgrade("Origin: http://evil\r\n"));
  EXPECT_EQ(status_of(foreign.read_response()), 403);
  RawSocket plain{s.port};
  plain.send(get("/ws"));
  EXPECT_EQ(status_of(plain.read_response()), 400);
  RawSocket large{s.port};
  large.send(upgrade());
  large.read_until("\r\n\r\n");
  large.send(frame(2, std::string(2000, 'a')));
  EXPECT_EQ(large.read_until("\x03\xf1").substr(0, 1), "\x88");  // 1009, message too big
}

TEST(Tls, answers_over_tls13_and_an_unknown_authority_is_refused) {
  const SystemClock clock;
  const auto folder = TempDir::create();
  ASSERT_TRUE(folder.ok());
  const auto made = crypto::make_self_signed({"localhost", "127.0.0.1"}, 10);
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(write_file_atomic(folder->path() / "c.pem", made->certificate_pem).ok());
  ASSERT_TRUE(write_file_atomic(folder->path() / "k.pem", made->private_key_pem).ok());
  const auto tls = crypto::TlsContext::server(
      {.certificate_chain = folder->path() / "c.pem", .private_key = folder->path() / "k.pem", .client_ca = {}});
  ASSERT_TRUE(tls.ok());
  TestServer s{clock, {}, *tls};
  s.router.add(Method::post, "/echo",
               RouteInfo{.summary = "E", .tag = "t", .scope = "", .max_body = std::size_t{8} << 20},
               [](Request& r) -> Result<Response> {
                 EXPECT_TRUE(r.secure);
                 ACESO_TRY(std::string body, r.body->read_all(std::size_t{8} << 20));
                 return Response::text(std::move(body));
               });
  s.start();
  const auto trusting =
      crypto::TlsContext::client({.ca = folder->path() / "c.pem", .certificate_chain = {}, .private_key = {}});
  ASSERT_TRUE(trusting.ok());
  auto client = Client::connect_tcp("127.0.0.1", s.port, *trusting);
  ASSERT_TRUE(client.ok());
  for (const std::size_t size : {std::size_t{3}, std::size_t{3'000'000}, std::size_t{5}}) {
    const auto answer = (*client)->send({.method = Method::post, .target = "/echo", .body = std::string(size, 'b')});
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ(answer->body.size(), size);
  }
  const auto doubting = crypto::TlsContext::client({.ca = {}, .certificate_chain = {}, .private_key = {}});
  ASSERT_TRUE(doubting.ok());
  const auto refused = (*Client::connect_tcp("127.0.0.1", s.port, *doubting))->send({.target = "/"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::denied);
}

}  // namespace
}  // namespace aceso::net
