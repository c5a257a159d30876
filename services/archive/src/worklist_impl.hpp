// What the parts of the worklist share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "aceso/archive/worklist.hpp"
#include "impl.hpp"
#include "worklist_table.hpp"

namespace aceso::archive {

struct Worklist::Impl {
  explicit Impl(WorklistDeps given) : deps{std::move(given)}, archive{deps.archive.impl()} {}

  WorklistDeps deps;
  Archive::Impl& archive;
  std::unique_ptr<store::Catalogue> catalogue;
  std::unique_ptr<WorklistTable> table;
  mutable std::shared_mutex mutex;  // of steps; held while a change goes to disk
  std::map<std::string, ScheduledStep, std::less<>> steps;
  mutable std::shared_mutex listener_mutex;  // held shared while a listener runs
  Ended when_ended;
  std::function<void()> when_changed;
  std::function<Json(const ScheduledStep&)> priors_of;  // how it stands with a step's priors; null: nobody fetches any

  std::int64_t now_us() const { return deps.clock.utc_now().time_since_epoch().count(); }
  Status record(const contracts::ObjectPeer& peer, std::string_view action, std::string_view event,
                std::string_view study_uid) const;
  Status make_room();
  template <class Wanted>
  std::vector<ScheduledStep> by_time(const Wanted& wanted) const;
  std::vector<ScheduledStep> all() const;                        // by id
  std::optional<ScheduledStep> find(std::string_view id) const;  //
  void set_priors(std::function<Json(const ScheduledStep&)> describe);
  bool is_taken(const ScheduledStep& step) const;
  void tell_changed() const;
  std::vector<ScheduledStep> changed_by(const contracts::PerformedStep& performed) const;
  void take(const std::vector<ScheduledStep>& changed);
};

}  // namespace aceso::archive
