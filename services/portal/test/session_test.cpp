// Signing in, staying in and getting out, over HTTP.
#include <gmock/gmock.h>

#include "aceso/crypto/crypto.hpp"
#include "aceso/crypto/hash.hpp"
#include "node.hpp"

namespace aceso::portal {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

using SetUpNode = Node;
using SessionNode = Node;
using ThrottleNode = Node;
using TotpNode = Node;

TEST_F(SetUpNode, is_made_once_with_the_token_in_the_file) {
  auto b = browser();
  EXPECT_EQ(b.get("/api/v1/setup").json(), Json({{"needed", true}}));
  const auto file = home->path() / "keys" / "setup-token";
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const auto token = *portal->setup_token();
  EXPECT_EQ(*read_text_file(file, 100), token + "\n");
  EXPECT_EQ(b.post("/api/v1/setup", Json{{"token", "guess"}, {"name", "eve"}, {"password", kPassword}}).status, 403);
  EXPECT_EQ(b.post("/api/v1/setup", Json{{"token", token}, {"name", "ada"}, {"password", "short"}}).status, 400);
  const auto made = b.post("/api/v1/setup", Json{{"token", token}, {"name", "ada"}, {"password", kPassword}});
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json()["user"]["roles"], Json::array({"admin"}));
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(b.post("/api/v1/setup", Json{{"token", token}, {"name", "eve"}, {"password", kPassword}}).status, 409);
  EXPECT_EQ(b.get("/api/v1/setup").json(), Json({{"needed", false}}));
  EXPECT_FALSE(portal->setup_token());
}

TEST_F(SessionNode, a_sign_in_gives_a_cookie_for_this_site_alone) {
  admin();
  auto b = browser();
  const auto answer = b.sign_in("ADA");  // names compare without case
  ASSERT_EQ(answer.status, 200);
  const std::string cookie{answer.headers.get("Set-Cookie")};
  EXPECT_THAT(cookie, HasSubstr("HttpOnly"));
  EXPECT_THAT(cookie, HasSubstr("SameSite=Strict"));
  EXPECT_THAT(cookie, HasSubstr("Path=/"));
  EXPECT_THAT(cookie, Not(HasSubstr("Secure")));
  const auto session = b.get("/api/v1/session");
  EXPECT_EQ(session.status, 200);
  EXPECT_EQ(session.json()["user"]["name"], "ada");
  EXPECT_EQ(session.json()["csrf_token"], b.csrf);
  EXPECT_EQ(b.get("/api/v1/users").status, 200);
  EXPECT_EQ(browser().get("/api/v1/session").status, 401);
}

TEST_F(SessionNode, over_tls_the_cookie_is_secure) {
  admin();
  net::Request request;
  request.method = net::Method::post;
  request.path = "/api/v1/session";
  request.secure = true;
  request.remote_address = "10.0.0.7";
  request.headers.set("Content-Type", "application/json");
  class Body final : public net::BodyReader {
   public:
    Result<std::size_t> read(std::span<std::byte> out) override {
      if (done_) return std::size_t{0};
      done_ = true;
      const auto text = Json{{"name", "ada"}, {"password", kPassword}}.dump();
      std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), out.begin());
      return text.size();
    }

   private:
    bool done_ = false;
  };
  request.body = std::make_shared<Body>();
  const auto answer = direct(std::move(request));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(std::string{answer.headers.get("Set-Cookie")}, HasSubstr("; Secure"));
  EXPECT_TRUE(answer.headers.has("Strict-Transport-Security"));
}

