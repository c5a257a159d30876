// One study shown by a link: what it opens, what it does not, when it ends, and who may make one.
#include "aceso/archive/shares.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

struct Shown {
  int status = 0;
  std::string cookie, body;
  Json json() const { return *parse_json(body); }
};

class SharesTest : public ::testing::Test {
 protected:
  SharesTest() {
    archive_ = *Archive::create(folder_.path() / "archive",
                                {.clock = clock_, .logger = logger_, .audit = audit_, .audit_key = key_}, {});
    open();
    EXPECT_OK(put(*archive_, make_file({})));
    EXPECT_OK(put(*archive_, make_file({.study = "1.2.3.2", .series = "1.2.3.2.1", .instance = "1.2.3.2.1.1"})));
  }
  void open() {
    shares_.reset();
    router_ = {};
    shares_ = *Shares::open(folder_.path() / "shares",
                            {.clock = clock_, .random = random_, .logger = logger_, .archive = *archive_, .key = key_});
    shares_->register_routes(router_);
  }
  static contracts::ObjectPeer person(std::vector<std::string> scopes = {"archive:read", "archive:write"}) {
    auto peer = caller(std::move(scopes));
    peer.principal.session_id = "s1";
    return peer;
  }
  Shown ask(net::Method method, const std::string& path, const std::string& token, const std::string& body = {}) {
    net::Request request;
    request.method = method;
    request.path = path;
    if (!token.empty()) request.headers.set("Cookie", "aceso_share=" + token);
    if (!body.empty()) request.headers.set("Content-Type", "application/json");
    request.headers.set("Accept", "*/*");
    request.body = std::make_shared<TextBody>(body);
    auto response = net::route_request(router_, request);
    if (!response) {
      const auto problem = net::Response::problem(response.error(), "r1");
      return {problem.status, "", std::get<std::string>(problem.body)};
    }
    Shown out{response->status, std::string{response->headers.get("Set-Cookie")}, {}};
    if (const auto* text = std::get_if<std::string>(&response->body)) out.body = *text;
    return out;
  }
  int get_study(const std::string& study, const std::string& token) {
    return ask(net::Method::get, "/shared/dicom-web/studies/" + study + "/series", token).status;
  }
  std::string make(std::int64_t hours = 24) {
    const auto made = shares_->share(person(), "1.2.3.1", hours, "Dr. Moreau");
    EXPECT_OK(made);
    id_ = made->at("id");
    return made->at("token");
  }

  TempDir folder_ = *TempDir::create("aceso-shares");
  ManualClock clock_;
  SilentSink silent_;
  Logger logger_{clock_, silent_};
  SeededRandom random_{7};
  contracts::testing::MemoryAuditSink audit_;
  crypto::SecretKey key_ = crypto::SecretKey::generate(random_);
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<Shares> shares_;
  net::Router router_;
  std::string id_;
};

TEST_F(SharesTest, a_link_opens_its_study_and_nothing_else) {
  const auto token = make();
  const auto opened = ask(net::Method::post, "/shared/open", "", Json{{"token", token}}.dump());
  ASSERT_EQ(opened.status, 200);
  EXPECT_EQ(opened.json().at("study").at("study_uid"), "1.2.3.1");
  EXPECT_NE(opened.cookie.find("aceso_share=" + token + "; Path=/shared; HttpOnly; SameSite=Strict; Max-Age=86400"),
            std::string::npos);
  EXPECT_EQ(ask(net::Method::post, "/shared/open", token, "{}").status, 200) << "by the cookie";
  EXPECT_EQ(get_study("1.2.3.1", token), 200);
  EXPECT_EQ(ask(net::Method::get, "/shared/dicom-web/studies/1.2.3.1/series/1.2.3.1.1/metadata", token).status, 200);
  EXPECT_EQ(
      ask(net::Method::get, "/shared/dicom-web/studies/1.2.3.1/series/1.2.3.1.1/instances/1.2.3.1.1.1/rendered", token)
          .status,
      200);
  EXPECT_EQ(get_study("1.2.3.2", token), 404);
  EXPECT_EQ(ask(net::Method::get, "/shared/dicom-web/studies/1.2.3.1/series/1.2.3.2.1/metadata", token).status, 404);
  EXPECT_EQ(ask(net::Method::get, "/shared/dicom-web/studies", token).status, 404);
  EXPECT_EQ(ask(net::Method::del, "/shared/dicom-web/studies/1.2.3.1", token).status, 405);
  EXPECT_EQ(ask(net::Method::post, "/shared/dicom-web/studies/1.2.3.1", token, "x").status, 405);
  EXPECT_EQ(get_study("1.2.3.1", ""), 404);
  EXPECT_EQ(get_study("1.2.3.1", "guessed"), 404);
  EXPECT_EQ(ask(net::Method::post, "/shared/open", "", R"({"token": "guessed"})").status, 404);
  EXPECT_EQ(archive_->totals().instances, 2U);
}

