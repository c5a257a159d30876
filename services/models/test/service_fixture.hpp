// A models service in a temporary folder, opened with the fake engine and a chosen kind of worker.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "fakes.hpp"

namespace aceso::models::test {

class NullProgress final : public ProgressSink {
 public:
  void update(const ProgressUpdate&) override {}
  void finish(std::string_view) override {}
};

// Polls until the condition holds, at most two minutes.
template <class F>
bool eventually(F&& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{2};
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return condition();
}

// The system's clock, whose wall time a test sets forward.
class MovedClock final : public Clock {
 public:
  UtcTime utc_now() const override { return real_.utc_now() + std::chrono::microseconds{moved_us_.load()}; }
  SteadyTime steady_now() const override { return real_.steady_now(); }
  bool sleep_until(SteadyTime deadline, std::stop_token stop) const override {
    return real_.sleep_until(deadline, std::move(stop));
  }
  void move(std::chrono::microseconds by) { moved_us_ += by.count(); }

 private:
  SystemClock real_;
  std::atomic<std::int64_t> moved_us_{0};
};

inline crypto::SigningKey signing_key() {
  return crypto::SigningKey::from_seed(*crypto::SecretKey::from_bytes(std::vector<std::byte>(32, std::byte{7})));
}

class Service : public ::testing::Test {
 protected:
  void open(const std::string& worker = "train") {
    launcher = make_process_launcher({.command = {ACESO_MODELS_HELPER, worker}});
    Models::Deps deps{clock,   random,    Logger{clock, sink}, audit,        signing_key(),
                      engines, *launcher, std::nullopt,        pseudonym_key};
    auto made = Models::create(home.path(), deps, options);
    ASSERT_TRUE(made) << made.error().message();
    models = *std::move(made);
    const Status started = models->start();
    ASSERT_TRUE(started) << started.error().message();
  }
  void reopen(const std::string& worker) {
    models.reset();
    open(worker);
  }
  void import(const std::string& name) {
    const std::filesystem::path file = home.path() / (name + ".npz");
    ASSERT_TRUE(write_file_atomic(file, *learn::to_npz(medmnist())));
    learn::ImportOptions import_options;
    import_options.name = name;
    import_options.classes = {"normal", "pneumonia"};
    const auto job = models->import_dataset(actor("scientist"), file, import_options);
    ASSERT_TRUE(job) << job.error().message();
    const auto end = wait(*job);
    ASSERT_TRUE(end) << end.error().message();
  }
  std::string add_model(const std::string& name, bool evaluated, std::uint64_t seed, std::int64_t side = 16) {
    const std::filesystem::path folder = home.path() / (name + std::to_string(seed));
    EXPECT_TRUE(learn::write_bundle(folder, make_bundle(name, side, evaluated, seed),
                                    "<!doctype html><html><body>report</body></html>", signing_key()));
    const auto made = models->register_bundle(actor("scientist"), folder, "");
    EXPECT_TRUE(made) << made.error().message();
    return made ? (*made)["id"].get<std::string>() : std::string{};
  }
  static std::string id_of(const Json& answer) { return answer["job"]["id"].get<std::string>(); }
  // A stop that comes if a test would wait for ever.
  std::stop_token deadline() {
    watchdogs.emplace_back([this](std::stop_token stop) {
      clock.sleep_until(clock.steady_now() + std::chrono::minutes{2}, stop);
      limit.request_stop();
    });
    return limit.get_token();
  }
  Result<Json> wait(const Json& answer, const std::function<void(const Json&)>& on_event = {}) {
    NullProgress progress;
    return models->wait_job(id_of(answer), progress, on_event, deadline());
  }
  pid_t worker_pid() const {
    pid_t pid = 0;
    std::ifstream{home.path() / "jobs" / "pid"} >> pid;
    return pid;
  }
  // No such process, or one that only waits to be reaped by whoever inherited it.
  static bool gone(pid_t pid) {
    return eventually([&] {
      std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
      std::string text{std::istreambuf_iterator<char>{stat}, {}};
      const std::size_t name_end = text.rfind(')');
      return name_end == std::string::npos || (name_end + 2 < text.size() && text[name_end + 2] == 'Z');
    });
  }

  MovedClock clock;
  crypto::SystemRandom random;
  NullSink sink;
  FakeAudit audit;
  FakeEngines engines;
  Options options{.live_needs_acceptance = false};  // tests of the acceptance switch it on
  std::optional<crypto::SecretKey> pseudonym_key;
  TempDir home = *TempDir::create("aceso-models");
  std::stop_source limit;
  std::unique_ptr<WorkerLauncher> launcher;
  std::unique_ptr<Models> models;
  std::vector<std::jthread> watchdogs;
};

}  // namespace aceso::models::test
