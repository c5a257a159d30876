// STOW-RS out, over real sockets: into another archive of ours, and into servers that refuse.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/archive/dicomweb_target.hpp"
#include "aceso/base/file.hpp"
#include "http_peer.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

class StowTest : public ::testing::Test {
 protected:
  StowTest() { archive_ = *around_.open(); }

  // Everything of study 1.2.3.1, to a service at `url`; what was taken, by index.
  Status send(const std::string& url, std::map<std::size_t, bool>& taken, const std::string& more = "") {
    auto targets = parse_dicomweb_targets(R"([{"name": "CLOUD", "url": ")" + url + "\"" + more + "}]");
    EXPECT_OK(targets);
    if (!targets) return std::move(targets).error();
    const auto sender = make_stow_sender(*std::move(targets));
    const auto objects = *archive_->expand(caller(), contracts::QueryLevel::study, Phi<std::string>{"1.2.3.1"});
    return sender->send(
        "CLOUD", objects, [&](std::size_t i) { return archive_->open(caller(), objects[i].sop_instance_uid); },
        [&](std::size_t i, bool good) { taken[i] = good; }, {});
  }

  Surroundings around_;
  std::unique_ptr<Archive> archive_;
};

TEST_F(StowTest, objects_arrive_byte_for_byte_with_the_token_of_the_file) {
  ASSERT_OK(put(*archive_, make_file({})));
  const auto large = make_file({.instance = "1.2.3.1.1.2", .number = 2, .rows = 512, .columns = 512});
  ASSERT_OK(put(*archive_, large));
  const Surroundings there;
  auto remote = Archive::create(
      there.folder.path() / "archive",
      {.clock = around_.clock, .logger = around_.logger, .audit = around_.audit, .audit_key = around_.audit_key}, {});
  ASSERT_OK(remote);
  net::Router router;
  (*remote)->register_routes(router);
  std::mutex mutex;
  std::set<std::string> shown;
  const HttpPeer peer{[&](net::Request& request) {
    {
      const std::lock_guard lock{mutex};
      shown.insert(std::string{request.headers.get("Authorization")});
    }
    request.principal = caller().principal;
    return net::route_request(router, request);
  }};
  const auto token = around_.folder.path() / "token";
  ASSERT_OK(write_file_atomic(token, std::string_view{"s3cret\n"}));
  std::map<std::size_t, bool> taken;
  ASSERT_OK(send(peer.url() + "/dicom-web/", taken, R"(, "token_file": ")" + token.string() + "\""));
  EXPECT_EQ(taken, (std::map<std::size_t, bool>{{0, true}, {1, true}}));
  EXPECT_EQ(*get(**remote, "1.2.3.1.1.2"), large);
  EXPECT_EQ(*get(**remote, "1.2.3.1.1.1"), make_file({}));
  EXPECT_EQ(shown, (std::set<std::string>{"Bearer s3cret"}));
  // Other bytes under a UID that the destination knows are refused there, and counted here.
  ASSERT_OK((*remote)->remove(caller(), "1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2"));
  ASSERT_OK(put(**remote, make_file({.instance = "1.2.3.1.1.2", .number = 2, .fill = 9})));
  taken.clear();
  ASSERT_OK(send(peer.url() + "/dicom-web", taken));
  EXPECT_EQ(taken, (std::map<std::size_t, bool>{{0, true}, {1, false}}));
}

TEST_F(StowTest, what_a_destination_says_decides_whether_it_is_tried_again) {
  ASSERT_OK(put(*archive_, make_file({})));
  const auto code_for = [&](int status, std::map<std::size_t, bool>& taken) {
    const HttpPeer peer{[&](net::Request& request) -> Result<net::Response> {
      ACESO_TRY(const auto body, request.body->read_all(std::size_t{1} << 20));
      (void)body;
      return net::Response::text("{}", "application/dicom+json", status);
    }};
    const auto done = send(peer.url() + "/dicom-web", taken);
    return done.ok() ? std::optional<Code>{} : done.error().code();
  };
  std::map<std::size_t, bool> taken;
  EXPECT_EQ(code_for(503, taken), Code::unavailable);
  EXPECT_EQ(code_for(429, taken), Code::unavailable);
  EXPECT_EQ(code_for(401, taken), Code::denied);
  EXPECT_EQ(code_for(404, taken), Code::invalid);
  EXPECT_TRUE(taken.empty());
  EXPECT_EQ(code_for(409, taken), std::nullopt);
  EXPECT_EQ(taken, (std::map<std::size_t, bool>{{0, false}}));
  EXPECT_EQ(code_for(202, taken), std::nullopt);
  EXPECT_EQ(taken, (std::map<std::size_t, bool>{{0, true}})) << "a warning, and it is stored";
  std::map<std::size_t, bool> none;
  EXPECT_EQ(send("http://127.0.0.1:1/dicom-web", none).error().code(), Code::unavailable);
}

TEST(DicomWebTargets, are_refused_where_they_would_leak_or_cannot_work) {
  const auto why = [](const std::string& json) {
    const auto targets = parse_dicomweb_targets(json);
    EXPECT_FALSE(targets.ok()) << json;
    return targets ? std::string{} : targets.error().message();
  };
  EXPECT_NE(why(R"([{"name": "A", "url": "http://pacs.example/dicom-web"}])").find("https"), std::string::npos);
  EXPECT_NE(why(R"([{"name": "A", "url": "https://me:pw@pacs.example/"}])").find("token_file"), std::string::npos);
  why(R"([{"name": "A", "url": "ftp://pacs.example/"}])");
  why(R"([{"name": "A", "url": "https://"}])");
  why(R"([{"name": "A", "url": "https://pacs.example:99999/"}])");
  why(R"([{"url": "https://pacs.example/"}])");
  why(R"([{"name": "A", "url": "https://a.example/", "user": "me"}])");
  why(R"([{"name": "A", "url": "https://a.example/", "token_file": "/nowhere/token"}])");
  why(R"([{"name": "A", "url": "https://a.example/", "tokenfile": "x"}])");
  EXPECT_NE(why(R"([{"name": "A", "url": "https://a.example/"}, {"name": "A", "url": "https://b.example/"}])")
                .find("target 2"),
            std::string::npos);
  const auto good = parse_dicomweb_targets(R"([{"name": "A", "url": "https://[2001:db8::1]:8443/a/dicom-web/"}])");
  ASSERT_OK(good);
  EXPECT_EQ(good->front().host, "2001:db8::1");
  EXPECT_EQ(good->front().port, 8443);
  EXPECT_EQ(good->front().path, "/a/dicom-web");
}

}  // namespace
}  // namespace aceso::archive
