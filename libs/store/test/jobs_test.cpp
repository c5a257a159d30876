#include "aceso/store/jobs.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

#include "aceso/base/random.hpp"
#include "fixture.hpp"

namespace aceso::store {
namespace {

// Two threads meet: one waits until the other has opened the gate.
class Gate {
 public:
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

void wait_for_stop(const std::stop_token& stop) {
  Gate gate;
  const std::stop_callback wake{stop, [&] { gate.open(); }};
  gate.wait();
}

class Jobs : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_sqlite(around_.path("jobs.sqlite"), JobQueue::migrations(1), around_.logger);
    ASSERT_OK(opened);
    catalogue_ = *std::move(opened);
    renew();
  }
  // A new queue on the same catalogue, as after a restart.
  void renew(JobQueue::Options options = {}) {
    queue_.reset();
    auto made = JobQueue::create(*catalogue_, around_.clock, random_, around_.logger, options);
    ASSERT_OK(made);
    queue_ = *std::move(made);
  }
  Job ended(const std::string& id) { return *queue_->wait(id, {}); }
  std::vector<std::string> states(const std::string& id) {
    std::vector<std::string> out;
    const auto events = queue_->events(id, 0, 100);
    for (const JobEvent& event : *events) out.push_back(Json::parse(event.json).at("state").get<std::string>());
    return out;
  }

