// Models watched by day, on a clock that the tests set forward.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aceso/learn/watch.hpp"
#include "service_fixture.hpp"

namespace aceso::models::test {
namespace {

constexpr std::int64_t kWatchSide = 16;

// Grey pictures whose levels are spread around 110, with noise of their own; `brighter` is added.
learn::Array watched_pictures(std::int64_t count, std::uint64_t seed, int brighter = 0) {
  const Philox random{seed};
  learn::Array a = learn::Array::zeros(learn::DType::u8, {count, kWatchSide, kWatchSide});
  const auto each = static_cast<std::size_t>(kWatchSide * kWatchSide);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const double level = 127 + 35 * random.normal(0, i) + brighter;
    for (std::size_t k = 0; k < each; ++k)
      a.data[i * each + k] =
          static_cast<std::byte>(std::clamp(level + 12 * random.normal(1, i * each + k), 0.0, 255.0));
  }
  return a;
}

// A label that depends on the level as the fake model's score does, with a little doubt.
learn::Array watched_labels(const learn::Array& images, std::uint64_t seed) {
  const Philox random{seed};
  learn::Array a = learn::Array::zeros(learn::DType::u8, {images.shape[0], 1});
  const auto each = images.data.size() / static_cast<std::size_t>(images.shape[0]);
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    double mean = 0;
    for (std::size_t k = 0; k < each; ++k) mean += static_cast<double>(std::to_integer<int>(images.data[i * each + k]));
    mean /= 255.0 * static_cast<double>(each);
    const double chance = 1 / (1 + std::exp(-20 * (mean - 0.5)));
    a.data[i] = static_cast<std::byte>(random.uniform01(5, i) < chance ? 1 : 0);
  }
  return a;
}

class WatchService : public Service {
 protected:
  void SetUp() override {
    open();
    learn::NamedArrays arrays;
    std::uint64_t seed = 1;
    for (const char* part : {"train", "val", "test"}) {
      const learn::Array images = watched_pictures(300, seed);
      arrays.emplace(std::string{part} + "_labels", watched_labels(images, seed));
      arrays.emplace(std::string{part} + "_images", images);
      ++seed;
    }
    const std::filesystem::path file = home.path() / "watched.npz";
    ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(arrays)));
    learn::ImportOptions how;
    how.name = "watched";
    how.classes = {"normal", "pneumonia"};
    const auto job = models->import_dataset(actor("scientist"), file, how);
    ASSERT_TRUE(job) << job.error().message();
    ASSERT_TRUE(wait(*job));
  }
  // A version whose bundle carries a reference.
  void train_watched() {
    const auto job = models->train(
        actor("scientist"), Json{{"name", "m"}, {"dataset", "watched"}, {"config", Json{{"epochs", 1}, {"batch", 8}}}});
    ASSERT_TRUE(job) << job.error().message();
    const auto end = wait(*job);
    ASSERT_TRUE(end) << end.error().message();
  }
  std::vector<std::string> day_of(std::uint64_t seed, std::int64_t count, int brighter = 0) {
    const learn::Array images = watched_pictures(count, seed, brighter);
    const auto each = static_cast<std::size_t>(kWatchSide * kWatchSide);
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      learn::Array one = learn::Array::zeros(learn::DType::u8, {kWatchSide, kWatchSide});
      std::copy_n(images.data.begin() + static_cast<std::ptrdiff_t>(i * each), each, one.data.begin());
      const auto answer = models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, learn::to_npy(one),
                                                "application/x-npy", false);
      EXPECT_TRUE(answer) << answer.error().message();
      if (answer) ids.push_back((*answer)["id"].get<std::string>());
    }
    return ids;
  }
  void next_day() { clock.move(std::chrono::hours{24}); }
  Json watched(int days = 30) {
    const auto report = models->watch("m", 1, days);
    EXPECT_TRUE(report) << report.error().message();
    return report ? *report : Json::object();
  }
};

std::vector<std::string> states(const Json& report) {  // the newest day first
  std::vector<std::string> out;
  for (const Json& day : report["days"]) out.push_back(day["state"].get<std::string>());
  return out;
}

