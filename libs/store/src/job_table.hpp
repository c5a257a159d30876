// The tables job and job_event. Each change of state and its event are one transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "aceso/store/jobs.hpp"

namespace aceso::store {

// Thread-safe, as the catalogue is.
class JobTable {
 public:
  explicit JobTable(Catalogue& catalogue) : catalogue_{catalogue} {}

  // exhausted when `max_queued` jobs wait. Forgets the oldest ended jobs beyond `max_ended`.
  Status insert(const Job& job, std::size_t max_queued, std::size_t max_ended);
  Result<Job> get(std::string_view id) const;
  Result<std::vector<Job>> list(std::optional<JobState> state, std::size_t limit) const;
  Result<std::vector<JobEvent>> events(std::string_view id, std::int64_t after, std::size_t limit) const;

  // Writes the job's new state, attempt, output, error and progress if it is in state `from`; false when it is not.
  Result<bool> move(const Job& job, JobState from);
  Status keep_progress(const Job& job);
  Status add_event(std::string_view id, UtcTime time, const std::string& json);
  Status note_cancel(std::string_view id);

  struct Unfinished {
    Job job;
    bool cancelled = false;
  };
  Result<std::vector<Unfinished>> unfinished() const;  // queued and running, oldest first

 private:
  Catalogue& catalogue_;
};

bool has_ended(JobState state) noexcept;

}  // namespace aceso::store
