// A persistent job queue in a service's own catalogue (tables job, job_event): resumable after a crash, cancellable,
// retried with back-off, progress kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/random.hpp"
#include "aceso/base/result.hpp"
#include "aceso/store/catalogue.hpp"

namespace aceso::store {

enum class JobState : std::uint8_t { queued, running, succeeded, failed, cancelled };
std::string_view to_string(JobState state) noexcept;

struct Job {
  std::string id;    // UUIDv7
  std::string kind;  // "train"
  JobState state = JobState::queued;
  std::string input_json;     // what to do
  std::string output_json;    // what came of it
  std::string error;          // of the last attempt
  std::string progress_json;  // the last ProgressUpdate
  std::string created_by;
  int attempt = 0;
  int max_attempts = 1;
  UtcTime created{};
  UtcTime updated{};
};

// What a handler reported with event(), and each change of state: {"type": "state", "state": "running", "attempt": 1}.
struct JobEvent {
  std::int64_t sequence = 0;  // grows by one with each event of a job
  UtcTime time{};
  std::string json;
};

// What a running job may do. Thread-safe. A handler must return soon after stop is requested.
class JobContext {
 public:
  virtual ~JobContext() = default;
  virtual const Job& job() const = 0;        // as it was when the handler was called
  virtual std::stop_token stop() const = 0;  // cancel or shutdown
  virtual bool cancelled() const = 0;        // cancel, not shutdown: shutdown puts the job back into the queue
  virtual Status progress(
      const ProgressUpdate& update) = 0;  // seen by get() at once, on disk once a second and when the phase changes
  virtual Status event(const Json& event) = 0;  // kept, at most 10,000 a job, oldest dropped
};
// Returns the output as JSON. Errors unavailable, timeout and exhausted are retried (1 s, 2 s, 4 s ... at most 5 min,
// jittered) up to max_attempts; others fail at once.
using JobHandler = std::function<Result<Json>(JobContext&)>;

// A handler that returns a result in spite of a cancel has succeeded; one that returns an error then is cancelled.
// Thread-safe. Jobs that were running when the process died are queued again by start() with attempt + 1; a job that
// the process died with at attempt max_attempts + 2 has failed.
class JobQueue {
 public:
  struct Options {
    std::size_t workers = 1;
    std::size_t max_queued = 1000;
    std::size_t max_ended = 10'000;  // older ended jobs are forgotten with their events
  };
  static std::vector<Migration> migrations(int first_number);  // add to the service's own list
  static Result<std::unique_ptr<JobQueue>> create(Catalogue& catalogue, const Clock& clock, RandomSource& random,
                                                  const Logger& logger, Options options);
  virtual ~JobQueue() = default;  // stop()

  virtual void handle(std::string kind, JobHandler handler) = 0;  // before start()
  virtual Status start() = 0;
  virtual void stop() = 0;

  virtual Result<std::string> submit(
      std::string_view kind, const Json& input, std::string_view created_by,
      int max_attempts = 1) = 0;  // exhausted at max_queued, unsupported without a handler
  virtual Result<Job> get(std::string_view id) const = 0;
  virtual Result<std::vector<Job>> list(std::optional<JobState> state, std::size_t limit) const = 0;  // newest first
  virtual Result<std::vector<JobEvent>> events(std::string_view id, std::int64_t after_sequence,
                                               std::size_t limit) const = 0;
  virtual Status cancel(std::string_view id) = 0;                                 // precondition when it has ended
  virtual Result<Job> wait(std::string_view id, std::stop_token stop) const = 0;  // until it has ended
  // Called after each state change, progress or event, on the job's thread; must not block.
  virtual void on_change(std::function<void(const Job&)> listener) = 0;
};

}  // namespace aceso::store