TEST_F(SessionNode, wrong_name_wrong_password_and_disabled_user_look_the_same) {
  auto a = admin();
  const auto id = add_user(a, "off", {"clinician"});
  EXPECT_EQ(a.patch("/api/v1/users/" + id, Json{{"disabled", true}}).status, 200);
  auto b = browser();
  std::vector<std::string> seen;
  for (const auto& [name, password] :
       {std::pair{"nobody", kPassword}, std::pair{"ada", std::string_view{"wrong password"}},
        std::pair{"off", kPassword}}) {
    auto answer = b.sign_in(name, password);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.code(), "unauthenticated");
    seen.push_back(answer.json()["detail"].get<std::string>());
  }
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
  const auto records = audit("user.login");
  EXPECT_EQ(records.at(0)["detail"], R"({"reason":"disabled"})");
  EXPECT_EQ(records.at(1)["agent"], "ada");
  EXPECT_EQ(records.at(2)["agent"], "");  // what was typed may have been a password
  EXPECT_THAT(lines.text(), Not(HasSubstr("nobody")));
}

TEST_F(SessionNode, ends_when_idle_for_half_an_hour_and_after_twelve_hours_anyway) {
  auto a = admin();
  for (int i = 0; i < 24; ++i) {
    clock.advance(minutes{28});
    EXPECT_EQ(a.get("/api/v1/session").status, 200) << i;
  }
  clock.advance(minutes{28});  // 11 h 40 min
  EXPECT_EQ(a.get("/api/v1/users").status, 200);
  clock.advance(minutes{21});  // 12 h 1 min
  EXPECT_EQ(a.get("/api/v1/users").status, 401);
  ASSERT_EQ(a.sign_in("ada").status, 200);
  clock.advance(minutes{30});
  EXPECT_EQ(a.get("/api/v1/users").status, 401);
}

TEST_F(SessionNode, a_session_that_an_attacker_planted_is_not_adopted) {
  admin();
  auto victim = browser();
  victim.cookie = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";  // chosen by somebody else
  const auto planted = victim.cookie;
  ASSERT_EQ(victim.sign_in("ada").status, 200);
  EXPECT_NE(victim.cookie, planted);
  auto attacker = browser();
  attacker.cookie = planted;
  EXPECT_EQ(attacker.get("/api/v1/session").status, 401);
}

TEST_F(SessionNode, signing_in_again_ends_the_session_before) {
  auto a = admin();
  auto old = browser();
  old.cookie = a.cookie;
  old.csrf = a.csrf;
  ASSERT_EQ(old.get("/api/v1/session").status, 200);
  ASSERT_EQ(a.sign_in("ada").status, 200);
  EXPECT_EQ(old.get("/api/v1/session").status, 401);
  EXPECT_EQ(a.get("/api/v1/session").status, 200);
}

TEST_F(SessionNode, signing_out_ends_it_on_the_server) {
  auto a = admin();
  const auto answer = a.del("/api/v1/session");
  EXPECT_EQ(answer.status, 204);
  EXPECT_THAT(std::string{answer.headers.get("Set-Cookie")}, HasSubstr("Max-Age=0"));
  EXPECT_EQ(a.get("/api/v1/users").status, 401);
}

TEST_F(SessionNode, disabling_or_removing_a_user_ends_sessions_at_once) {
  auto a = admin();
  const auto id = add_user(a, "sam", {"scientist"});
  auto sam = browser();
  ASSERT_EQ(sam.sign_in("sam").status, 200);
  const auto service_token =
      portal->issue_token({.id = id, .name = "sam", .scopes = {"models:read"}, .session_id = ""});
  EXPECT_EQ(a.patch("/api/v1/users/" + id, Json{{"disabled", true}}).status, 200);
  EXPECT_EQ(sam.get("/api/v1/session").status, 401);
  EXPECT_FALSE(portal->verify_token(service_token));
  EXPECT_EQ(a.patch("/api/v1/users/" + id, Json{{"disabled", false}}).status, 200);
  EXPECT_EQ(sam.get("/api/v1/session").status, 401);
  ASSERT_EQ(sam.sign_in("sam").status, 200);
  EXPECT_EQ(a.del("/api/v1/users/" + id).status, 204);
  EXPECT_EQ(sam.get("/api/v1/session").status, 401);
}

