// The queue: worker threads take ready jobs in order of creation; one timer thread makes delayed ones ready.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "aceso/base/id.hpp"
#include "job_table.hpp"
#include "running_job.hpp"

namespace aceso::store {
namespace {

constexpr std::chrono::milliseconds kFirstDelay{1000};
constexpr std::chrono::milliseconds kLongestDelay{300'000};
constexpr std::chrono::milliseconds kDiskDelay{1000};  // before a state is written again that the catalogue refused
constexpr int kDeathsAllowed = 2;  // beyond max_attempts: a job that kills the process ends some day
constexpr std::size_t kMaxInputBytes = std::size_t{4} << 20;

bool worth_retrying(Code code) noexcept {
  return code == Code::unavailable || code == Code::timeout || code == Code::exhausted;
}

// 1 s, 2 s, 4 s... each 25 % more or less, at most 5 min.
std::chrono::milliseconds delay_after(int attempt, RandomSource& random) {
  const int doublings = std::clamp(attempt - 1, 0, 20);
  const auto plain = std::min(kLongestDelay, kFirstDelay * (std::int64_t{1} << doublings));
  const auto percent = static_cast<std::int64_t>(75 + random.uniform(51));
  return std::min(kLongestDelay, plain * percent / 100);
}

class Queue final : public JobQueue {
 public:
  Queue(Catalogue& catalogue, const Clock& clock, RandomSource& random, const Logger& logger, Options options)
      : table_{catalogue}, clock_{clock}, random_{random}, logger_{logger}, options_{options} {}
  ~Queue() override { stop_and_join(); }

  void handle(std::string kind, JobHandler handler) override {
    const std::lock_guard lock{mutex_};
    handlers_[std::move(kind)] = std::move(handler);
  }

  void on_change(std::function<void(const Job&)> listener) override {
    const std::lock_guard lock{mutex_};
    listener_ = std::move(listener);
  }

  Status start() override;
  void stop() override { stop_and_join(); }
  Result<std::string> submit(std::string_view kind, const Json& input, std::string_view created_by,
                             int max_attempts) override;
  Result<Job> get(std::string_view id) const override;
  Result<std::vector<Job>> list(std::optional<JobState> state, std::size_t limit) const override;
  Result<std::vector<JobEvent>> events(std::string_view id, std::int64_t after, std::size_t limit) const override {
    return table_.events(id, after, limit);
  }
  Status cancel(std::string_view id) override;
  Result<Job> wait(std::string_view id, std::stop_token stop) const override;

 private:
  void stop_and_join();
  Status recover(const JobTable::Unfinished& found);
  void work();
  void keep_time();
  void run(const std::string& id, RunningJob& running);
  Result<Json> call_handler(RunningJob& running);
  void settle(RunningJob& running, const Result<Json>& result);
  void write_end(const Job& job);
  void make_ready(const std::string& id);
  void make_ready_after(const std::string& id, std::chrono::milliseconds delay);
  void changed(const Job& job);
  void add_newer_progress(Job& job) const;

  mutable JobTable table_;
  const Clock& clock_;
  RandomSource& random_;
  Logger logger_;
  Options options_;

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;  // a job changed its state, or the queue stops
  std::condition_variable ready_or_stopping_;
  std::condition_variable delayed_or_stopping_;
  std::map<std::string, JobHandler, std::less<>> handlers_;
  std::function<void(const Job&)> listener_;
  std::deque<std::string> ready_;
  std::multimap<SteadyTime, std::string> delayed_;
  std::map<std::string, std::shared_ptr<RunningJob>, std::less<>>
      running_;  // shared: cancel() and get() look while the worker ends
  std::stop_source timer_wake_;
  std::stop_source stop_source_;
  std::uint64_t changes_ = 0;
  bool started_ = false;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

Status Queue::start() {
  {
    const std::lock_guard lock{mutex_};
    if (started_) return Error{Code::precondition, "the job queue was started already"};
    started_ = true;
  }
  ACESO_TRY(const auto found, table_.unfinished());
  for (const JobTable::Unfinished& job : found) ACESO_TRY_OK(recover(job));
  const std::lock_guard lock{mutex_};
  for (std::size_t i = 0; i < std::max<std::size_t>(options_.workers, 1); ++i)
    threads_.emplace_back([this] { work(); });
  threads_.emplace_back([this] { keep_time(); });
  return {};
}

// What the last process left behind.
Status Queue::recover(const JobTable::Unfinished& found) {
  Job job = found.job;
  if (job.state == JobState::running) {
    job.updated = clock_.utc_now();
    if (found.cancelled) {
      job.state = JobState::cancelled;
    } else if (job.attempt >= job.max_attempts + kDeathsAllowed) {
      job.state = JobState::failed;
      job.error = "the process died " + std::to_string(job.attempt) + " times while this job ran";
    } else {
      job.state = JobState::queued;
      job.error = "the process died while this job ran";
    }
    ACESO_TRY([[maybe_unused]] const bool moved, table_.move(job, JobState::running));
    logger_.warn("job found unfinished", {{"job", job.id}, {"kind", job.kind}, {"attempt", job.attempt}});
    if (job.state != JobState::queued) return {};
  }
  const std::lock_guard lock{mutex_};
  if (!handlers_.contains(job.kind)) {
    logger_.warn("job of unknown kind stays queued", {{"job", job.id}, {"kind", job.kind}});
    return {};
  }
  if (std::find(ready_.begin(), ready_.end(), job.id) == ready_.end()) ready_.push_back(job.id);
  return {};
}

void Queue::stop_and_join() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    threads.swap(threads_);
    for (auto& [id, running] : running_) running->request_stop(false);
  }
  stop_source_.request_stop();
  timer_wake_.request_stop();
  ready_or_stopping_.notify_all();
  delayed_or_stopping_.notify_all();
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

Result<std::string> Queue::submit(std::string_view kind, const Json& input, std::string_view created_by,
                                  int max_attempts) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) return Error{Code::unavailable, "the job queue is stopped"};
    if (!handlers_.contains(kind)) return Error{Code::unsupported, "no handler for jobs of kind " + std::string{kind}};
  }
  Job job;
  job.id = Uuid::v7(clock_, random_).to_string();
  job.kind = kind;
  job.input_json = dump_json(input);
  job.created_by = created_by;
  job.max_attempts = std::max(max_attempts, 1);
  job.created = job.updated = clock_.utc_now();
  if (job.input_json.size() > kMaxInputBytes) return Error{Code::too_large, "a job's input has more than 4 MiB"};
  ACESO_TRY_OK(table_.insert(job, options_.max_queued, options_.max_ended));
  changed(job);
  make_ready(job.id);
  return job.id;
}