TEST_F(SharesTest, a_link_ends_by_itself_or_when_it_is_taken_back_also_after_a_restart) {
  const auto token = make(2);
  open();
  EXPECT_EQ(get_study("1.2.3.1", token), 200);
  clock_.advance(std::chrono::hours{2} - std::chrono::seconds{1});
  EXPECT_EQ(get_study("1.2.3.1", token), 200);
  clock_.advance(std::chrono::seconds{1});
  EXPECT_EQ(get_study("1.2.3.1", token), 404);
  EXPECT_EQ(shares_->list(person(), "1.2.3.1")->at("items")[0].at("state"), "expired");
  const auto second = make();
  EXPECT_EQ(shares_->revoke(person(), "1.2.3.2", id_).error().code(), Code::not_found) << "of another study";
  ASSERT_OK(shares_->revoke(person(), "1.2.3.1", id_));
  EXPECT_EQ(get_study("1.2.3.1", second), 404);
  open();
  EXPECT_EQ(get_study("1.2.3.1", second), 404);
  EXPECT_EQ(shares_->list(person(), "1.2.3.1")->at("items")[0].at("state"), "revoked");
}

TEST_F(SharesTest, only_people_with_the_right_share_list_and_revoke) {
  EXPECT_EQ(shares_->share(person({"archive:read"}), "1.2.3.1", 1, "").error().code(), Code::denied);
  EXPECT_EQ(shares_->share(caller(), "1.2.3.1", 1, "").error().code(), Code::denied) << "a token is no person";
  EXPECT_EQ(shares_->share(person(), "1.2.3.9", 1, "").error().code(), Code::not_found);
  EXPECT_EQ(shares_->share(person(), "1.2.3.1", 0, "").error().code(), Code::invalid);
  EXPECT_EQ(shares_->share(person(), "1.2.3.1", 721, "").error().code(), Code::invalid);
  EXPECT_EQ(shares_->share(person(), "1.2.3.1", 1, std::string(201, 'x')).error().code(), Code::invalid);
  make();
  EXPECT_EQ(shares_->list(person({"archive:read"}), "1.2.3.1").error().code(), Code::denied);
  EXPECT_EQ(shares_->revoke(person({"archive:read"}), "1.2.3.1", id_).error().code(), Code::denied);
}

TEST_F(SharesTest, making_opening_and_taking_back_are_on_record_and_the_token_is_not_kept) {
  const auto token = make();
  ask(net::Method::post, "/shared/open", "", Json{{"token", token}}.dump());
  get_study("1.2.3.1", token);
  ASSERT_OK(shares_->revoke(person(), "1.2.3.1", id_));
  std::vector<std::string> seen;
  for (const auto& event : audit_.events()) {
    if (event.event.starts_with("archive.share") || event.agent_id.starts_with("share:")) seen.push_back(event.event);
    EXPECT_EQ((event.entity_id + event.detail + event.agent_id).find(token), std::string::npos);
    EXPECT_EQ((event.entity_id + event.detail).find("1.2.3.1"), std::string::npos);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"archive.share", "archive.share_opened", "archive.query",
                                            "archive.share_revoked"}));
  const auto items = shares_->list(person(), "1.2.3.1")->at("items");
  EXPECT_EQ(items[0].at("opened"), 1);
  EXPECT_EQ(items[0].at("note"), "Dr. Moreau");
  EXPECT_EQ(items.dump().find(token), std::string::npos);
}

}  // namespace
}  // namespace aceso::archive