TEST_F(WatchService, an_unchanged_week_is_steady_and_a_brightened_one_alarms) {
  train_watched();
  for (std::uint64_t day = 0; day < 7; ++day) {
    day_of(100 + day, 60);
    next_day();
  }
  const Json quiet = watched();
  EXPECT_EQ(quiet["reference"]["source"], "validation");
  EXPECT_EQ(quiet["reference"]["cases"], 300);
  EXPECT_EQ(states(quiet).size(), 8U);  // seven whole days, and today without an answer
  EXPECT_EQ(states(quiet).front(), "waiting");
  for (std::size_t i = 1; i < 8; ++i) EXPECT_EQ(states(quiet)[i], "steady") << quiet["days"][i].dump(1);
  EXPECT_TRUE(quiet["alarms"].empty());
  ASSERT_TRUE(quiet["days"][1]["performance"].is_object());
  EXPECT_NEAR(quiet["days"][1]["performance"]["accuracy"].get<double>(),
              quiet["reference"]["expected_accuracy"].get<double>(), 0.12);
  EXPECT_TRUE(audit.of("model.watch.alarm").empty());

  day_of(200, 60, 40);
  const Json loud = watched();
  EXPECT_EQ(states(loud).front(), "alarm");
  ASSERT_FALSE(loud["alarms"].empty());
  bool brightness = false;
  for (const Json& alarm : loud["alarms"]) brightness = brightness || alarm["test"] == "intensity: mean";
  EXPECT_TRUE(brightness) << loud["alarms"].dump(1);
  EXPECT_EQ(audit.of("model.watch.alarm").size(), loud["alarms"].size());
  EXPECT_EQ((*models->watch_alarms())["items"].size(), loud["alarms"].size());

  // Looked at again nothing is raised twice.
  EXPECT_EQ(watched()["alarms"].size(), loud["alarms"].size());
  // The day after is as usual: the alarms are over once that day is whole.
  next_day();
  day_of(300, 60);
  EXPECT_EQ(watched()["alarms"].front()["state"], "open");
  next_day();
  EXPECT_EQ(watched()["alarms"].front()["state"], "over") << watched()["alarms"].dump(1);
  EXPECT_TRUE((*models->watch_alarms())["items"].empty());
}

TEST_F(WatchService, alarms_are_acknowledged_with_a_comment_and_end_with_a_new_reference) {
  train_watched();
  for (std::uint64_t day = 0; day < 4; ++day) {
    day_of(400 + day, 60, 40);
    next_day();
  }
  const Json report = watched();
  ASSERT_FALSE(report["alarms"].empty());
  const std::string id = report["alarms"][0]["id"];
  EXPECT_EQ(models->acknowledge_alarm(actor("dr"), id, Json::object()).error().code(), Code::invalid);
  EXPECT_EQ(models->acknowledge_alarm(actor("dr"), "x", Json{{"comment", "?"}}).error().code(), Code::not_found);
  const auto done = models->acknowledge_alarm(actor("dr"), id, Json{{"comment", "new detector since Monday"}});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ((*done)["acknowledged"]["by"], "dr");
  EXPECT_EQ((*done)["acknowledged"]["comment"], "new detector since Monday");
  EXPECT_EQ(models->acknowledge_alarm(actor("dr"), id, Json{{"comment", "again"}}).error().code(), Code::conflict);
  EXPECT_EQ(audit.of("model.watch.acknowledge").size(), 1U);

  for (const Json& bad : {Json{{"reason", "r"}}, Json{{"days", 3}, {"bundle", true}, {"reason", "r"}},
                          Json{{"days", 3}}, Json{{"days", 91}, {"reason", "r"}}})
    EXPECT_EQ(models->set_watch_reference(actor("dr"), "m", 1, bad).error().code(), Code::invalid) << bad.dump();
  EXPECT_EQ(models->set_watch_reference(actor("dr"), "m", 1, Json{{"days", 2}, {"reason", "r"}}).error().code(),
            Code::precondition);  // 60 inputs
  const auto set =
      models->set_watch_reference(actor("dr"), "m", 1, Json{{"days", 5}, {"reason", "the new detector is approved"}});
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_EQ((*set)["cases"], 240);
  for (const Json& alarm : watched()["alarms"]) EXPECT_EQ(alarm["state"], "over");
  next_day();
  day_of(500, 60, 40);
  EXPECT_EQ(states(watched()).front(), "steady");
  EXPECT_EQ(watched()["reference"]["set_by"], "dr");
  EXPECT_TRUE(watched()["reference"]["expected_accuracy"].is_number());
  // And back again.
  ASSERT_TRUE(models->set_watch_reference(actor("dr"), "m", 1, Json{{"bundle", true}, {"reason", "old tube"}}));
  EXPECT_EQ(states(watched()).front(), "alarm");
  EXPECT_EQ(audit.of("model.watch.reference").size(), 2U);
}