Result<Job> Queue::get(std::string_view id) const {
  ACESO_TRY(Job job, table_.get(id));
  add_newer_progress(job);
  return job;
}

Result<std::vector<Job>> Queue::list(std::optional<JobState> state, std::size_t limit) const {
  ACESO_TRY(std::vector<Job> jobs, table_.list(state, limit));
  for (Job& job : jobs) add_newer_progress(job);
  return jobs;
}

void Queue::add_newer_progress(Job& job) const {
  if (job.state != JobState::running) return;
  const std::lock_guard lock{mutex_};
  const auto found = running_.find(job.id);
  if (found == running_.end()) return;
  if (std::string newer = found->second->progress_json(); !newer.empty()) job.progress_json = std::move(newer);
}

Status Queue::cancel(std::string_view id) {
  for (;;) {
    // The table first: a job whose end is written stays among the running ones for a moment.
    ACESO_TRY(Job job, table_.get(id));
    if (has_ended(job.state)) return Error{Code::precondition, "the job has ended already"};
    {
      const std::lock_guard lock{mutex_};
      if (const auto found = running_.find(id); found != running_.end()) {
        found->second->request_stop(true);
        break;
      }
    }
    if (job.state != JobState::queued) {
      const std::lock_guard lock{mutex_};
      if (stopping_) return Error{Code::unavailable, "the job queue is stopped"};
      if (!started_) break;  // of the last process: start() will see the note
      continue;              // a worker took it or gave it back just now
    }
    job.state = JobState::cancelled;
    job.updated = clock_.utc_now();
    ACESO_TRY(const bool moved, table_.move(job, JobState::queued));
    if (!moved) continue;
    {
      const std::lock_guard lock{mutex_};
      std::erase(ready_, job.id);
      std::erase_if(delayed_, [&](const auto& entry) { return entry.second == job.id; });
    }
    changed(job);
    return {};
  }
  return table_.note_cancel(id);  // a restart must not run it again
}