  Surroundings around_;
  SeededRandom random_{1};
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<JobQueue> queue_;
};

TEST_F(Jobs, run_and_give_their_output) {
  queue_->handle("double", [](JobContext& context) -> Result<Json> {
    return Json{{"y", 2 * Json::parse(context.job().input_json).at("x").get<int>()}};
  });
  ASSERT_OK(queue_->start());
  const auto id = queue_->submit("double", Json{{"x", 21}}, "user:1");
  ASSERT_OK(id);
  const Job job = ended(*id);
  EXPECT_EQ(job.state, JobState::succeeded);
  EXPECT_EQ(job.output_json, R"({"y":42})");
  EXPECT_EQ(job.created_by, "user:1");
  EXPECT_EQ(job.attempt, 1);
  EXPECT_EQ(states(*id), (std::vector<std::string>{"queued", "running", "succeeded"}));
}

TEST_F(Jobs, submitted_before_start_run_in_order_of_creation) {
  std::vector<int> order;
  queue_->handle("note", [&](JobContext& context) -> Result<Json> {
    order.push_back(Json::parse(context.job().input_json).get<int>());
    return Json{};
  });
  std::string last;
  for (int i = 0; i < 5; ++i) {
    last = *queue_->submit("note", Json(i), "u");
    around_.clock.advance(std::chrono::seconds{1});
  }
  ASSERT_OK(queue_->start());
  EXPECT_EQ(ended(last).state, JobState::succeeded);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(Jobs, failures_that_may_pass_are_retried_with_growing_delays) {
  std::atomic<int> calls{0};
  queue_->handle("flaky", [&](JobContext&) -> Result<Json> {
    if (++calls < 3) return Error{Code::unavailable, "engine is starting"};
    return Json{"done"};
  });
  ASSERT_OK(queue_->start());
  const std::string id = *queue_->submit("flaky", Json{}, "u", 5);
  around_.clock.wait_for_sleepers(1);
  EXPECT_EQ(queue_->get(id)->state, JobState::queued);
  EXPECT_EQ(queue_->get(id)->error, "unavailable: engine is starting");
  EXPECT_EQ(calls, 1);
  around_.clock.advance(std::chrono::milliseconds{740});  // 1 s less a quarter is 750 ms
  EXPECT_EQ(calls, 1);
  around_.clock.advance(std::chrono::milliseconds{511});  // 1 s and a quarter
  while (calls < 2) std::this_thread::yield();
  around_.clock.wait_for_sleepers(1);
  around_.clock.advance(std::chrono::milliseconds{2501});
  const Job job = ended(id);
  EXPECT_EQ(job.state, JobState::succeeded);
  EXPECT_EQ(job.attempt, 3);
  EXPECT_EQ(job.error, "");
}

TEST_F(Jobs, retries_end_at_max_attempts_and_other_errors_at_once) {
  queue_->handle("never", [](JobContext&) -> Result<Json> { return Error{Code::timeout, "no answer"}; });
  queue_->handle("wrong", [](JobContext&) -> Result<Json> { return Error{Code::invalid, "no such dataset"}; });
  queue_->handle("throws", [](JobContext&) -> Result<Json> { throw std::runtime_error{"patient Ann"}; });
  ASSERT_OK(queue_->start());
  const Job never = ended(*queue_->submit("never", Json{}, "u", 1));
  EXPECT_EQ(never.state, JobState::failed);
  EXPECT_EQ(never.error, "timeout: no answer");
  const Job wrong = ended(*queue_->submit("wrong", Json{}, "u", 5));
  EXPECT_EQ(wrong.state, JobState::failed);
  EXPECT_EQ(wrong.attempt, 1);
  const Job threw = ended(*queue_->submit("throws", Json{}, "u", 5));
  EXPECT_EQ(threw.state, JobState::failed);
  EXPECT_EQ(threw.error.find("Ann"), std::string::npos);
}

TEST_F(Jobs, cancel_reaches_a_running_job) {
  Gate began;
  queue_->handle("long", [&](JobContext& context) -> Result<Json> {
    began.open();
    wait_for_stop(context.stop());
    EXPECT_TRUE(context.cancelled());
    return Error{Code::cancelled, "stopped"};
  });
  ASSERT_OK(queue_->start());
  const std::string id = *queue_->submit("long", Json{}, "u");
  began.wait();
  ASSERT_OK(queue_->cancel(id));
  EXPECT_EQ(ended(id).state, JobState::cancelled);
  EXPECT_CODE(queue_->cancel(id), Code::precondition);
  EXPECT_CODE(queue_->cancel("no-such"), Code::not_found);
}

TEST_F(Jobs, cancel_of_a_queued_job_keeps_it_from_running) {
  queue_->handle("never", [](JobContext&) -> Result<Json> {
    ADD_FAILURE() << "was cancelled";
    return Json{};
  });
  queue_->handle("next", [](JobContext&) -> Result<Json> { return Json{}; });
  const std::string id = *queue_->submit("never", Json{}, "u");
  ASSERT_OK(queue_->cancel(id));
  ASSERT_OK(queue_->start());
  EXPECT_EQ(ended(*queue_->submit("next", Json{}, "u")).state, JobState::succeeded);
  EXPECT_EQ(queue_->get(id)->state, JobState::cancelled);
}

TEST_F(Jobs, shutdown_puts_a_running_job_back_without_counting_the_attempt) {
  Gate began;
  const auto interrupted = [&](JobContext& context) -> Result<Json> {
    began.open();
    wait_for_stop(context.stop());
    EXPECT_FALSE(context.cancelled());
    return Error{Code::cancelled, "stopped"};
  };
  queue_->handle("long", interrupted);
  ASSERT_OK(queue_->start());
  const std::string id = *queue_->submit("long", Json{}, "u");
  began.wait();
  queue_->stop();
  EXPECT_EQ(queue_->get(id)->state, JobState::queued);
  EXPECT_EQ(queue_->get(id)->attempt, 0);
  EXPECT_CODE(queue_->submit("long", Json{}, "u"), Code::unavailable);
  EXPECT_CODE(queue_->wait(id, {}), Code::unavailable);

  renew();
  queue_->handle("long", [](JobContext&) -> Result<Json> { return Json{"second time"}; });
  ASSERT_OK(queue_->start());
  EXPECT_EQ(ended(id).state, JobState::succeeded);
}

TEST_F(Jobs, found_running_after_a_crash_run_again_but_not_for_ever) {
  queue_->handle("deadly", [](JobContext&) -> Result<Json> { return Json{}; });
  const std::string id = *queue_->submit("deadly", Json{}, "u");
  const std::string fatal = *queue_->submit("deadly", Json{}, "u");
  const std::string unwanted = *queue_->submit("deadly", Json{}, "u");
  // As a killed process leaves it.
  ASSERT_OK(catalogue_->execute("UPDATE job SET state = 'running', attempt = 1"));
  ASSERT_OK(catalogue_->execute("UPDATE job SET attempt = 3 WHERE id = ?1", {fatal}));
  renew();
  ASSERT_OK(queue_->cancel(unwanted));
  queue_->handle("deadly", [](JobContext&) -> Result<Json> { return Json{}; });
  ASSERT_OK(queue_->start());
  EXPECT_EQ(ended(id).state, JobState::succeeded);
  EXPECT_EQ(ended(id).attempt, 2);
  EXPECT_EQ(ended(fatal).state, JobState::failed);
  EXPECT_EQ(ended(unwanted).state, JobState::cancelled);
}

TEST_F(Jobs, progress_is_seen_at_once_and_kept) {
  Gate reported;
  Gate seen;
  queue_->handle("train", [&](JobContext& context) -> Result<Json> {
    for (std::uint64_t batch = 0; batch <= 100; ++batch) {
      EXPECT_OK(context.progress({.phase = "train", .done = batch, .total = 100, .values = {{"loss", "0.3"}}}));
    }
    reported.open();
    seen.wait();
    return Json{};
  });
  ASSERT_OK(queue_->start());
  const std::string id = *queue_->submit("train", Json{}, "u");
  reported.wait();
  const Json now = Json::parse(queue_->get(id)->progress_json);
  EXPECT_EQ(now.at("done"), 100);
  EXPECT_EQ(now.at("values").at("loss"), "0.3");
  EXPECT_EQ(Json::parse(queue_->list(JobState::running, 10)->at(0).progress_json).at("done"), 100);
  seen.open();
  EXPECT_EQ(Json::parse(ended(id).progress_json).at("done"), 100);
}

TEST_F(Jobs, events_are_numbered_and_can_be_followed) {
  queue_->handle("train", [](JobContext& context) -> Result<Json> {
    for (int epoch = 1; epoch <= 3; ++epoch) EXPECT_OK(context.event(Json{{"type", "epoch"}, {"epoch", epoch}}));
    return Json{};
  });
  ASSERT_OK(queue_->start());
  const std::string id = *queue_->submit("train", Json{}, "u");
  ended(id);
  const auto all = queue_->events(id, 0, 100);
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 6U);  // queued, running, three epochs, succeeded
  for (std::size_t i = 0; i < all->size(); ++i) EXPECT_EQ(all->at(i).sequence, static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(all->at(4).json, R"({"type":"epoch","epoch":3})");
  EXPECT_EQ(queue_->events(id, 4, 1)->at(0).sequence, 5);
  EXPECT_TRUE(queue_->events(id, 6, 100)->empty());
  EXPECT_CODE(queue_->events("no-such", 0, 1), Code::not_found);
}

TEST_F(Jobs, keep_their_newest_10000_events) {
  queue_->handle("chatty", [](JobContext& context) -> Result<Json> {
    EXPECT_OK(context.event(Json{"one more"}));
    return Json{};
  });
  const std::string id = *queue_->submit("chatty", Json{}, "u");
  ASSERT_OK(
      catalogue_->execute("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
                          "INSERT INTO job_event SELECT ?1, i, 0, '{}' FROM n",
                          {id}));
  ASSERT_OK(queue_->start());
  ended(id);
  const auto rows = catalogue_->query("SELECT count(*), min(sequence), max(sequence) FROM job_event");
  EXPECT_EQ(rows->at(0).integer(0), 10'000);
  EXPECT_EQ(rows->at(0).integer(1), 4);  // running, the event and succeeded made room
  EXPECT_EQ(rows->at(0).integer(2), 10'003);
}

TEST_F(Jobs, the_queue_is_bounded) {
  renew({.workers = 1, .max_queued = 2});
  queue_->handle("k", [](JobContext&) -> Result<Json> { return Json{}; });
  EXPECT_OK(queue_->submit("k", Json{}, "u"));
  EXPECT_OK(queue_->submit("k", Json{}, "u"));
  EXPECT_CODE(queue_->submit("k", Json{}, "u"), Code::exhausted);
  EXPECT_CODE(queue_->submit("other", Json{}, "u"), Code::unsupported);
}

TEST_F(Jobs, ended_ones_beyond_the_bound_are_forgotten) {
  renew({.workers = 1, .max_queued = 10, .max_ended = 3});
  queue_->handle("k", [](JobContext&) -> Result<Json> { return Json{}; });
  ASSERT_OK(queue_->start());
  for (int i = 0; i < 6; ++i) {
    ended(*queue_->submit("k", Json(i), "u"));
    around_.clock.advance(std::chrono::seconds{1});
  }
  const auto jobs = queue_->list(std::nullopt, 100);
  ASSERT_EQ(jobs->size(), 4U);
  EXPECT_EQ(jobs->front().input_json, "5") << "newest first";
}

TEST_F(Jobs, several_workers_run_side_by_side) {
  renew({.workers = 2});
  Gate first;
  Gate second;
  queue_->handle("a", [&](JobContext&) -> Result<Json> {
    first.open();
    second.wait();
    return Json{};
  });
  queue_->handle("b", [&](JobContext&) -> Result<Json> {
    second.open();
    first.wait();
    return Json{};
  });
  ASSERT_OK(queue_->start());
  const std::string a = *queue_->submit("a", Json{}, "u");
  const std::string b = *queue_->submit("b", Json{}, "u");
  EXPECT_EQ(ended(a).state, JobState::succeeded);
  EXPECT_EQ(ended(b).state, JobState::succeeded);
}

TEST_F(Jobs, a_waiter_can_give_up) {
  queue_->handle("k", [](JobContext&) -> Result<Json> { return Json{}; });
  const std::string id = *queue_->submit("k", Json{}, "u");
  std::stop_source enough;
  enough.request_stop();
  EXPECT_CODE(queue_->wait(id, enough.get_token()), Code::cancelled);
}

TEST_F(Jobs, listeners_hear_of_every_change) {
  std::mutex mutex;
  std::vector<std::string> heard;
  queue_->on_change([&](const Job& job) {
    const std::lock_guard lock{mutex};
    heard.emplace_back(to_string(job.state));
  });
  queue_->handle("k", [](JobContext& context) -> Result<Json> {
    EXPECT_OK(context.progress({.phase = "p", .done = 1, .total = 2, .values = {}}));
    return Json{};
  });
  ASSERT_OK(queue_->start());
  ended(*queue_->submit("k", Json{}, "u"));
  queue_->stop();
  EXPECT_EQ(heard, (std::vector<std::string>{"queued", "running", "running", "succeeded"}));
}

TEST_F(Jobs, need_their_tables) {
  auto empty = open_memory_catalogue({}, around_.logger);
  ASSERT_OK(empty);
  EXPECT_FALSE(JobQueue::create(**empty, around_.clock, random_, around_.logger, {}).ok());
}

}  // namespace
}  // namespace aceso::store
