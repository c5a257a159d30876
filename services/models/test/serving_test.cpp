#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "aceso/learn/foreign_model.hpp"
#include "service_fixture.hpp"
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

// A queue whose runs answer with each sample's first value, wait where they are told to, and are written down.
class Batching : public ::testing::Test {
 protected:
  void open(QueueLimits limits, std::size_t places = 64) {
    room.emplace(places);
    queue = std::make_unique<BatchQueue>([this](const learn::NamedArrays& batch) { return run(batch); }, slots, *room,
                                         metrics, limits);
  }
  Result<Answers> run(const learn::NamedArrays& batch) {
    const learn::Array& in = batch.begin()->second;
    std::vector<float> out;
    for (std::int64_t i = 0; i < in.shape[0]; ++i) out.push_back(in.f32()[static_cast<std::size_t>(i) * 4]);
    std::unique_lock lock{mutex};
    runs.push_back(out);
    changed.notify_all();
    changed.wait(lock, [&] { return !held; });
    if (std::find(out.begin(), out.end(), poison) != out.end()) return Error{Code::invalid, "poisoned"};
    return Answers{learn::Array::from({in.shape[0], 1}, std::move(out)), {}};
  }
  void hold(bool on) {
    const std::scoped_lock lock{mutex};
    held = on;
    changed.notify_all();
  }
  void until_runs(std::size_t n) {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return runs.size() >= n; });
  }
  // Requests that wait behind one that runs; each is answered with its own value. `first` runs meanwhile.
  struct Ask {
    float value;
    Lane lane = Lane::interactive;
  };
  void behind_a_run(const std::vector<Ask>& asks) {
    hold(true);
    const learn::NamedArrays first = sample(-1);
    auto running = queue->submit(first, {});
    ASSERT_TRUE(running);
    until_runs(1);
    std::vector<learn::NamedArrays> batches;
    std::vector<BatchQueue::Ticket> tickets;
    batches.reserve(asks.size());
    for (const Ask& ask : asks) {
      batches.push_back(sample(ask.value));
      auto ticket = queue->submit(batches.back(), {.lane = ask.lane});
      ASSERT_TRUE(ticket) << ticket.error().message();
      tickets.push_back(*std::move(ticket));
    }
    hold(false);
    EXPECT_TRUE(running->wait());
    for (std::size_t i = 0; i < asks.size(); ++i) {
      const auto answer = tickets[i].wait();
      ASSERT_TRUE(answer) << answer.error().message();
      EXPECT_EQ(answer->output.f32()[0], asks[i].value);
    }
  }

  ComputeSlots slots{1};
  std::optional<WaitingRoom> room;
  std::shared_ptr<ModelMetrics> metrics = std::make_shared<ModelMetrics>();
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;
  float poison = -100;
  std::vector<std::vector<float>> runs;  // the values of each run's samples, in order
  std::unique_ptr<BatchQueue> queue;     // last: its thread uses the rest
};

TEST_F(Batching, what_waits_while_a_run_goes_on_shares_the_next_and_gets_its_own_answer) {
  open({.max_batch = 4});
  behind_a_run({{1}, {2}, {3}, {4}, {5}, {6}});
  EXPECT_EQ(runs, (std::vector<std::vector<float>>{{-1}, {1, 2, 3, 4}, {5, 6}}));
  EXPECT_EQ(metrics->answered, 7U);
  EXPECT_EQ(metrics->rows.counts().sum, 7);
  EXPECT_EQ(metrics->rows.counts().below.back(), 3U);
  EXPECT_EQ(metrics->queue_interactive.counts().below.back(), 7U);
}

TEST_F(Batching, a_delay_lets_an_idle_model_wait_until_the_run_is_full) {
  open({.max_batch = 8, .max_delay_us = 120'000'000});  // ends at once when the run is full
  std::vector<std::jthread> threads;
  std::array<float, 8> answers{};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([&, i] {
      const learn::NamedArrays mine = sample(static_cast<float>(i));
      auto ticket = queue->submit(mine, {});
      const auto answer = ticket ? ticket->wait() : Result<Answers>{ticket.error()};
      answers[i] = answer ? answer->output.f32()[0] : -1;
    });
  }
  threads.clear();
  EXPECT_EQ(runs.size(), 1U);
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i], static_cast<float>(i));
}