TEST_F(SessionNode, changing_the_password_asks_for_the_old_one_and_ends_the_other_sessions) {
  auto a = admin();
  auto elsewhere = browser();
  ASSERT_EQ(elsewhere.sign_in("ada").status, 200);
  const std::string fresh = "another quiet ward";
  EXPECT_EQ(a.post("/api/v1/session/password", Json{{"old", "wrong password"}, {"new", fresh}}).status, 403);
  EXPECT_EQ(a.post("/api/v1/session/password", Json{{"old", kPassword}, {"new", "short"}}).status, 400);
  EXPECT_EQ(a.post("/api/v1/session/password", Json{{"old", kPassword}, {"new", kPassword}}).status, 400);
  EXPECT_EQ(a.post("/api/v1/session/password", Json{{"old", kPassword}, {"new", fresh}}).status, 204);
  EXPECT_EQ(a.get("/api/v1/session").status, 200);
  EXPECT_EQ(elsewhere.get("/api/v1/session").status, 401);
  EXPECT_EQ(browser().sign_in("ada").status, 401);
  EXPECT_EQ(browser().sign_in("ada", fresh).status, 200);
}

TEST_F(SessionNode, a_user_keeps_only_so_many_sessions) {
  auto first = admin();
  for (std::size_t i = 0; i < config.sessions_per_user; ++i) {
    clock.advance(seconds{1});
    auto another = browser();
    ASSERT_EQ(another.sign_in("ada").status, 200);
  }
  EXPECT_EQ(first.get("/api/v1/session").status, 401);
}

TEST_F(SessionNode, secrets_stand_nowhere_on_disk_or_in_the_log) {
  auto a = admin();
  const auto token = a.post("/api/v1/tokens", Json{{"name", "ci"}, {"scopes", Json::array({"models:read"})}})
                         .json()["token"]
                         .get<std::string>();
  const auto cookie = a.cookie;
  const auto csrf = a.csrf;
  stop();
  std::string disk;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{home->path() / "portal"}) {
    if (entry.is_regular_file()) disk += *read_text_file(entry.path(), 64 << 20);
  }
  EXPECT_GT(disk.size(), 1000U);
  for (const auto& secret : {std::string{kPassword}, cookie, csrf, token}) {
    EXPECT_EQ(disk.find(secret), std::string::npos);
    EXPECT_EQ(lines.text().find(secret), std::string::npos);
  }
}

TEST_F(ThrottleNode, guessing_waits_longer_each_time_and_a_right_password_does_not_help) {
  admin();
  auto b = browser();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(b.sign_in("ada", "wrong password").status, 401);
  const auto refused = b.sign_in("ada");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.code(), "exhausted");
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  clock.advance(seconds{1});
  EXPECT_EQ(b.sign_in("ada", "wrong password").status, 401);
  EXPECT_EQ(b.sign_in("ada").headers.get("Retry-After"), "2");
  clock.advance(seconds{2});
  EXPECT_EQ(b.sign_in("ada").status, 200);
  EXPECT_EQ(b.sign_in("ada", "wrong password").status, 401);  // forgotten after success
  EXPECT_GE(audit("user.throttled").size(), 2U);
}

TEST_F(ThrottleNode, one_account_does_not_wait_for_another) {
  auto a = admin();
  add_user(a, "sam", {"scientist"});
  auto b = browser();
  for (int i = 0; i < 4; ++i) b.sign_in("ada", "wrong password");
  EXPECT_EQ(b.sign_in("ada").status, 429);
  EXPECT_EQ(b.sign_in("sam").status, 200);
}

TEST_F(ThrottleNode, guessing_many_names_from_one_place_is_slowed_too) {
  admin();
  auto b = browser();
  int throttled = 0;
  for (int i = 0; i < 60; ++i) throttled += b.sign_in("name" + std::to_string(i)).status == 429 ? 1 : 0;
  EXPECT_GE(throttled, 5);
}

