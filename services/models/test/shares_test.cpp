// A share of the requests for a version beside the live one: canary and shadow.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/crypto/hash.hpp"
#include "registry.hpp"
#include "service_fixture.hpp"
#include "shadow.hpp"

namespace aceso::models::test {
namespace {

TEST(FallsToShare, by_the_input_alone_and_as_often_as_asked) {
  int at_10 = 0, at_50 = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string input = crypto::to_hex(crypto::sha256(crypto::as_bytes(std::to_string(i))));
    const bool ten = falls_to_share("m", input, 10);
    EXPECT_EQ(ten, falls_to_share("m", input, 10));
    EXPECT_LE(ten, falls_to_share("m", input, 50)) << "a share that grows keeps its inputs";
    EXPECT_TRUE(falls_to_share("m", input, 100));
    at_10 += ten ? 1 : 0;
    at_50 += falls_to_share("m", input, 50) ? 1 : 0;
  }
  EXPECT_NEAR(at_10, 400, 5 * std::sqrt(4000 * 0.1 * 0.9));  // five standard deviations of a binomial
  EXPECT_NEAR(at_50, 2000, 5 * std::sqrt(4000 * 0.25));
}

TEST(ShadowWork, runs_what_fits_and_drops_the_rest) {
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  std::atomic<int> ran{0};
  {
    ShadowWork work{100};
    ASSERT_TRUE(work.add(60, [&] {
      std::unique_lock lock{mutex};
      changed.wait(lock, [&] { return go; });
      ++ran;
    }));
    EXPECT_FALSE(work.add(60, [&] { ++ran; }));
    EXPECT_EQ(work.dropped(), 1U);
    ASSERT_TRUE(work.add(40, [&] { ++ran; }));
    {
      const std::scoped_lock lock{mutex};
      go = true;
    }
    changed.notify_all();
    ASSERT_TRUE(eventually([&] { return ran == 2; }));
    EXPECT_TRUE(eventually([&] { return work.add(100, [&] { ++ran; }); })) << "what was done takes no room";
  }
  EXPECT_LE(ran, 3);
}

class Shares : public Service {
 protected:
  void two_versions() {
    open();
    add_model("m", true, 1);
    add_model("m", true, 2);
    ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  }
  // A version of `m` with other classes than add_model() gives.
  void add_stranger() {
    learn::Bundle other = make_bundle("m", 16, true, 9);
    other.card.classes = {"no effusion", "effusion"};
    const std::filesystem::path folder = home.path() / "stranger";
    ASSERT_TRUE(learn::write_bundle(folder, other, "<!doctype html><html><body>report</body></html>", signing_key()));
    ASSERT_TRUE(models->register_bundle(actor("scientist"), folder, ""));
  }
  Result<Json> ask(int seed, int version = 0) {
    return models->predict_bytes(actor("dr"), {.name = "m", .version = version}, grey_png(16, 60 + seed, seed),
                                 "image/png", false);
  }
  // How often each version was asked without anybody being shown it.
  std::map<int, int> shadows() const {
    std::map<int, int> out;
    for (const auto& event : audit.of("prediction.create")) {
      const Json detail = Json::parse(event.detail);
      if (detail["source"] == "shadow") ++out[detail["version"].get<int>()];
    }
    return out;
  }
};

TEST_F(Shares, a_canary_answers_its_share_and_one_input_always_goes_the_same_way) {
  two_versions();
  const auto set = models->set_share(actor("head"), "m", 2, "canary", 50);
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_EQ((*set)["share"]["percent"], 50);
  std::map<int, int> first, again;
  std::set<std::string> hashes;
  for (int i = 0; i < 40; ++i) {
    const auto answer = ask(i);
    ASSERT_TRUE(answer) << answer.error().message();
    first[i] = (*answer)["model"]["version"];
    again[i] = (*ask(i))["model"]["version"];
    hashes.insert((*answer)["model"]["hash"]);
    EXPECT_EQ(first[i] == 2, !(*answer)["warnings"].empty()) << "a canary says that it is not live";
  }
  EXPECT_EQ(first, again);
  EXPECT_EQ(hashes.size(), 2U);
  const auto canaries = std::count_if(first.begin(), first.end(), [](const auto& e) { return e.second == 2; });
  EXPECT_GT(canaries, 5);
  EXPECT_LT(canaries, 35);
  EXPECT_EQ((*ask(1, 1))["model"]["version"], 1) << "who names a version gets it";
  const Json versions = (*models->models())["items"][0]["versions"];
  EXPECT_EQ(versions[0]["share"]["mode"], "canary");
  EXPECT_FALSE(versions[1].contains("share"));
  EXPECT_EQ((*models->model("m", 2))["share"]["by"], "head");
  ASSERT_TRUE(models->set_share(actor("head"), "m", 2, "none", 0));
  for (int i = 0; i < 20; ++i) EXPECT_EQ((*ask(i))["model"]["version"], 1);
  const auto audited = audit.of("model.share");
  ASSERT_EQ(audited.size(), 2U);
  EXPECT_EQ(Json::parse(audited[1].detail)["before"]["percent"], 50);
}

TEST_F(Shares, a_canary_answers_what_the_live_version_answers) {
  two_versions();
  add_stranger();
  EXPECT_EQ(models->set_share(actor("head"), "m", 3, "canary", 50).error().code(), Code::precondition);
  ASSERT_TRUE(models->set_share(actor("head"), "m", 3, "shadow", 50));
  // One that was alike, until another version went live: the live one answers.
  ASSERT_TRUE(models->set_share(actor("head"), "m", 2, "canary", 100));
  EXPECT_EQ((*ask(1))["model"]["version"], 2);
  ASSERT_TRUE(models->promote(actor("a"), "m", 3, "live"));
  EXPECT_EQ((*ask(1))["model"]["version"], 3);
}

TEST_F(Shares, a_shadow_is_asked_behind_the_answer_and_shown_to_nobody) {
  two_versions();
  ASSERT_TRUE(models->set_share(actor("head"), "m", 2, "shadow", 100));
  for (int i = 0; i < 5; ++i) EXPECT_EQ((*ask(i))["model"]["version"], 1);
  learn::NamedArrays batch;
  batch.emplace("image", learn::Array::from({2, 1, 16, 16}, std::vector<float>(512, 0.3F)));
  EXPECT_EQ(models->predict({.name = "m"}, batch)->model_version, 1);
  ASSERT_TRUE(eventually([&] { return shadows() == std::map<int, int>{{2, 7}}; }));
  const Json list = *models->predictions(actor("dr"), "m", "", 100);
  EXPECT_EQ(list["items"].size(), 7U);
  for (const Json& item : list["items"]) EXPECT_EQ(item["model"]["version"], 1);
  for (const auto& event : audit.of("prediction.create")) {
    if (Json::parse(event.detail)["source"] != "shadow") continue;
    EXPECT_EQ(models->prediction(actor("dr"), event.entity_id).error().code(), Code::not_found);
    EXPECT_FALSE(models->put_verdict(actor("dr"), event.entity_id, "pneumonia", Json{{"label", "pneumonia"}}));
  }
}

TEST_F(Shares, a_blinded_reader_is_not_unblinded_by_a_shadow) {
  two_versions();
  ASSERT_TRUE(models->set_share(actor("head"), "m", 2, "shadow", 100));
  const auto read = models->predict_bytes(actor("dr"), {.name = "m"}, grey_png(16, 200), "image/png", true);
  ASSERT_TRUE(read);
  ASSERT_TRUE(eventually([&] { return shadows()[2] == 1; }));
  const auto verdict =
      models->put_verdict(actor("dr"), (*read)["id"].get<std::string>(), "pneumonia", Json{{"label", "pneumonia"}});
  ASSERT_TRUE(verdict) << verdict.error().message();
  EXPECT_EQ((*verdict)["saw_prediction_first"], false);
}

TEST_F(Shares, ends_with_promotion_or_retirement_and_refuses_what_makes_no_sense) {
  two_versions();
  const auto code = [&](int version, std::string_view mode, double percent) {
    const auto set = models->set_share(actor("head"), "m", version, mode, percent);
    return set ? Code::internal : set.error().code();
  };
  EXPECT_EQ(code(1, "canary", 10), Code::precondition) << "is live";
  EXPECT_EQ(code(2, "canary", 0), Code::invalid);
  EXPECT_EQ(code(2, "canary", 101), Code::invalid);
  EXPECT_EQ(code(2, "always", 10), Code::invalid);
  EXPECT_EQ(code(7, "canary", 10), Code::not_found);
  add_model("m", false, 3);
  EXPECT_EQ(code(3, "canary", 10), Code::precondition) << "no evaluation";
  EXPECT_TRUE(models->set_share(actor("head"), "m", 3, "shadow", 10));
  EXPECT_TRUE(models->set_share(actor("head"), "m", 2, "canary", 100)) << "takes the place of the other";
  EXPECT_FALSE((*models->model("m", 3)).contains("share"));
  ASSERT_TRUE(models->promote(actor("head"), "m", 2, "live"));
  EXPECT_FALSE((*models->model("m", 2)).contains("share"));
  ASSERT_TRUE(models->set_share(actor("head"), "m", 3, "shadow", 10));
  ASSERT_TRUE(models->promote(actor("head"), "m", 3, "retired"));
  EXPECT_FALSE((*models->model("m", 3)).contains("share"));
  add_model("alone", true, 1);
  EXPECT_FALSE(models->set_share(actor("head"), "alone", 1, "canary", 10)) << "no live version beside it";
}

}  // namespace
}  // namespace aceso::models::test