TEST_F(WatchService, a_bundle_without_a_reference_is_compared_with_its_first_answers) {
  add_model("m", true, 1, kWatchSide);
  day_of(600, 150);
  next_day();
  EXPECT_TRUE(watched()["reference"].is_null());
  day_of(601, 80);
  next_day();
  day_of(602, 60);
  const Json report = watched();
  EXPECT_EQ(report["reference"]["source"], "first answers");
  EXPECT_EQ(report["reference"]["cases"], 230);
  EXPECT_EQ(states(report), (std::vector<std::string>{"steady", "reference", "reference"}));
  EXPECT_TRUE(report["days"][0]["performance"].is_null());  // what a score means is not known
  next_day();
  day_of(603, 60, 40);
  EXPECT_EQ(states(watched()).front(), "alarm");
  EXPECT_EQ(models->set_watch_reference(actor("dr"), "m", 1, Json{{"bundle", true}, {"reason", "r"}}).error().code(),
            Code::precondition);
}

TEST_F(WatchService, few_answers_a_day_are_taken_together_and_one_input_counts_once) {
  train_watched();
  for (std::uint64_t day = 0; day < 3; ++day) {
    day_of(700 + day, 20);
    next_day();
  }
  const Json report = watched();
  EXPECT_EQ(states(report), (std::vector<std::string>{"waiting", "steady", "waiting", "waiting"}));
  EXPECT_EQ(report["days"][1]["cases"], 60);
  EXPECT_EQ(report["days"][1]["answers"], 20);
  EXPECT_EQ(report["days"][1]["from"], report["days"][3]["day"]);
  day_of(800, 49);
  for (int i = 0; i < 3; ++i) day_of(800, 10);  // pictures of before
  EXPECT_EQ(watched()["days"][0]["answers"], 79);
}

TEST_F(WatchService, a_day_is_quiet_beside_days_that_were_busy) {
  train_watched();
  ASSERT_TRUE(models->promote(actor("dr"), "m", 1, "live"));
  for (std::uint64_t day = 0; day < 14; ++day) {
    day_of(900 + day, 22);
    next_day();
  }
  day_of(950, 11);  // half: not yet
  next_day();
  EXPECT_TRUE(watched()["alarms"].empty());
  day_of(951, 4);
  next_day();
  const Json report = watched();
  EXPECT_TRUE(report["alarms"].empty()) << "the quietest of the two weeks before had 11 answers, which are too few";
}

TEST_F(WatchService, silence_alarms_until_as_much_arrives_as_before) {
  train_watched();
  ASSERT_TRUE(models->promote(actor("dr"), "m", 1, "live"));
  for (std::uint64_t day = 0; day < 14; ++day) {
    day_of(1000 + day, 60, day == 13 ? 40 : 0);  // the last of them is bright: another alarm
    next_day();
  }
  const std::size_t others = watched()["alarms"].size();
  ASSERT_GT(others, 0U);
  next_day();  // a day without an answer
  const auto state_of = [](const Json& report, std::string_view test) {
    for (const Json& alarm : report["alarms"]) {
      if (alarm["test"] == test) return alarm["state"].get<std::string>();
    }
    return std::string{"none"};
  };
  const Json silent = watched();
  ASSERT_EQ(silent["alarms"].size(), others + 1);
  EXPECT_EQ(state_of(silent, "answers a day"), "open");
  EXPECT_EQ(silent["alarms"][0]["measured"]["current"], 0);
  EXPECT_EQ(state_of(silent, "intensity: mean"), "open");  // silence says nothing of brightness
  day_of(1100, 25);                                        // still less than half
  next_day();
  EXPECT_EQ(state_of(watched(), "answers a day"), "open");
  day_of(1101, 60);
  next_day();
  const Json back = watched();
  EXPECT_EQ(state_of(back, "answers a day"), "over");
  EXPECT_EQ(state_of(back, "intensity: mean"), "over");
}

TEST_F(WatchService, a_version_that_lost_its_requests_on_purpose_is_not_silent) {
  train_watched();
  for (std::uint64_t day = 0; day < 14; ++day) {
    day_of(1000 + day, 22);
    next_day();
  }
  next_day();
  EXPECT_TRUE(watched()["alarms"].empty());  // a candidate
  day_of(1400, 60, 40);
  ASSERT_FALSE(watched()["alarms"].empty());
  ASSERT_TRUE(models->promote(actor("dr"), "m", 1, "retired"));
  for (const Json& alarm : watched()["alarms"]) EXPECT_EQ(alarm["state"], "over");
}

