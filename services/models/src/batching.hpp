// Requests to one loaded model share its runs: what waits while a run goes on makes the next one. Two lanes, bounds and
// time-outs; after Triton's dynamic batcher.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"
#include "aceso/models/models.hpp"
#include "serving_metrics.hpp"

namespace aceso::models {

// What a run answers, a row a sample.
struct Answers {
  learn::Array output;     // [samples, outputs], of outlines [samples, outputs, spatial...]
  learn::Array embedding;  // [samples, width]; no shape when the model has none
};

// Which lane goes next where both wait: interactive, but after four of them in a row one of bulk, so that bulk work is
// slowed and never stopped. Not thread-safe.
class LaneTurns {
 public:
  Lane next(bool interactive_waits, bool bulk_waits) const noexcept;
  void took(Lane lane, bool bulk_waits) noexcept;

 private:
  int in_a_row_ = 0;
};

// Places for requests that wait, shared by all models. Bulk work may take three quarters of them. Thread-safe.
class WaitingRoom {
 public:
  explicit WaitingRoom(std::size_t places) : places_{places}, bulk_places_{places - places / 4} {}
  Status enter(Lane lane);  // exhausted
  void leave(Lane lane);
  std::size_t waiting(Lane lane) const;

 private:
  const std::size_t places_, bulk_places_;
  mutable std::mutex mutex_;
  std::size_t interactive_ = 0, bulk_ = 0;
};

// Runs that go on at once, over all models. Those that wait go by LaneTurns. Thread-safe.
class ComputeSlots {
 public:
  explicit ComputeSlots(std::size_t slots) : free_{slots} {}
  void acquire(Lane lane);
  void release();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  LaneTurns turns_;
  std::size_t free_;
  std::size_t interactive_ = 0, bulk_ = 0;  // that wait
};

struct QueueLimits {
  std::size_t max_batch = 16;     // samples of one run; a request of more runs alone
  std::int64_t max_delay_us = 0;  // how long a run waits to fill while nothing else runs; 0: not at all
  std::size_t max_queue = 32;     // requests that wait for this model; beyond them: exhausted
  std::int64_t timeout_us = 30'000'000;
};

// The queue of one loaded model and the thread that runs it. All members from any thread. The queue outlives its
// tickets.
class BatchQueue {
 public:
  using Run = std::function<Result<Answers>(const learn::NamedArrays&)>;  // called by one thread at a time
  BatchQueue(Run run, ComputeSlots& slots, WaitingRoom& room, std::shared_ptr<ModelMetrics> metrics,
             QueueLimits limits);
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;
  ~BatchQueue();  // joins the thread

 private:
  struct Pending;

 public:
  // A request in the queue. Letting go of it takes it out again, or waits for its run to end.
  class Ticket {
   public:
    Ticket(Ticket&&) noexcept;
    Ticket& operator=(Ticket&&) = delete;
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();
    // Once. timeout: it waited longer than allowed; a run that has begun is waited for. Errors of the run.
    Result<Answers> wait();

   private:
    friend class BatchQueue;
    Ticket(BatchQueue& queue, std::unique_ptr<Pending> pending);
    BatchQueue* queue_;
    std::unique_ptr<Pending> pending_;
  };
  // `batch` (first dimension: samples) is borrowed until the ticket is gone. exhausted: no place.
  Result<Ticket> submit(const learn::NamedArrays& batch, const Urgency& urgency);

 private:
  void loop();
  Lane lane_next() const;
  void wait_for_more(std::unique_lock<std::mutex>& lock);
  std::vector<Pending*> take();
  void take_from(std::deque<Pending*>& lane, std::vector<Pending*>& out, std::int64_t& rows);
  void run(const std::vector<Pending*>& group);
  Result<Answers> timed(const learn::NamedArrays& batch, std::int64_t rows);
  void forget(Pending& pending);  // with the lock held: out of its lane

  const Run run_;
  ComputeSlots& slots_;
  WaitingRoom& room_;
  const std::shared_ptr<ModelMetrics> metrics_;  // shared with /metrics
  const QueueLimits limits_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable arrived_;
  std::deque<Pending*> interactive_, bulk_;
  LaneTurns turns_;
  bool stopping_ = false;
  std::jthread thread_;  // last: starts when all else is there
};

// Rows [from, from + count) of the first dimension.
learn::Array slice_rows(const learn::Array& array, std::int64_t from, std::int64_t count);
// One array from several with equal type and shape but for the first dimension.
learn::Array join_rows(const std::vector<const learn::Array*>& parts);

}  // namespace aceso::models
