// What the parts of the fetching of priors share.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "aceso/archive/priors.hpp"
#include "aceso/store/jobs.hpp"
#include "impl.hpp"
#include "nap.hpp"
#include "prior_fetch.hpp"
#include "prior_rules.hpp"
#include "prior_table.hpp"
#include "worklist_impl.hpp"

namespace aceso::archive {

struct Priors::Impl {
  Impl(PriorsDeps given, PriorsOptions how)
      : deps{std::move(given)}, options{std::move(how)}, archive{deps.archive.impl()}, worklist{deps.worklist.impl()} {}

  PriorsDeps deps;
  PriorsOptions options;
  Archive::Impl& archive;
  Worklist::Impl& worklist;
  std::vector<PriorRule> rules;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<PriorTable> table;
  mutable std::shared_mutex mutex;  // of what follows; held while a change goes to disk
  std::map<std::string, PriorFetch, std::less<>> fetches;
  std::set<std::string, std::less<>> running;  // entries
  std::set<std::string, std::less<>> dropped;  // jobs that no longer count and may not have heard of it
  std::mutex tick_mutex;
  Nap nap;  // of the thread that follows the worklist
  std::unique_ptr<store::JobQueue> jobs;
  std::jthread thread;
  bool started = false;

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }
  std::int64_t local_us() const;  // of this node's clock on the wall
  Status open(const std::filesystem::path& folder);
  Status reconcile();
  void follow(const std::stop_token& stop);
  SteadyTime tick();
  Status settle(const std::vector<ScheduledStep>& steps);
  std::optional<PriorFetch> settle_one(const ScheduledStep& step, std::int64_t now) const;
  PriorFetch fresh(const ScheduledStep& step, const PriorRule& rule, std::int64_t due_us) const;
  void drop(const std::string& job);
  void dispatch();
  Result<Json> run(store::JobContext& context);
  std::optional<PriorFetch> take(const store::JobContext& context, const ScheduledStep& step);
  Result<Json> conclude(PriorFetch fetch, PriorsFound found, const store::JobContext& context, std::int64_t start_us);
  // False: the entry was changed or taken off meanwhile, and another job has it.
  Result<bool> keep(PriorFetch fetch, bool ended);
  void job_changed(const store::Job& job);
  Json describe(const ScheduledStep& step, bool with_studies) const;
};

// Local time since 1970 of a step's date and time; without a time the beginning of the day.
std::int64_t start_of(const ScheduledStep& step);

}  // namespace aceso::archive