TEST_F(Batching, requests_of_other_shapes_and_large_ones_run_alone) {
  open({.max_batch = 4});
  hold(true);
  const learn::NamedArrays first = sample(-1), a = sample(1), large = sample(2, 9), b = sample(3);
  learn::NamedArrays other;
  other.emplace("image", learn::Array::from({1, 1, 1, 4}, std::vector<float>(4, 4)));
  auto running = queue->submit(first, {});
  until_runs(1);
  auto ta = queue->submit(a, {}), tlarge = queue->submit(large, {}), tother = queue->submit(other, {}),
       tb = queue->submit(b, {});
  hold(false);
  EXPECT_TRUE(ta->wait() && tother->wait() && tb->wait());
  const auto many = tlarge->wait();
  ASSERT_TRUE(many);
  EXPECT_EQ(many->output.shape, (learn::Shape{9, 1}));
  EXPECT_EQ(runs, (std::vector<std::vector<float>>{{-1}, {1, 3}, std::vector<float>(9, 2), {4}}));
}

TEST_F(Batching, a_clinician_goes_before_bulk_work_and_bulk_work_never_starves) {
  open({.max_batch = 1});
  using enum Lane;
  behind_a_run({{101, bulk}, {102, bulk}, {1}, {2}, {3}, {4}, {5}, {6}, {7}});
  EXPECT_EQ(runs, (std::vector<std::vector<float>>{{-1}, {1}, {2}, {3}, {4}, {101}, {5}, {6}, {7}, {102}}));
}

TEST_F(Batching, a_run_of_bulk_work_with_room_takes_a_clinician_along_but_not_the_other_way_round) {
  open({.max_batch = 4});
  using enum Lane;
  behind_a_run({{101, bulk}, {102, bulk}, {1}, {2}});
  EXPECT_EQ(runs, (std::vector<std::vector<float>>{{-1}, {1, 2}, {101, 102}}));
}

TEST_F(Batching, one_request_that_fails_does_not_spoil_its_neighbours) {
  open({.max_batch = 4});
  poison = 2;
  hold(true);
  const learn::NamedArrays first = sample(-1), a = sample(1), bad = sample(2), b = sample(3);
  auto running = queue->submit(first, {});
  until_runs(1);
  auto ta = queue->submit(a, {}), tbad = queue->submit(bad, {}), tb = queue->submit(b, {});
  hold(false);
  EXPECT_EQ(ta->wait()->output.f32()[0], 1);
  EXPECT_EQ(tb->wait()->output.f32()[0], 3);
  const auto failed = tbad->wait();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::invalid);
  EXPECT_EQ(metrics->failed, 1U);
}

TEST_F(Batching, a_full_queue_refuses_and_keeps_places_for_clinicians) {
  open({.max_batch = 1, .max_queue = 100}, 4);
  hold(true);
  const learn::NamedArrays input = sample(1);
  auto running = queue->submit(input, {});
  until_runs(1);
  std::vector<BatchQueue::Ticket> waiting;
  for (int i = 0; i < 3; ++i) {
    auto ticket = queue->submit(input, {.lane = Lane::bulk});
    ASSERT_TRUE(ticket);
    waiting.push_back(*std::move(ticket));
  }
  const auto bulk = queue->submit(input, {.lane = Lane::bulk});
  ASSERT_FALSE(bulk);
  EXPECT_EQ(bulk.error().code(), Code::exhausted);
  auto person = queue->submit(input, {});
  ASSERT_TRUE(person) << "one place of four is kept";
  EXPECT_FALSE(queue->submit(input, {}));
  EXPECT_EQ(metrics->refused, 2U);
  hold(false);
  waiting.clear();
  EXPECT_TRUE(person->wait());
  EXPECT_EQ(room->waiting(Lane::bulk) + room->waiting(Lane::interactive), 0U);
}

TEST_F(Batching, who_waits_too_long_is_told_and_takes_no_place_any_more) {
  open({.max_batch = 1, .max_queue = 1});
  hold(true);
  const learn::NamedArrays input = sample(1);
  auto running = queue->submit(input, {});
  until_runs(1);
  auto late = queue->submit(input, {.timeout_us = 1});
  ASSERT_TRUE(late);
  const auto answer = late->wait();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::timeout);
  EXPECT_EQ(metrics->late, 1U);
  EXPECT_TRUE(queue->submit(input, {})) << "its place is free";
  hold(false);
  EXPECT_TRUE(running->wait());
}

