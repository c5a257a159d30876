// Live job events over server-sent events: a thread of its own brings what the queue stored to whoever listens.
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "aceso/net/http.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"

namespace aceso::models {

Json job_json(const store::Job& job);
// The newest word of each trial of a search, by rank: those further on first, then by figure.
Result<Json> trials_so_far(const store::JobQueue& queue, const std::string& job_id);

// Thread-safe. Events: state (the job), progress, epoch, log; an event's id is its sequence in the job, so
// Last-Event-ID resumes without loss or repetition.
class JobEvents {
 public:
  explicit JobEvents(const store::JobQueue& queue) : queue_{queue} {}
  ~JobEvents() { stop(); }
  JobEvents(const JobEvents&) = delete;
  JobEvents& operator=(const JobEvents&) = delete;

  void start();
  void stop();                              // closes every stream and joins
  void changed(const std::string& job_id);  // never blocks: the queue's listener
  // exhausted beyond 128 listeners.
  Result<net::Response> open(const std::string& job_id, std::int64_t after_sequence);

 private:
  struct Listener {
    std::string job_id;
    std::int64_t after = 0;
    std::string state, progress;               // last sent
    std::shared_ptr<net::EventStream> stream;  // shared with the connection
  };
  void run();
  bool pump(Listener& listener) const;  // false: finished or gone

  const store::JobQueue& queue_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::set<std::string> dirty_;
  std::list<std::shared_ptr<Listener>> listeners_;  // shared with the thread while it pumps
  bool stopping_ = false, running_ = false;
  std::thread thread_;
};

}  // namespace aceso::models
