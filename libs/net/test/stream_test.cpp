// Bodies that stream, time-outs, and clients that are slow: nobody waits for them.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <thread>

#include "aceso/base/file.hpp"
#include "test_server.hpp"

namespace aceso::net {
namespace {

using testing::body_of;
using testing::get;
using testing::RawSocket;
using testing::status_of;
using testing::TestServer;

RouteInfo info(std::size_t max_body = 1 << 20) {
  return RouteInfo{.summary = "Test", .tag = "test", .scope = "", .max_body = max_body};
}

// Counts up in bytes; the reader can check every one of them.
class Counting final : public BodySource {
 public:
  Counting(std::uint64_t size, bool known) : size_{size}, known_{known} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - at_));
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>((at_ + i) % 251);
    at_ += n;
    return n;
  }
  std::optional<std::uint64_t> length() const override { return known_ ? std::optional{size_} : std::nullopt; }

 private:
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  bool known_;
};

long peak_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(Stream, an_upload_of_any_size_needs_little_memory) {
  const SystemClock clock;
  TestServer s{clock};
  s.router.add(Method::post, "/up", info(std::size_t{2} << 30), [](Request& r) -> Result<Response> {
    std::vector<std::byte> piece(100'000);
    std::uint64_t sum = 0;
    while (true) {
      ACESO_TRY(const std::size_t n, r.body->read(piece));
      if (n == 0) return Response::text(std::to_string(sum));
      sum += n;
    }
  });
  s.start();
  const char* wanted = std::getenv("ACESO_NET_UPLOAD_MIB");  // 1024 for the long form
  const std::uint64_t mib = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 128;
  const auto folder = TempDir::create();
  ASSERT_TRUE(folder.ok());
  const auto file = folder->path() / "sparse";
  {
    const std::ofstream made{file};
  }
  std::filesystem::resize_file(file, mib << 20);
  const long before = peak_kib();
  const auto answer = s.client()->send({.method = Method::post, .target = "/up", .body_file = file});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->body, std::to_string(mib << 20));
  RecordProperty("peak_growth_kib", static_cast<int>(peak_kib() - before));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak_kib() - before, 32 * 1024);
#endif
}

TEST(Stream, a_pulled_body_arrives_whole_with_and_without_length) {
  const SystemClock clock;
  TestServer s{clock};
  for (const bool known : {true, false}) {
    s.router.add(Method::get, known ? "/known" : "/unknown", info(), [known](Request&) -> Result<Response> {
      Response out;
      out.body = std::make_shared<Counting>(1'000'003, known);
      return out;
    });
  }
  s.start();
  const auto client = s.client();
  for (const char* target : {"/known", "/unknown", "/known"}) {
    std::uint64_t at = 0;
    bool right = true;
    const Status got = client->download({.target = target}, [&](std::span<const std::byte> piece) -> Status {
      for (const std::byte b : piece) right = right && b == static_cast<std::byte>(at++ % 251);
      return {};
    });
    ASSERT_TRUE(got.ok()) << got.error().message();
    EXPECT_EQ(at, 1'000'003U);
    EXPECT_TRUE(right);
  }
  EXPECT_EQ(s.server->stats().connections, 1U);
}

// One handler thread: slow readers, slow uploaders and half-sent heads must not hold it.
TEST(Stream, slow_clients_block_nobody) {
  const SystemClock clock;
  ServerLimits limits;
  limits.handler_threads = 1;
  TestServer s{clock, limits};
  s.router.add(Method::get, "/big", info(), [](Request&) -> Result<Response> {
    Response out;
    out.body = std::make_shared<Counting>(std::uint64_t{1} << 33, true);
    return out;
  });
  s.router.add(Method::get, "/quick", info(), [](Request&) -> Result<Response> { return Response::text("quick"); });
  s.router.add(Method::post, "/echo", info(), [](Request& r) -> Result<Response> {
    ACESO_TRY(std::string body, r.body->read_all(1 << 20));
    return Response::text(std::move(body));
  });
  s.start();
  std::vector<std::unique_ptr<RawSocket>> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(std::make_unique<RawSocket>(s.port));
    slow.back()->send(get("/big"));  // never read
    slow.push_back(std::make_unique<RawSocket>(s.port));
    slow.back()->send("GET /quick HTTP/1.1\r\nHo");
    slow.push_back(std::make_unique<RawSocket>(s.port));
    slow.back()->send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nonly this");
  }
  const auto client = s.client();
  for (int i = 0; i < 20; ++i) {
    const auto answer = client->send({.target = "/quick"});
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ(answer->body, "quick");
  }
  s.server->stop();
}

