// WorklistSource and ProcedureStepSink in memory.
#pragma once

#include <map>
#include <mutex>

#include "aceso/contracts/worklist.hpp"

namespace aceso::dimse::testing {

class MemoryWorklist final : public contracts::WorklistSource, public contracts::ProcedureStepSink {
 public:
  void add(contracts::WorklistItem item) { items_.push_back(std::move(item)); }  // before the server starts
  Result<std::vector<contracts::WorklistItem>> scheduled(const contracts::ObjectPeer&,
                                                         const contracts::WorklistQuery&) const override {
    return items_;
  }
  Status create(const contracts::ObjectPeer&, const contracts::PerformedStep& step) override {
    const std::lock_guard lock{mutex_};
    if (!steps_.emplace(step.sop_instance_uid, step).second) return Error{Code::exists, "this step is known"};
    return {};
  }
  Status update(const contracts::ObjectPeer&, const contracts::PerformedStep& step) override {
    const std::lock_guard lock{mutex_};
    const auto known = steps_.find(step.sop_instance_uid);
    if (known == steps_.end()) return Error{Code::not_found, "no such step"};
    if (known->second.state != contracts::StepState::in_progress) {
      return Error{Code::precondition, "the step has ended"};
    }
    known->second = step;
    return {};
  }
  std::map<std::string, contracts::PerformedStep> steps() const {
    const std::lock_guard lock{mutex_};
    return steps_;
  }

 private:
  std::vector<contracts::WorklistItem> items_;
  mutable std::mutex mutex_;
  std::map<std::string, contracts::PerformedStep> steps_;
};

}  // namespace aceso::dimse::testing