struct Enrolled {
  crypto::Bytes secret;
};
Enrolled enrol(Browser& user, ManualClock& clock) {
  const auto offered = user.post("/api/v1/session/totp", Json::object());
  EXPECT_EQ(offered.status, 200) << offered.body;
  EXPECT_THAT(offered.json()["otpauth_uri"].get<std::string>(), HasSubstr("otpauth://totp/Aceso:ada?secret="));
  auto secret = *crypto::from_base32(offered.json()["secret"].get<std::string>());
  const auto now = std::chrono::duration_cast<seconds>(clock.utc_now().time_since_epoch()).count();
  EXPECT_EQ(user.put("/api/v1/session/totp", Json{{"code", "000000"}}).status, 400);
  EXPECT_EQ(user.put("/api/v1/session/totp", Json{{"code", crypto::totp_code(secret, now)}}).status, 204);
  return {std::move(secret)};
}
std::string code_now(const Enrolled& e, const ManualClock& clock) {
  return crypto::totp_code(e.secret, std::chrono::duration_cast<seconds>(clock.utc_now().time_since_epoch()).count());
}

TEST_F(TotpNode, asks_for_a_code_and_takes_each_code_once) {
  auto a = admin();
  const auto enrolled = enrol(a, clock);
  auto b = browser();
  const auto asked = b.sign_in("ada");
  EXPECT_EQ(asked.status, 401);
  EXPECT_EQ(asked.code(), "precondition");
  EXPECT_EQ(asked.json()["detail"], "one-time code needed");
  EXPECT_EQ(b.sign_in("ada", kPassword, code_now(enrolled, clock)).status, 401);  // used to confirm
  clock.advance(seconds{60});
  const auto code = code_now(enrolled, clock);
  EXPECT_EQ(b.sign_in("ada", kPassword, code).status, 200);
  EXPECT_EQ(browser().sign_in("ada", kPassword, code).status, 401);  // seen over a shoulder
  clock.advance(seconds{30});
  EXPECT_EQ(browser().sign_in("ada", kPassword, code).status, 401);  // still inside the window of steps
  clock.advance(minutes{20});
  EXPECT_EQ(browser().sign_in("ada", kPassword, code_now(enrolled, clock)).status, 200);
}

TEST_F(TotpNode, a_right_code_does_not_make_a_wrong_password_right) {
  auto a = admin();
  const auto enrolled = enrol(a, clock);
  clock.advance(seconds{60});
  const auto refused = browser().sign_in("ada", "wrong password", code_now(enrolled, clock));
  EXPECT_EQ(refused.code(), "unauthenticated");
}

TEST_F(TotpNode, guessing_codes_is_throttled) {
  auto a = admin();
  enrol(a, clock);
  auto b = browser();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(b.sign_in("ada", kPassword, "00000" + std::to_string(i)).status, 401);
  EXPECT_EQ(b.sign_in("ada", kPassword, "123456").status, 429);
}

TEST_F(TotpNode, is_switched_off_with_the_password) {
  auto a = admin();
  enrol(a, clock);
  EXPECT_EQ(a.del("/api/v1/session/totp", Json{{"password", "wrong password"}}.dump()).status, 403);
  EXPECT_EQ(a.post("/api/v1/session/totp", Json::object()).status, 412);
  EXPECT_EQ(a.del("/api/v1/session/totp", Json{{"password", kPassword}}.dump()).status, 204);
  EXPECT_EQ(browser().sign_in("ada").status, 200);
}

TEST_F(TotpNode, the_secret_is_sealed_on_disk) {
  auto a = admin();
  const auto enrolled = enrol(a, clock);
  stop();
  const std::string raw(reinterpret_cast<const char*>(enrolled.secret.data()), enrolled.secret.size());
  for (const auto& entry : std::filesystem::recursive_directory_iterator{home->path() / "portal"}) {
    if (!entry.is_regular_file()) continue;
    const auto text = *read_text_file(entry.path(), 64 << 20);
    EXPECT_EQ(text.find(raw), std::string::npos);
    EXPECT_EQ(text.find(crypto::to_base32(enrolled.secret)), std::string::npos);
  }
}

}  // namespace
}  // namespace aceso::portal
