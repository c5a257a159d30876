// Procedure steps: what is scheduled for a modality, and what it reports to have done (PS3.4 Annexes K and F).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/contracts/objects.hpp"

namespace aceso::contracts {

// One scheduled procedure step with its patient and its request.
struct WorklistItem {
  ObjectRow attributes = {};  // of the top level: (0010,0010), (0010,0020), (0008,0050), (0020,000D), (0040,1001), ...
  ObjectRow step = {};        // of the item of (0040,0100): (0040,0001), (0008,0060), (0040,0002), (0040,0003), ...
};

// Narrows what a source looks at; the caller matches the rest. Empty: any.
struct WorklistQuery {
  std::string station_ae = {};
  std::string modality = {};
  std::string from_date = {};  // YYYYMMDD, inclusive
  std::string to_date = {};    //
  std::size_t limit = 1000;
};

// Thread-safe.
class WorklistSource {
 public:
  WorklistSource() = default;
  WorklistSource(const WorklistSource&) = delete;
  WorklistSource& operator=(const WorklistSource&) = delete;
  virtual ~WorklistSource() = default;
  virtual Result<std::vector<WorklistItem>> scheduled(const ObjectPeer& peer, const WorklistQuery& query) const = 0;
};

enum class StepState : std::uint8_t { in_progress, completed, discontinued };

struct PerformedSeries {
  std::string series_uid = {};
  std::vector<std::string> sop_instance_uids = {};
};
// What a modality says about a step. Its UIDs count as identifying.
struct PerformedStep {
  std::string sop_instance_uid = {};
  StepState state = StepState::in_progress;
  bool has_state = false;                    // an update need not name it
  std::vector<std::string> study_uids = {};  // of the scheduled steps it performs
  std::vector<std::string> step_ids = {};    // their Scheduled Procedure Step IDs, those that it names
  bool has_series = false;                   // an update need not name them; when it does, these are all there are
  std::vector<PerformedSeries> series = {};
  ObjectRow attributes = {};  // text of the top level
};

// Thread-safe.
class ProcedureStepSink {
 public:
  ProcedureStepSink() = default;
  ProcedureStepSink(const ProcedureStepSink&) = delete;
  ProcedureStepSink& operator=(const ProcedureStepSink&) = delete;
  virtual ~ProcedureStepSink() = default;
  // Errors: exists, denied, invalid, exhausted.
  virtual Status create(const ObjectPeer& peer, const PerformedStep& step) = 0;
  // Errors: not_found, precondition (completed or discontinued already: it may not change any more), denied, invalid.
  virtual Status update(const ObjectPeer& peer, const PerformedStep& step) = 0;
};

}  // namespace aceso::contracts
