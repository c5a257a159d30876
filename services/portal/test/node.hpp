// A node for tests: portal behind a real server on loopback, a clock that is moved by hand, and browsers that keep
// cookies.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aceso/base/file.hpp"
#include "aceso/net/client.hpp"
#include "aceso/net/server.hpp"
#include "aceso/portal/portal.hpp"
#include "lines.hpp"

namespace aceso::portal {

inline constexpr std::string_view kPassword = "a quiet ward at night";

struct Answer {
  int status = 0;
  net::Headers headers = {};
  std::string body = {};
  Json json() const { return Json::parse(body); }
  std::string code() const { return json().at("code").get<std::string>(); }
  std::string cookie() const;  // aceso_session's value in Set-Cookie, "" when none
};

// Keeps the session's cookie and CSRF token as a browser and the web application do.
class Browser {
 public:
  explicit Browser(std::unique_ptr<net::Client> client) : client_{std::move(client)} {}

  Answer get(std::string target) { return send(net::Method::get, std::move(target)); }
  Answer post(std::string target, const Json& body) { return send(net::Method::post, std::move(target), body.dump()); }
  Answer put(std::string target, const Json& body) { return send(net::Method::put, std::move(target), body.dump()); }
  Answer patch(std::string target, const Json& body) {
    return send(net::Method::patch, std::move(target), body.dump());
  }
  Answer del(std::string target, const std::string& body = {}) {
    return send(net::Method::del, std::move(target), body);
  }
  Answer send(net::Method method, std::string target, std::string body = {});
  // Signs in and remembers; the answer's status is the caller's to check.
  Answer sign_in(std::string_view name, std::string_view password = kPassword, std::string_view totp = {});

  std::string cookie = {};
  std::string csrf = {};
  std::string bearer = {};
  std::map<std::string, std::string> extra = {};  // more headers

 private:
  std::unique_ptr<net::Client> client_;
};

class Node : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  void start();
  void stop();
  virtual void more_routes(net::Router&) {}
  Browser browser() const;
  // The first administrator "ada", made by set-up; then users of each role, named after it, all with kPassword.
  Browser admin();
  std::string add_user(Browser& admin, std::string_view name, const std::vector<std::string>& roles);
  std::vector<Json> audit(std::string_view event) const;
  // A request handed to the gateway without a socket: for TLS and the local socket.
  Answer direct(net::Request request) const;

  PortalConfig config{.password_cost = {.memory_kib = 8, .iterations = 1}, .version = "1.2.3"};
  Result<TempDir> home = TempDir::create();
  ManualClock clock;
  SystemClock real_clock;
  SeededRandom random{11};
  Lines lines;
  Logger logger{clock, lines, LogLevel::debug};
  std::unique_ptr<Portal> portal;
  std::unique_ptr<net::Router> router;
  net::Handler handler;
  std::unique_ptr<net::Server> server;
  std::uint16_t port = 0;
};

}  // namespace aceso::portal
