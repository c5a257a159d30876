// A job while its handler runs: its context, and the part of it that is newer in memory than in the table.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <stop_token>

#include "aceso/store/jobs.hpp"
#include "job_table.hpp"

namespace aceso::store {

// Thread-safe after begin().
class RunningJob final : public JobContext {
 public:
  using Listener = std::function<void(const Job&)>;
  RunningJob(JobTable& table, const Clock& clock, Listener listener);

  void begin(Job job);  // before the handler runs
  void request_stop(bool cancel);
  std::string progress_json() const;

  const Job& job() const override { return job_; }
  std::stop_token stop() const override { return stop_.get_token(); }
  bool cancelled() const override { return cancelled_.load(); }
  Status progress(const ProgressUpdate& update) override;
  Status event(const Json& event) override;

 private:
  JobTable& table_;
  const Clock& clock_;
  Listener listener_;
  Job job_;  // fixed by begin()
  std::stop_source stop_;
  std::atomic<bool> cancelled_{false};
  mutable std::mutex mutex_;
  std::string progress_json_;
  std::string kept_phase_;
  SteadyTime kept_at_{};
  bool kept_ = false;
};

}  // namespace aceso::store