Result<Job> Queue::wait(std::string_view id, std::stop_token stop) const {
  for (;;) {
    std::unique_lock lock{mutex_};
    const std::uint64_t seen = changes_;
    lock.unlock();
    ACESO_TRY(Job job, get(id));
    if (has_ended(job.state)) return job;
    lock.lock();
    const bool woken = changed_.wait(lock, stop, [&] { return changes_ != seen || stopping_; });
    if (!woken) return Error{Code::cancelled, "no longer waiting for the job"};
    if (stopping_ && changes_ == seen) return Error{Code::unavailable, "the job queue is stopped"};
  }
}

void Queue::changed(const Job& job) {
  std::function<void(const Job&)> listener;
  {
    const std::lock_guard lock{mutex_};
    ++changes_;
    listener = listener_;
  }
  changed_.notify_all();
  if (listener) listener(job);
}

void Queue::make_ready(const std::string& id) {
  {
    const std::lock_guard lock{mutex_};
    if (!started_ || stopping_) return;  // start() finds it in the table
    if (std::find(ready_.begin(), ready_.end(), id) == ready_.end()) ready_.push_back(id);
  }
  ready_or_stopping_.notify_one();
}

void Queue::make_ready_after(const std::string& id, std::chrono::milliseconds delay) {
  std::stop_source wake;
  {
    const std::lock_guard lock{mutex_};
    delayed_.emplace(clock_.steady_now() + delay, id);
    wake = timer_wake_;
  }
  wake.request_stop();
  delayed_or_stopping_.notify_one();
}

void Queue::keep_time() {
  std::unique_lock lock{mutex_};
  for (;;) {
    delayed_or_stopping_.wait(lock, [&] { return stopping_ || !delayed_.empty(); });
    if (stopping_) return;
    timer_wake_ = std::stop_source{};
    const SteadyTime next = delayed_.begin()->first;
    const std::stop_token wake = timer_wake_.get_token();
    lock.unlock();
    clock_.sleep_until(next, wake);
    lock.lock();
    const SteadyTime now = clock_.steady_now();
    while (!delayed_.empty() && delayed_.begin()->first <= now) {
      ready_.push_back(std::move(delayed_.begin()->second));
      delayed_.erase(delayed_.begin());
      ready_or_stopping_.notify_one();
    }
  }
}

void Queue::work() {
  for (;;) {
    std::string id;
    std::shared_ptr<RunningJob> running;
    {
      std::unique_lock lock{mutex_};
      ready_or_stopping_.wait(lock, [&] { return stopping_ || !ready_.empty(); });
      if (stopping_) return;
      id = std::move(ready_.front());
      ready_.pop_front();
      // Known as running before the table says so: cancel() then always finds it in one of the two.
      running = std::make_shared<RunningJob>(table_, clock_, [this](const Job& job) { changed(job); });
      running_.emplace(id, running);
    }
    run(id, *running);
  }
}

