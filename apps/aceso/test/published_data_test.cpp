// Downloads of published data from a publisher made here: TLS, a redirect, checksums that agree and that do not.
#include "published_data.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/random.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/crypto/md5.hpp"
#include "aceso/crypto/tls.hpp"
#include "aceso/net/server.hpp"

namespace aceso::app {
namespace {

class QuietSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

net::Response redirect(const std::string& to) {
  net::Response response = net::Response::text("moved", "text/plain", 302);
  response.headers.set("Location", to);
  return response;
}

class Publisher : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto made = crypto::make_self_signed({"localhost"}, 10);
    ASSERT_TRUE(made.ok());
    ca_ = folder_.path() / "c.pem";
    ASSERT_TRUE(write_file_atomic(ca_, made->certificate_pem).ok());
    ASSERT_TRUE(write_file_atomic(folder_.path() / "k.pem", made->private_key_pem).ok());
    auto tls = crypto::TlsContext::server(
        {.certificate_chain = ca_, .private_key = folder_.path() / "k.pem", .client_ca = {}});
    ASSERT_TRUE(tls.ok());
    route("/file.npz", [this] { return net::Response::text(content_, "application/octet-stream"); });
    route("/here", [] { return redirect("/file.npz"); });
    route("/elsewhere", [this] { return redirect(url("/here")); });
    route("/circle", [] { return redirect("/circle"); });
    route("/plain", [] { return redirect("http://localhost/file.npz"); });
    route("/odd", [] { return redirect("https://localhost:0x50/file.npz"); });
    auto server =
        net::Server::create({.handler = [this](net::Request& r) { return net::route_request(router_, r); },
                             .max_body = [this](const net::Request& r) { return route_max_body(router_, r); }},
                            {}, clock_, random_, logger_);
    ASSERT_TRUE(server.ok());
    server_ = *std::move(server);
    const auto real = server_->listen({.address = "127.0.0.1", .port = 0, .tls = *tls, .unix_socket = {}});
    ASSERT_TRUE(real.ok());
    port_ = real->port;
    server_->start();
  }

  std::string url(std::string_view path) const {
    return "https://localhost:" + std::to_string(port_) + std::string{path};
  }
  // The set whose file is content_, said to lie at `path`.
  Result<std::string> fetch(std::string_view path, std::string_view of) const {
    const std::string where = url(path);
    const std::string sum = crypto::to_hex(crypto::md5(std::as_bytes(std::span{of})));
    const PublishedData data{
        .name = "shapes", .what = {}, .licence = {}, .cite = {}, .url = where, .md5 = sum, .classes = {}};
    const auto progress = make_null_progress();
    ACESO_TRY(const PublishedFile file, fetch_published(data, {.copy = {}, .ca = ca_}, *progress, {}));
    return read_text_file(file.path(), std::size_t{16} << 20);
  }

  std::string content_ = std::string(3'000'000, 'n') + "end";
  std::filesystem::path ca_;

 private:
  void route(const std::string& path, std::function<net::Response()> answer) {
    router_.add(net::Method::get, path, net::RouteInfo{.summary = "F", .tag = "t", .scope = ""},
                [answer = std::move(answer)](net::Request&) -> Result<net::Response> { return answer(); });
  }

  TempDir folder_ = *TempDir::create("aceso-publisher");
  SystemClock clock_;
  SeededRandom random_{7};
  QuietSink sink_;
  Logger logger_{clock_, sink_};
  net::Router router_;
  std::unique_ptr<net::Server> server_;
  std::uint16_t port_ = 0;
};

TEST_F(Publisher, gives_the_file_whose_checksum_is_known) {
  const auto got = fetch("/file.npz", content_);
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(*got, content_);
}
TEST_F(Publisher, may_send_us_elsewhere) {
  const auto got = fetch("/elsewhere", content_);  // with a host, then without
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(*got, content_);
}
TEST_F(Publisher, another_file_is_refused) {
  const auto got = fetch("/file.npz", "the file that was published");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), Code::data_loss);
}
TEST_F(Publisher, circles_places_without_tls_and_odd_addresses_are_refused) {
  for (const char* path : {"/circle", "/plain", "/odd"}) {
    const auto got = fetch(path, content_);
    ASSERT_FALSE(got.ok()) << path;
    EXPECT_EQ(got.error().code(), Code::unavailable) << path;
  }
}
TEST_F(Publisher, an_error_of_the_publisher_says_its_status_and_the_way_out) {
  const auto got = fetch("/gone.npz", content_);
  ASSERT_FALSE(got.ok());
  EXPECT_NE(got.error().message().find("404"), std::string::npos) << got.error().message();
  EXPECT_NE(got.error().message().find("--file"), std::string::npos) << got.error().message();
}
TEST_F(Publisher, one_whom_nobody_vouches_for_is_refused) {
  const std::string where = url("/file.npz");
  const PublishedData data{
      .name = "shapes", .what = {}, .licence = {}, .cite = {}, .url = where, .md5 = "", .classes = {}};
  const auto progress = make_null_progress();
  const auto got = fetch_published(data, {}, *progress, {});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), Code::unavailable);
}
TEST_F(Publisher, a_copy_is_taken_only_with_the_checksum) {
  const auto copy = ca_.parent_path() / "copy.npz";
  ASSERT_TRUE(write_file_atomic(copy, content_).ok());
  const std::string sum = crypto::to_hex(crypto::md5(std::as_bytes(std::span{std::string_view{content_}})));
  PublishedData data{.name = "shapes", .what = {}, .licence = {}, .cite = {}, .url = {}, .md5 = sum, .classes = {}};
  const auto progress = make_null_progress();
  ASSERT_TRUE(fetch_published(data, {.copy = copy, .ca = {}}, *progress, {}).ok());
  data.md5 = "00000000000000000000000000000000";
  EXPECT_EQ(fetch_published(data, {.copy = copy, .ca = {}}, *progress, {}).error().code(), Code::data_loss);
}

}  // namespace
}  // namespace aceso::app
