#include "node.hpp"

namespace aceso::portal {
namespace {

class TextBody final : public net::BodyReader {
 public:
  explicit TextBody(std::string text) : text_{std::move(text)} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const auto n = std::min(out.size(), text_.size() - at_);
    std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + at_, n, out.begin());
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string Answer::cookie() const {
  constexpr std::string_view kName = "aceso_session=";
  const auto header = headers.get("Set-Cookie");
  if (!header.starts_with(kName)) return {};
  const auto value = header.substr(kName.size());
  return std::string{value.substr(0, value.find(';'))};
}

Answer Browser::send(net::Method method, std::string target, std::string body) {
  net::ClientRequest request;
  request.method = method;
  request.target = std::move(target);
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  if (!cookie.empty()) request.headers.set("Cookie", "theme=dark; aceso_session=" + cookie);
  if (!csrf.empty()) request.headers.set("X-CSRF-Token", csrf);
  if (!bearer.empty()) request.headers.set("Authorization", "Bearer " + bearer);
  for (const auto& [name, value] : extra) request.headers.set(name, value);
  auto response = client_->send(request);
  if (!response) {
    ADD_FAILURE() << request.target << ": " << response.error().message();
    return {};
  }
  return {response->status, response->headers, response->body};
}

Answer Browser::sign_in(std::string_view name, std::string_view password, std::string_view totp) {
  Json body{{"name", name}, {"password", password}};
  if (!totp.empty()) body["totp"] = totp;
  auto answer = post("/api/v1/session", body);
  if (answer.status == 200) {
    cookie = answer.cookie();
    csrf = answer.json().at("csrf_token").get<std::string>();
  }
  return answer;
}

void Node::SetUp() {
  start();
}
void Node::TearDown() {
  stop();
}

void Node::start() {
  auto keys = NodeKeys::load_or_create(home->path() / "keys", random);
  ASSERT_TRUE(keys) << keys.error().message();
  auto made =
      Portal::create(home->path(), *std::move(keys), {.clock = clock, .random = random, .logger = logger}, config);
  ASSERT_TRUE(made) << made.error().message();
  portal = *std::move(made);
  router = std::make_unique<net::Router>();
  portal->register_routes(*router);
  more_routes(*router);
  handler = portal->wrap(*router);
  auto listening = net::Server::create({.handler = handler, .max_body = Portal::body_limit(*router)},
                                       {.handler_threads = 4}, real_clock, random, logger);
  ASSERT_TRUE(listening) << listening.error().message();
  server = *std::move(listening);
  const auto endpoint = server->listen({});
  ASSERT_TRUE(endpoint) << endpoint.error().message();
  port = endpoint->port;
  server->start();
}

void Node::stop() {
  if (server) server->stop();
  server.reset();
  handler = nullptr;
  router.reset();
  portal.reset();
}

Browser Node::browser() const {
  auto client = net::Client::connect_tcp("127.0.0.1", port);
  EXPECT_TRUE(client);
  return Browser{*std::move(client)};
}

Browser Node::admin() {
  auto b = browser();
  const auto token = portal->setup_token();
  if (token) {
    EXPECT_EQ(b.post("/api/v1/setup", Json{{"token", *token}, {"name", "ada"}, {"password", kPassword}}).status, 201);
  }
  EXPECT_EQ(b.sign_in("ada").status, 200);
  return b;
}

std::string Node::add_user(Browser& by, std::string_view name, const std::vector<std::string>& roles) {
  const auto made = by.post("/api/v1/users", Json{{"name", name}, {"password", kPassword}, {"roles", roles}});
  EXPECT_EQ(made.status, 201) << made.body;
  return made.status == 201 ? made.json().at("id").get<std::string>() : "";
}

std::vector<Json> Node::audit(std::string_view event) const {
  std::vector<Json> out;
  const auto page = portal->audit_trail().search({.event = std::string{event}, .limit = 1000});
  EXPECT_TRUE(page);
  for (const auto& r : page->items) {
    out.push_back(Json{{"outcome", r.event.outcome},
                       {"agent", r.event.agent_name},
                       {"entity", r.event.entity_id},
                       {"address", r.event.source_address},
                       {"detail", r.event.detail},
                       {"action", r.event.action}});
  }
  return out;
}

Answer Node::direct(net::Request request) const {
  if (!request.body) request.body = std::make_shared<TextBody>("");
  if (request.request_id.empty()) request.request_id = "r1";
  auto response = handler(request);
  EXPECT_TRUE(response);
  Answer out{.status = response->status, .headers = response->headers};
  if (const auto* text = std::get_if<std::string>(&response->body)) out.body = *text;
  return out;
}

}  // namespace aceso::portal
