// Events told to another system: signed, once for each state, through outages and restarts. Over real sockets; the
// clock stands until the test moves it.
#include "aceso/archive/webhooks.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "http_peer.hpp"

namespace aceso::archive {
namespace {

using namespace testing;

// Whom the node tells; may be down.
class Receiver {
 public:
  struct Heard {
    std::string id, timestamp, signature, body;
    Json json() const { return *parse_json(body); }
  };
  Receiver() : peer_{[this](net::Request& request) { return take(request); }} {}
  std::string url() const { return peer_.url() + "/hook"; }
  void answer(int status) {
    const std::lock_guard lock{mutex_};
    status_ = status;
  }
  // All that was taken, once there are `count` of them.
  std::vector<Heard> heard(std::size_t count) {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::minutes{1}, [&] { return heard_.size() >= count; }));
    return heard_;
  }
  bool asked(int times) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::minutes{1}, [&] { return asked_ >= times; });
  }

 private:
  Result<net::Response> take(net::Request& request) {
    ACESO_TRY(const auto body, request.body->read_all(std::size_t{1} << 20));
    const std::lock_guard lock{mutex_};
    ++asked_;
    changed_.notify_all();
    if (status_ >= 300) return net::Response::text("", "text/plain", status_);
    heard_.push_back({std::string{request.headers.get("webhook-id")},
                      std::string{request.headers.get("webhook-timestamp")},
                      std::string{request.headers.get("webhook-signature")}, body});
    return net::Response::text("", "text/plain", status_);
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int status_ = 204;
  int asked_ = 0;
  std::vector<Heard> heard_;
  HttpPeer peer_;
};

