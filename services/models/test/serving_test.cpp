#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "fakes.hpp"
#include "serving.hpp"
#include "tar.hpp"
#include "uncertainty.hpp"

namespace aceso::models::test {
namespace {

learn::NamedArrays sample(float value, std::int64_t rows = 1) {
  learn::NamedArrays batch;
  batch.emplace("image",
                learn::Array::from({rows, 1, 2, 2}, std::vector<float>(static_cast<std::size_t>(rows) * 4, value)));
  return batch;
}

std::shared_ptr<ServedModel> served() {
  return std::make_shared<ServedModel>(std::make_shared<const learn::Bundle>(), std::make_unique<FakeSession>(1),
                                       "fake", learn::Applicability{});
}

TEST(ServedModel, requests_that_come_together_share_a_run_and_get_their_own_answers) {
  const auto model = served();
  Gate gate{2, 64};
  FakeSession::runs = 0;
  FakeSession::largest = 0;
  std::vector<std::jthread> threads;
  std::array<float, 8> answers{};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto out = model->run(sample(static_cast<float>(i) / 8.0F), gate, 8,
                                  120'000'000);  // the window ends at once when the batch is full
      answers[i] = out ? out->output.f32()[0] : -1;
    });
  }
  threads.clear();
  EXPECT_EQ(FakeSession::runs, 1);
  EXPECT_EQ(FakeSession::largest, 8);
  for (std::size_t i = 0; i < answers.size(); ++i)
    EXPECT_NEAR(static_cast<double>(answers[i]), 1 / (1 + std::exp(-20 * (static_cast<double>(i) / 8 - 0.5))), 1e-5)
        << i;
}

TEST(ServedModel, without_a_window_each_request_runs_alone) {
  const auto model = served();
  Gate gate{1, 1};
  FakeSession::runs = 0;
  EXPECT_TRUE(model->run(sample(0.1F), gate, 8, 0));
  EXPECT_TRUE(model->run(sample(0.1F, 3), gate, 8, 0));
  EXPECT_EQ(FakeSession::runs, 2);
}

TEST(Gate, beyond_its_waiting_room_it_says_exhausted) {
  Gate gate{1, 1};
  ASSERT_TRUE(gate.enter());
  std::atomic<bool> second_in{false};
  std::jthread second{[&] {
    ASSERT_TRUE(gate.enter());
    second_in = true;
    gate.leave();
  }};
  // Only once the second is in the room: until then the third would wait itself.
  while (gate.queued() == 0) std::this_thread::yield();
  EXPECT_FALSE(gate.enter());
  EXPECT_FALSE(second_in);
  gate.leave();
  second.join();
  EXPECT_TRUE(second_in);
}

TEST(Uncertainty, the_group_of_a_score_is_counted_from_validation_cases) {
  learn::Predictions p;
  for (int i = 0; i < 100; ++i) {
    p.probabilities.push_back({i / 100.0});
    p.labels.push_back(i >= 60 ? 1 : 0);
    p.ids.push_back(std::to_string(i));
  }
  const Json table = calibration_table(p);
  ASSERT_EQ(table["bins"].size(), 5U);
  std::size_t cases = 0;
  for (const Json& bin : table["bins"]) cases += bin["cases"].get<std::size_t>();
  EXPECT_EQ(cases, 100U);
  const Json high = uncertainty(table, 0.95, "pneumonia");
  EXPECT_EQ(high["cases"], 20);
  EXPECT_EQ(high["positives"], 20);
  EXPECT_NEAR(high["low"].get<double>(), 0.8389, 1e-4);  // Wilson 95 % of 20/20: 1 / (1 + z^2/20)
  EXPECT_EQ(high["outside"], false);
  const Json low = uncertainty(table, 0.05, "pneumonia");
  EXPECT_EQ(low["positives"], 0);
  EXPECT_EQ(uncertainty(table, 1.0, "x")["outside"], true);
}

TEST(Uncertainty, equal_scores_stay_together_and_too_few_cases_say_nothing) {
  learn::Predictions p;
  for (int i = 0; i < 60; ++i) {
    p.probabilities.push_back({i < 50 ? 0.5 : 0.9});
    p.labels.push_back(i % 2);
  }
  const Json table = calibration_table(p);
  for (const Json& bin : table["bins"]) EXPECT_TRUE(bin["low"] == bin["high"] || bin["low"] == 0.5);
  EXPECT_EQ(table["bins"][0]["cases"], 50);
  p.probabilities.resize(19);
  p.labels.resize(19);
  EXPECT_TRUE(calibration_table(p).is_null());
  EXPECT_EQ(uncertainty(nullptr, 0.5, "x")["kind"], "none");
  EXPECT_EQ(uncertainty(Json::parse(R"({"bins":[{"low":"odd"}]})"), 0.5, "x")["kind"], "none");
  EXPECT_EQ(uncertainty(Json::parse(R"({"bins":[{"low":0,"high":1,"cases":3,"counted":9}]})"), 0.5, "x")["kind"],
            "none");
}

TEST(TarSource, makes_an_archive_that_tar_reads) {
  const TempDir home = *TempDir::create("aceso-tar");
  std::filesystem::create_directories(home.path() / "in/sub");
  ASSERT_TRUE(write_file_atomic(home.path() / "in/a.txt", std::string_view{"hello"}));
  ASSERT_TRUE(write_file_atomic(home.path() / "in/sub/b.bin", std::string_view{std::string(1024, 'b')}));
  TarSource source{home.path() / "in", "m-1", {"a.txt", "sub/b.bin"}};
  const std::uint64_t length = *source.length();
  std::string archive;
  std::array<std::byte, 100> piece;
  for (;;) {
    const auto n = source.read(piece);
    ASSERT_TRUE(n);
    if (*n == 0) break;
    archive.append(reinterpret_cast<const char*>(piece.data()), *n);
  }
  EXPECT_EQ(archive.size(), length);
  ASSERT_TRUE(write_file_atomic(home.path() / "out.tar", std::string_view{archive}));
  std::filesystem::create_directories(home.path() / "out");
  ASSERT_EQ(
      std::system(("tar xf " + (home.path() / "out.tar").string() + " -C " + (home.path() / "out").string()).c_str()),
      0);
  EXPECT_EQ(*read_text_file(home.path() / "out/m-1/a.txt", 100), "hello");
  EXPECT_EQ(read_text_file(home.path() / "out/m-1/sub/b.bin", 10000)->size(), 1024U);
}

}  // namespace
}  // namespace aceso::models::test
