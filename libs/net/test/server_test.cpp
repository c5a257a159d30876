#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "test_server.hpp"

namespace aceso::net {
namespace {

using testing::RawSocket;
using testing::TestServer;

void add_echo(Router& router) {
  router.add(Method::get, "/hello", RouteInfo{.summary = "Greets", .tag = "test", .scope = ""},
             [](Request&) -> Result<Response> { return Response::json(Json{{"hello", "world"}}); });
  router.add(Method::post, "/echo",
             RouteInfo{.summary = "Echoes", .tag = "test", .scope = "", .max_body = std::size_t{8} << 20},
             [](Request& r) -> Result<Response> {
               ACESO_TRY(std::string body, r.body->read_all(std::size_t{8} << 20));
               return Response::text(std::move(body));
             });
}

TEST(Server, answers_and_keeps_the_connection) {
  const SystemClock clock;
  TestServer s{clock};
  add_echo(s.router);
  s.start();
  const auto client = s.client();
  for (int i = 0; i < 3; ++i) {
    const auto answer = client->send({.method = Method::get, .target = "/hello"});
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ((*answer->json())["hello"], "world");
    EXPECT_EQ(answer->headers.get("X-Request-Id").size(), 36U);
  }
  EXPECT_EQ(s.server->stats().connections, 1U);
  EXPECT_EQ(s.server->stats().requests, 3U);
}

TEST(Server, echoes_small_and_streamed_bodies) {
  const SystemClock clock;
  TestServer s{clock};
  add_echo(s.router);
  s.start();
  const auto client = s.client();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{64 * 1024}, std::size_t{70'000}, std::size_t{5} << 20}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + i % 26);
    const auto answer = client->send({.method = Method::post, .target = "/echo", .body = body});
    ASSERT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, body);
  }
}

TEST(Server, speaks_over_a_local_socket_with_mode_0600) {
  const SystemClock clock;
  const auto folder = TempDir::create();
  ASSERT_TRUE(folder.ok());
  TestServer s{clock};
  s.router.add(Method::get, "/who", RouteInfo{.summary = "Who asks", .tag = "test", .scope = ""},
               [](Request& r) -> Result<Response> { return Response::text(r.local_socket ? r.remote_address : "?"); });
  const auto path = folder->path() / "node.sock";
  ASSERT_TRUE(s.server->listen(Endpoint{.unix_socket = path}).ok());
  s.server->start();
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  auto client = Client::connect_unix(path);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->send({.target = "/who"})->body, "unix");
  const auto again = s.server->listen(Endpoint{.unix_socket = path});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Code::exists);
  s.server->stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace aceso::net