void Queue::run(const std::string& id, RunningJob& running) {
  const auto forget = [&] {
    const std::lock_guard lock{mutex_};
    running_.erase(id);
  };
  Result<Job> found = table_.get(id);
  Result<bool> taken = false;
  if (found.ok() && found->state == JobState::queued) {
    found->state = JobState::running;
    ++found->attempt;
    found->updated = clock_.utc_now();
    taken = table_.move(*found, JobState::queued);
  }
  if (!taken || !found.ok()) {
    const Error& why = found.ok() ? taken.error() : found.error();
    logger_.error("job cannot be started", why, {{"job", id}});
    forget();
    if (why.code() != Code::not_found) make_ready_after(id, kDiskDelay);
    return;
  }
  if (!*taken) return forget();  // cancelled meanwhile
  running.begin(*found);
  changed(*found);
  logger_.info("job started", {{"job", id}, {"kind", found->kind}, {"attempt", found->attempt}});
  const Result<Json> result = call_handler(running);
  settle(running, result);
}

Result<Json> Queue::call_handler(RunningJob& running) {
  if (running.stop().stop_requested()) return Error{Code::cancelled, "stopped before it began"};
  JobHandler handler;
  {
    const std::lock_guard lock{mutex_};
    handler = handlers_.at(running.job().kind);
  }
  try {
    return handler(running);
  } catch (const std::exception&) {  // its text might hold anything
    return Error{Code::internal, "the job threw an exception"};
  }
}

// Decides what a job becomes after its handler returned.
void Queue::settle(RunningJob& running, const Result<Json>& result) {
  Job job = running.job();
  job.progress_json = running.progress_json();
  std::optional<std::chrono::milliseconds> again;
  if (result.ok()) {
    job.state = JobState::succeeded;
    job.output_json = dump_json(*result);
    job.error.clear();
  } else if (running.cancelled()) {
    job.state = JobState::cancelled;
    job.error.clear();
  } else if (running.stop().stop_requested()) {  // shutdown: this attempt does not count
    job.state = JobState::queued;
    --job.attempt;
  } else {
    job.error = std::string{to_string(result.error().code())} + ": " + result.error().message();
    const bool retry = worth_retrying(result.error().code()) && job.attempt < job.max_attempts;
    job.state = retry ? JobState::queued : JobState::failed;
    if (retry) again = delay_after(job.attempt, random_);
  }
  job.updated = clock_.utc_now();
  write_end(job);
  {
    const std::lock_guard lock{mutex_};
    running_.erase(job.id);
  }
  if (again && running.cancelled()) {  // asked for while it was decided that the job runs again
    job.state = JobState::cancelled;
    const auto moved = table_.move(job, JobState::queued);
    if (moved.ok() && *moved) again.reset();
  }
  logger_.info("job left its worker", {{"job", job.id}, {"kind", job.kind}, {"state", to_string(job.state)}});
  if (again) make_ready_after(job.id, *again);
  changed(job);
}

// Until the catalogue takes it: a job whose end is not on disk would run again after a restart.
void Queue::write_end(const Job& job) {
  for (;;) {
    const Result<bool> moved = table_.move(job, JobState::running);
    if (moved.ok()) return;
    logger_.error("job state cannot be written", moved.error(), {{"job", job.id}});
    if (!clock_.sleep_until(clock_.steady_now() + kDiskDelay, stop_source_.get_token())) return;
  }
}

}  // namespace

Result<std::unique_ptr<JobQueue>> JobQueue::create(Catalogue& catalogue, const Clock& clock, RandomSource& random,
                                                   const Logger& logger, Options options) {
  auto queue = std::make_unique<Queue>(catalogue, clock, random, logger, options);
  if (const auto there = queue->list(std::nullopt, 1); !there) {
    Error why = there.error();
    return std::move(why.add_context("the job tables are missing: add JobQueue::migrations() to the catalogue's"));
  }
  return std::unique_ptr<JobQueue>{std::move(queue)};
}

}  // namespace aceso::store
