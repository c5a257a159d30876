// Models in memory: loaded on first use, a few kept, a bounded number of runs at once, and requests that share a run.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/learn/applicability.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/engine.hpp"
#include "context.hpp"
#include "registry.hpp"

namespace aceso::models {

// At most `running` holders; `waiting` more may wait, the next gets exhausted. Thread-safe.
class Gate {
 public:
  Gate(std::size_t running, std::size_t waiting) : running_{running}, waiting_{waiting} {}
  Status enter();
  void leave();
  std::size_t queued() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable free_;
  std::size_t running_, waiting_, inside_ = 0, queued_ = 0;
};

// What a run answers, a row a sample.
struct Answers {
  learn::Array output;     // [samples, outputs], of outlines [samples, outputs, spatial...]
  learn::Array embedding;  // [samples, width]; no shape when the model has none
};

class ServedModel {
 public:
  ServedModel(std::shared_ptr<const learn::Bundle> info, std::unique_ptr<learn::InferenceSession> session,
              std::string engine, learn::Applicability applicability)
      : info_{std::move(info)},
        session_{std::move(session)},
        engine_{std::move(engine)},
        applicability_{std::move(applicability)} {}
  const learn::Bundle& info() const noexcept { return *info_; }
  const std::string& engine() const noexcept { return engine_; }  // "openvino 2026.4.0"
  const learn::Applicability& applicability() const noexcept { return applicability_; }

  // Runs `batch` (first dimension: samples). With a window, requests that come within it share one run of at most
  // `max_batch` samples.
  Result<Answers> run(learn::NamedArrays batch, Gate& gate, std::size_t max_batch, std::int64_t window_us);

 private:
  struct Group;
  Result<Answers> run_now(const learn::NamedArrays& batch, Gate& gate);
  void lead(const std::shared_ptr<Group>& group, Gate& gate, std::size_t max_batch, std::int64_t window_us);

  std::shared_ptr<const learn::Bundle> info_;  // shared with the registry's cache
  std::unique_ptr<learn::InferenceSession> session_;
  std::string engine_;
  learn::Applicability applicability_;
  std::mutex mutex_;             // guards open_ and its groups
  std::shared_ptr<Group> open_;  // shared by the requests that wait for it
};

// Thread-safe.
class Serving {
 public:
  Serving(const Context& context, const Registry& registry, EngineProvider& engines)
      : context_{context},
        registry_{registry},
        engines_{engines},
        gate_{context.options.max_running, context.options.max_waiting} {}

  // Loads the bundle when it is not in the cache; requests for one that is being loaded wait for it.
  Result<std::shared_ptr<ServedModel>> model(std::string_view bundle);
  Result<Answers> run(ServedModel& model, learn::NamedArrays batch);
  std::size_t loaded() const;

 private:
  struct Slot {
    std::string bundle;
    std::mutex loading;
    std::shared_ptr<ServedModel>
        model;  // shared with running requests, so that eviction does not pull it from under them
  };
  Result<std::shared_ptr<ServedModel>> load(std::string_view bundle);

  const Context& context_;
  const Registry& registry_;
  EngineProvider& engines_;
  Gate gate_;
  mutable std::mutex mutex_;                // guards slots_
  std::list<std::shared_ptr<Slot>> slots_;  // most recently used first; shared with requests that load
};

// Rows [from, from + count) of the first dimension.
learn::Array slice_rows(const learn::Array& array, std::int64_t from, std::int64_t count);
// One array from several with equal type and shape but for the first dimension.
learn::Array join_rows(const std::vector<const learn::Array*>& parts);
std::map<std::string, learn::Shape> input_shapes(
    const learn::ModelSignature& signature);  // with a free batch dimension

}  // namespace aceso::models