class WebhooksTest : public ::testing::Test {
 protected:
  WebhooksTest() {
    const auto file = folder_.path() / "secret";
    EXPECT_OK(write_file_atomic(file, std::string_view{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"}));
    options_.targets =
        R"([{"name": "RIS", "url": ")" + receiver_.url() + R"(", "secret_file": ")" + file.string() + "\"}]";
  }
  ~WebhooksTest() override { close(); }
  void open() {
    auto archive = Archive::create(folder_.path() / "archive",
                                   {.clock = clock_, .logger = logger_, .audit = audit_, .audit_key = key_}, {});
    ASSERT_OK(archive);
    archive_ = *std::move(archive);
    auto hooks = Webhooks::create(
        folder_.path() / "webhooks",
        {.clock = clock_, .random = random_, .logger = logger_, .archive = *archive_, .key = key_}, options_);
    ASSERT_OK(hooks);
    hooks_ = *std::move(hooks);
    ASSERT_OK(hooks_->start());
  }
  void close() {
    hooks_.reset();
    archive_.reset();
  }
  void store(int number) {
    clock_.advance(std::chrono::milliseconds{1});
    ObjectSpec spec;
    spec.number = number;
    spec.instance = "1.2.3.1.1." + std::to_string(number);
    ASSERT_OK(put(*archive_, make_file(spec)));
  }
  // Until the newest delivery is in this state.
  Json settled(const std::string& state) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    Json items;
    while (std::chrono::steady_clock::now() < end) {
      items = hooks_->list(caller(), "", 100)->at("items");
      if (!items.empty() && items.at(0).at("state") == state) return items;
      std::this_thread::yield();
    }
    ADD_FAILURE() << items.dump(1);
    return items;
  }

  Receiver receiver_;
  TempDir folder_ = *TempDir::create("aceso-webhooks");
  ManualClock clock_;
  SilentSink silent_;
  Logger logger_{clock_, silent_};
  SeededRandom random_{7};
  contracts::testing::MemoryAuditSink audit_;
  crypto::SecretKey key_ = crypto::SecretKey::generate(random_);
  WebhookOptions options_;
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<Webhooks> hooks_;
};

TEST(WebhookSignature, is_that_of_standard_webhooks) {
  // The worked example of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
  const auto secret = *crypto::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  EXPECT_EQ(webhook_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_F(WebhooksTest, objects_of_a_study_that_come_together_are_one_signed_event) {
  open();
  for (int i = 1; i <= 3; ++i) store(i);
  clock_.advance(options_.batch);
  const auto heard = receiver_.heard(1);
  const auto json = heard.at(0).json();
  EXPECT_EQ(json.at("type"), "study.stored");
  EXPECT_EQ(json.at("data"), (Json{{"study", "1.2.3.1"}, {"objects", 3}}));
  const auto secret = *crypto::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  EXPECT_EQ(heard[0].signature, webhook_signature(secret, heard[0].id, heard[0].timestamp, heard[0].body));
  EXPECT_EQ(heard[0].body.find("Doe"), std::string::npos);
  store(4);
  clock_.advance(options_.batch);
  EXPECT_EQ(receiver_.heard(2).at(1).json().at("data").at("objects"), 1);
}

TEST_F(WebhooksTest, a_state_is_told_once_also_after_a_restart) {
  options_.targets.insert(options_.targets.size() - 2, R"(, "events": ["series.complete", "analysis.ended"])");
  open();
  store(1);
  ASSERT_OK(hooks_->series_complete("1.2.3.1", "1.2.3.1.1"));
  ASSERT_OK(hooks_->series_complete("1.2.3.1", "1.2.3.1.1"));
  ASSERT_OK(hooks_->analysis_ended("1.2.3.1", "1.2.3.1.1", "a1", "analysed", {"2.25.1"}));
  receiver_.heard(2);
  settled("delivered");
  close();
  open();
  ASSERT_OK(hooks_->series_complete("1.2.3.1", "1.2.3.1.1"));
  ASSERT_OK(hooks_->analysis_ended("1.2.3.1", "1.2.3.1.1", "a1", "analysed", {"2.25.1"}));
  store(2);
  ASSERT_OK(hooks_->series_complete("1.2.3.1", "1.2.3.1.1"));
  const auto heard = receiver_.heard(3);
  EXPECT_EQ(hooks_->list(caller(), "", 100)->at("items").size(), 3U);
  EXPECT_EQ(heard.at(2).json().at("type"), "series.complete") << "it has grown";
  EXPECT_EQ(heard.at(2).json().at("data").at("objects"), 2);
}

TEST_F(WebhooksTest, a_target_that_is_down_hears_it_later_also_after_a_restart) {
  open();
  receiver_.answer(503);
  store(1);
  clock_.advance(options_.batch);
  ASSERT_TRUE(receiver_.asked(1));
  close();
  receiver_.answer(200);
  open();
  clock_.advance(std::chrono::minutes{10});
  EXPECT_EQ(receiver_.heard(1).at(0).json().at("type"), "study.stored");
  settled("delivered");
}

TEST_F(WebhooksTest, what_was_stored_before_a_crash_is_told) {
  open();
  store(1);
  close();  // before the batch was over
  open();
  clock_.advance(options_.batch);
  receiver_.heard(1);
}

TEST_F(WebhooksTest, gone_means_gone_and_the_list_says_so_to_whom_may_read) {
  open();
  receiver_.answer(410);
  ASSERT_OK(hooks_->analysis_ended("1.2.3.1", "1.2.3.1.1", "a1", "failed", {}));
  const auto items = settled("failed");
  EXPECT_EQ(items.at(0).at("event"), "analysis.ended");
  EXPECT_NE(items.at(0).at("reason").get<std::string>().find("410"), std::string::npos);
  EXPECT_CODE(hooks_->list(caller({}), "", 10), Code::denied);
}

TEST_F(WebhooksTest, targets_that_cannot_work_are_refused_by_their_number) {
  const auto secret = (folder_.path() / "secret").string();
  const auto why = [&](const std::string& targets) {
    WebhookOptions options;
    options.targets = targets;
    if (!archive_)
      archive_ = *Archive::create(folder_.path() / "archive",
                                  {.clock = clock_, .logger = logger_, .audit = audit_, .audit_key = key_}, {});
    const auto made = Webhooks::create(
        folder_.path() / "refused",
        {.clock = clock_, .random = random_, .logger = logger_, .archive = *archive_, .key = key_}, options);
    EXPECT_FALSE(made.ok()) << targets;
    return made ? std::string{} : made.error().message();
  };
  EXPECT_NE(why(R"([{"url": "https://ris.example/"}])").find("webhooks.targets: target 1: secret_file"),
            std::string::npos);
  why(R"([{"url": "http://ris.example/", "secret_file": ")" + secret + "\"}]");
  why(R"([{"url": "https://ris.example/", "events": ["study.read"], "secret_file": ")" + secret + "\"}]");
  ASSERT_OK(write_file_atomic(folder_.path() / "short", std::string_view{"abc"}));
  EXPECT_NE(why(R"([{"url": "https://ris.example/", "secret_file": ")" + (folder_.path() / "short").string() + "\"}]")
                .find("16 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace aceso::archive
