// A training job as runs beside those of other programs: one run a job, and of a search one more a trial.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/search.hpp"
#include "aceso/learn/trainer.hpp"
#include "aceso/store/jobs.hpp"
#include "context.hpp"

namespace aceso::models {

// Of one job, on the thread that runs it. What cannot be kept is logged once and stops nothing.
class JobRuns {
 public:
  JobRuns(const Context& context, const store::Job& job, const Json& input);

  void epoch(const learn::EpochRecord& epoch, int trial);
  void trial(const learn::TrialRecord& trial);
  // `done`: {model, version, auroc} of what was registered, or why not. A job that the node puts back into the queue
  // has not ended.
  void end(const Result<Json>& done, bool back_in_queue);

 private:
  std::string run_of(int trial);  // begun at its first word
  std::int64_t now_ms() const { return context_.now_us() / 1000; }
  void kept(const Status& status);

  const Context& context_;
  std::string job_, name_, dataset_, user_;
  learn::TrainConfig config_;
  std::vector<learn::TrialPlan> plans_;
  Json script_;                       // of a training by a user's script, else null
  std::map<int, std::string> begun_;  // by trial; 0: the job
  std::set<int> ended_;               // trials
  bool complained_ = false;
};

// Run id of a job (trial 0) or of one of its trials: 32 hexadecimal digits.
std::string run_id_of(std::string_view job, int trial);

}  // namespace aceso::models