TEST(ModuleEngines, plain_networks_run_in_our_own_loops_and_need_no_module) {
  const auto engines = make_module_engines("openvino", "/nowhere");
  const learn::Bundle plain = make_bundle("plain", 16, false);
  EXPECT_EQ(engines->loaded(), "");
  EXPECT_EQ(engines->name_for(plain, "relu3"), "loops");
  const auto engine = engines->serving_for(plain, "relu3");
  ASSERT_TRUE(engine) << engine.error().message();
  EXPECT_EQ((*engine)->name(), "loops");
  EXPECT_EQ(engines->loaded(), "loops 1");
  const auto session = learn::load_bundle(**engine, plain, {.threads = 1, .embedding = "relu3"});
  ASSERT_TRUE(session) << session.error().message();
  learn::NamedArrays batch;
  batch.emplace("image", learn::Array::zeros(learn::DType::f32, {2, 1, 16, 16}));
  const auto answers = (*session)->run(batch);
  ASSERT_TRUE(answers) << answers.error().message();
  EXPECT_EQ(answers->at("output").shape, (learn::Shape{2, 1}));
  EXPECT_EQ(answers->at("embedding").shape, (learn::Shape{2, 128}));

  learn::Bundle other = plain;
  other.network.layers[1].stride = {2, 2};
  learn::Bundle foreign = plain;
  foreign.onnx.resize(1);
  learn::Bundle large = plain;  // more memory than our loops may hold
  large.signature.inputs[0].shape = {1, 1024, 1024};
  for (const learn::Bundle& bundle : {other, foreign, large}) {
    EXPECT_EQ(engines->name_for(bundle, ""), "openvino");
    EXPECT_EQ(engines->serving_for(bundle, "").error().code(), Code::not_found);
  }
}

TEST(ComputeSlots, one_run_at_a_time_where_there_is_one_slot) {
  ComputeSlots slots{1};
  std::atomic<int> inside{0}, most{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 200; ++k) {
        slots.acquire(i % 2 == 0 ? Lane::bulk : Lane::interactive);
        most = std::max(most.load(), ++inside);
        --inside;
        slots.release();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(most, 1);
}

class ServingService : public Service {
 protected:
  std::string metrics_text() const {
    std::string out;
    models->write_metrics(out);
    return out;
  }
  static learn::NamedArrays sample_tensor() {
    learn::NamedArrays batch;
    batch.emplace("image", learn::Array::from({1, 1, 16, 16}, std::vector<float>(256, 0.3F)));
    return batch;
  }
  Result<Json> ask(const std::string& name, int level, int version = 0) {
    return models->predict_bytes(actor("dr"), {.name = name, .version = version}, grey_png(16, level), "image/png",
                                 false);
  }
};

TEST_F(ServingService, the_least_recently_used_model_makes_room_by_bytes_and_is_loaded_again_on_demand) {
  options.session_cache = 64;
  options.model_memory_bytes = 2 * memory_of_weights(std::uint64_t{256} << 10);  // room for two of these, not for three
  open();
  for (const char* name : {"a", "b", "c"}) add_model(name, true, 1);
  ASSERT_TRUE(ask("a", 200, 1));
  ASSERT_TRUE(ask("b", 200, 1));
  ASSERT_TRUE(ask("a", 201, 1));
  EXPECT_EQ(engines.engine.loads, 2);
  ASSERT_TRUE(ask("c", 200, 1));
  ASSERT_TRUE(ask("a", 202, 1)) << "still in memory";
  EXPECT_EQ(engines.engine.loads, 3);
  ASSERT_TRUE(ask("b", 202, 1)) << "was unloaded for c";
  EXPECT_EQ(engines.engine.loads, 4);
  const std::string text = metrics_text();
  EXPECT_NE(text.find("aceso_models_loaded 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("aceso_model_unloads_total 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("aceso_model_batch_size_count{model=\"a\",version=\"1\"} 3\n"), std::string::npos) << text;
}

TEST_F(ServingService, a_model_too_large_for_the_bound_is_refused_by_the_keys_name) {
  options.model_memory_bytes = std::uint64_t{1} << 20;
  open();
  add_model("a", true, 1);
  const auto answer = ask("a", 200, 1);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::precondition);
  EXPECT_NE(answer.error().message().find("models.memory"), std::string::npos);
}

// Two versions take turns at being live, forth and rolled back, while requests run: none may fail, each names the
// version that answered it.
TEST_F(ServingService, promoting_and_rolling_back_under_load_fails_no_request) {
  open();
  add_model("m", true, 1);
  add_model("m", true, 2);
  ASSERT_TRUE(models->promote(actor("a"), "m", 1, "live"));
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, failed{0}, by_second{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        const auto answer = ask("m", 60 + (t * 31 + i) % 140);
        ++(answer ? answered : failed);
        if (answer && (*answer)["model"]["version"] == 2) ++by_second;
        const auto tensors = models->predict({.name = "m"}, sample_tensor());
        ++(tensors ? answered : failed);
      }
    });
  }
  for (int k = 0; k < 20; ++k) {
    const int before = answered;
    ASSERT_TRUE(models->promote(actor("a"), "m", 1 + (k + 1) % 2, "live"));
    ASSERT_TRUE(eventually([&] { return answered > before + 4 || failed > 0; }));
  }
  stop = true;
  threads.clear();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(by_second, 0);
  EXPECT_LT(by_second, answered);
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