// Connections go to the two I/O threads in turns, and a thread answers only after what came to it before.
void io_threads_are_done(const TestServer& s) {
  for (int i = 0; i < 2; ++i) {
    RawSocket next{s.port};
    next.send("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(status_of(next.read_all()), 404);
  }
}

TEST(Stream, time_outs_end_idle_half_sent_and_stalled_requests) {
  ManualClock clock;
  TestServer s{clock};
  s.router.add(Method::post, "/echo", info(), [](Request& r) -> Result<Response> {
    ACESO_TRY(std::string body, r.body->read_all(1 << 20));
    return Response::text(std::move(body));
  });
  s.start();
  RawSocket half{s.port};
  half.send("POST /echo HTTP/1.1\r\nHos");
  RawSocket stalled{s.port};
  stalled.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nfew");
  RawSocket streaming{s.port};  // its handler waits for the rest
  streaming.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + std::string(100'000, 'a'));
  RawSocket idle{s.port};
  idle.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(body_of(idle.read_response()), "ok");
  while (s.server->stats().bytes_in < 100'000 + 180) std::this_thread::yield();
  io_threads_are_done(s);  // bytes are counted before their deadline is set
  clock.advance(std::chrono::seconds{11});
  EXPECT_EQ(status_of(half.read_all()), 408);
  clock.advance(std::chrono::seconds{20});
  EXPECT_EQ(status_of(stalled.read_all()), 408);
  EXPECT_EQ(status_of(streaming.read_all()), 408);
  clock.advance(std::chrono::seconds{40});
  EXPECT_EQ(idle.read_all(), "");
}

TEST(Stream, a_full_queue_answers_503_and_says_when_to_retry) {
  const SystemClock clock;
  ServerLimits limits;
  limits.handler_threads = 1;
  limits.handler_queue = 1;
  TestServer s{clock, limits};
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  std::atomic<int> running{0};
  s.router.add(Method::get, "/wait", info(), [&](Request&) -> Result<Response> {
    ++running;
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return open; });
    return Response::text("done");
  });
  s.start();
  RawSocket first{s.port};
  first.send(get("/wait"));
  while (running == 0) std::this_thread::yield();
  std::vector<std::unique_ptr<RawSocket>> more;
  std::string answer;
  for (int i = 0; i < 2; ++i) {
    more.push_back(std::make_unique<RawSocket>(s.port));
    more.back()->send(get("/wait"));
    while (s.server->stats().requests < static_cast<std::uint64_t>(2 + i)) std::this_thread::yield();
  }
  // Two I/O threads: either of the two may have come first. One waits in the queue, the other is refused at once.
  std::array<pollfd, 2> fds{pollfd{more[0]->fd(), POLLIN, 0}, pollfd{more[1]->fd(), POLLIN, 0}};
  ASSERT_GT(::poll(fds.data(), fds.size(), 20'000), 0);
  const std::size_t refused = fds[0].revents != 0 ? 0 : 1;
  answer = more[refused]->read_response();
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_NE(answer.find("Retry-After: "), std::string::npos);
  {
    const std::lock_guard lock{mutex};
    open = true;
  }
  changed.notify_all();
  EXPECT_EQ(body_of(first.read_response()), "done");
  EXPECT_EQ(body_of(more[1 - refused]->read_response()), "done");
}

TEST(Stream, a_refused_upload_still_gets_its_answer) {
  const SystemClock clock;
  TestServer s{clock};
  s.router.add(Method::post, "/deny", info(std::size_t{64} << 20),
               [](Request&) -> Result<Response> { return Error{Code::denied, "no"}; });
  s.router.add(Method::post, "/small", info(1000), [](Request&) -> Result<Response> { return Response::text("?"); });
  s.start();
  const auto client = s.client();
  for (const auto& [target, status] : {std::pair{"/deny", 403}, std::pair{"/small", 413}}) {
    const auto answer =
        client->send({.method = Method::post, .target = target, .body = std::string(std::size_t{2} << 20, 'a')});
    ASSERT_TRUE(answer.ok()) << target << answer.error().message();
    EXPECT_EQ(answer->status, status);
  }
}

// The shard's timer fires every 50 ms; a stop at that very moment once left it running, and stop() waited for ever.
TEST(Stream, stop_ends_when_it_meets_the_timer) {
  const SystemClock clock;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&clock, t] {
      for (int i = 0; i < 20; ++i) {
        TestServer s{clock};
        s.start();
        const auto until = clock.steady_now() + std::chrono::microseconds{49'000 + 100 * ((t * 20 + i) % 25)};
        clock.sleep_until(until, {});
        s.server.reset();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Stream, stop_ends_everything_under_load) {
  const SystemClock clock;
  TestServer s{clock};
  s.router.add(Method::get, "/quick", info(), [](Request&) -> Result<Response> { return Response::text("quick"); });
  s.router.add(Method::post, "/echo", info(std::size_t{64} << 20), [](Request& r) -> Result<Response> {
    ACESO_TRY(std::string body, r.body->read_all(std::size_t{64} << 20));
    return Response::text(std::move(body));
  });
  s.start();
  std::atomic<bool> go{true};
  std::vector<std::thread> load;
  for (int i = 0; i < 4; ++i) {
    load.emplace_back([&] {
      while (go) {
        auto client = Client::connect_tcp("127.0.0.1", s.port);
        while (go && (*client)->send({.target = "/quick"}).ok()) {
        }
      }
    });
  }
  RawSocket stuck{s.port};
  stuck.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + std::string(100'000, 'a'));
  while (s.server->stats().requests < 200) std::this_thread::yield();
  const auto begin = std::chrono::steady_clock::now();
  s.server->drain(500);
  s.server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{20}) << "ends at all";
  EXPECT_EQ(s.server->stats().open_connections, 0U);
  go = false;
  for (auto& t : load) t.join();
}

TEST(Files, ranges_validators_and_gzip) {
  const SystemClock clock;
  const auto folder = TempDir::create();
  ASSERT_TRUE(folder.ok());
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  ASSERT_TRUE(write_file_atomic(folder->path() / "a.txt", text).ok());
  TestServer s{clock};
  s.router.add(Method::get, "/a.txt", info(),
               [&](Request&) -> Result<Response> { return Response::file(folder->path() / "a.txt", "text/plain"); });
  s.start();
  const auto client = s.client();
  const auto ask = [&](std::string_view name, std::string_view value) {
    ClientRequest r{.target = "/a.txt"};
    if (!name.empty()) r.headers.set(name, value);
    auto answer = client->send(r);
    EXPECT_TRUE(answer.ok());
    return *std::move(answer);
  };
  const auto whole = ask("", "");
  EXPECT_EQ(whole.body, text);
  const auto part = ask("Range", "bytes=5-9");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, text.substr(5, 5));
  EXPECT_EQ(part.headers.get("Content-Range"), "bytes 5-9/" + std::to_string(text.size()));
  EXPECT_EQ(ask("Range", "bytes=-6").body, text.substr(text.size() - 6));
  EXPECT_EQ(ask("Range", "bytes=100000-").body, text.substr(100'000));
  const auto outside = ask("Range", "bytes=9999999-");
  EXPECT_EQ(outside.status, 416);
  EXPECT_EQ(outside.headers.get("Content-Range"), "bytes */" + std::to_string(text.size()));
  EXPECT_EQ(ask("Range", "bytes=0-1,4-5").status, 200);
  EXPECT_EQ(ask("If-None-Match", whole.headers.get("ETag")).status, 304);
  EXPECT_EQ(ask("If-None-Match", "\"other\"").status, 200);
  EXPECT_EQ(ask("If-Modified-Since", whole.headers.get("Last-Modified")).status, 304);
  const auto packed = ask("Accept-Encoding", "br, gzip;q=0.5");
  EXPECT_EQ(packed.headers.get("Content-Encoding"), "gzip");
  EXPECT_EQ(packed.headers.get("Vary"), "Accept-Encoding");
  EXPECT_LT(packed.body.size(), text.size() / 2);
  EXPECT_EQ(packed.body.substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(ask("Accept-Encoding", "gzip;q=0").body, text);
}

}  // namespace
}  // namespace aceso::net