// Two reports around a blinded reading must not give its score away.
TEST_F(WatchService, what_a_blinded_reader_may_not_see_counts_after_the_verdict) {
  train_watched();
  day_of(1500, 60);
  const Json before = watched()["days"][0];
  const learn::Array picture = watched_pictures(1, 1600);
  learn::Array one = learn::Array::zeros(learn::DType::u8, {kWatchSide, kWatchSide});
  one.data = picture.data;
  const auto blinded =
      models->predict_bytes(actor("dr"), {.name = "m", .version = 1}, learn::to_npy(one), "application/x-npy", true);
  ASSERT_TRUE(blinded) << blinded.error().message();
  const Json during = watched()["days"][0];
  EXPECT_EQ(during["cases"], before["cases"]);
  EXPECT_EQ(during["tests"], before["tests"]);
  ASSERT_TRUE(
      models->put_verdict(actor("dr"), (*blinded)["id"].get<std::string>(), "pneumonia", Json{{"label", "normal"}}));
  EXPECT_EQ(watched()["days"][0]["cases"], before["cases"].get<int>() + 1);
}

TEST_F(WatchService, first_answers_are_gathered_although_days_share_inputs) {
  add_model("m", true, 1, kWatchSide);
  for (std::uint64_t day = 0; day < 4; ++day) {
    day_of(1700, 20);  // a phantom for quality assurance, the same every day
    day_of(1701 + day, 50);
    next_day();
  }
  const Json report = watched();
  EXPECT_EQ(report["reference"]["source"], "first answers");
  EXPECT_EQ(report["reference"]["cases"], 220);
}

TEST_F(WatchService, readers_verdicts_stand_beside_the_estimate) {
  train_watched();
  const auto ids = day_of(1100, 60);
  for (std::size_t i = 0; i < 10; ++i) {
    const Json shown = *models->prediction(actor("dr"), ids[i]);
    const std::string finding = shown["finding"];
    const auto put = models->put_verdict(actor("dr"), ids[i], finding, Json{{"agree", i < 7}});
    ASSERT_TRUE(put) << put.error().message();
  }
  const Json day = watched()["days"][0];
  EXPECT_EQ(day["readers"]["verdicts"], 10);
  EXPECT_EQ(day["readers"]["agreed"], 7);
}

TEST_F(WatchService, a_drill_notices_brightened_samples_and_not_unchanged_ones) {
  train_watched();
  const auto drilled = [&](const Json& request) {
    const auto job = models->drill(actor("dr"), request);
    EXPECT_TRUE(job) << job.error().message();
    const auto end = wait(*job);
    EXPECT_TRUE(end) << end.error().message();
    return end ? (*end)["output"] : Json::object();
  };
  const Json result = drilled(Json{{"model", "m"}, {"version", 1}, {"brightness", 0.15}});
  EXPECT_EQ(result["dataset"], "watched");
  EXPECT_EQ(result["false_alarms"], 0) << result["unchanged"].dump(1);
  EXPECT_EQ(result["noticed_on"], 1);
  EXPECT_EQ(result["unchanged"].size(), 7U);
  const Json nothing = drilled(Json{{"model", "m"}, {"version", 1}, {"brightness", 0.001}, {"days", 2}});
  EXPECT_TRUE(nothing["noticed_on"].is_null());
  EXPECT_EQ(drilled(Json{{"model", "m"}, {"version", 1}, {"noise", 0.2}})["noticed_on"], 1);
  EXPECT_EQ((*models->predictions(actor("dr"), "m", "", 10))["items"].size(), 0U);
  for (const Json& bad : {Json{{"model", "m"}, {"brightness", 2}}, Json{{"model", "m"}, {"per_day", 3}},
                          Json{{"model", "m"}, {"split", "x"}}})
    EXPECT_EQ(models->drill(actor("dr"), bad).error().code(), Code::invalid) << bad.dump();
  EXPECT_EQ(models->drill(actor("dr"), Json{{"model", "none"}}).error().code(), Code::not_found);
}

TEST_F(WatchService, is_judged_without_anybody_asking) {
  train_watched();
  day_of(1200, 80, 40);
  EXPECT_TRUE(eventually([&] { return !audit.of("model.watch.alarm").empty(); }));
}

TEST_F(WatchService, survives_a_restart) {
  train_watched();
  for (std::uint64_t day = 0; day < 2; ++day) {
    day_of(1300 + day, 60);
    next_day();
  }
  const Json before = watched();
  reopen("train");
  const Json after = watched();
  EXPECT_EQ(after["days"], before["days"]);
}

}  // namespace
}  // namespace aceso::models::test
