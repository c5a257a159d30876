// Models in memory: loaded on first use within a bound of number and bytes, the least recently used unloaded for
// others; each with a queue of its own (batching.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "aceso/learn/applicability.hpp"
#include "aceso/learn/bundle.hpp"
#include "aceso/learn/engine.hpp"
#include "batching.hpp"
#include "context.hpp"
#include "registry.hpp"
#include "serving_metrics.hpp"

namespace aceso::models {

// What a session answers, checked: [samples, outputs, ...] of float32, an embedding of as many rows.
Result<Answers> run_session(learn::InferenceSession& session, const learn::NamedArrays& batch);

class ServedModel {
 public:
  ServedModel(std::shared_ptr<const learn::Bundle> info, std::unique_ptr<learn::InferenceSession> session,
              std::string engine, learn::Applicability applicability, ComputeSlots& slots, WaitingRoom& room,
              std::shared_ptr<ModelMetrics> metrics, QueueLimits limits)
      : info_{std::move(info)},
        session_{std::move(session)},
        engine_{std::move(engine)},
        applicability_{std::move(applicability)},
        queue_{[this](const learn::NamedArrays& batch) { return run_session(*session_, batch); }, slots, room,
               std::move(metrics), limits} {}
  const learn::Bundle& info() const noexcept { return *info_; }
  const std::string& engine() const noexcept { return engine_; }  // "openvino 2026.4.0"
  const learn::Applicability& applicability() const noexcept { return applicability_; }
  BatchQueue& queue() noexcept { return queue_; }

 private:
  std::shared_ptr<const learn::Bundle> info_;  // shared with the registry's cache
  std::unique_ptr<learn::InferenceSession> session_;
  std::string engine_;
  learn::Applicability applicability_;
  BatchQueue queue_;  // last: its thread uses the session
};

// Thread-safe.
class Serving {
 public:
  Serving(const Context& context, const Registry& registry, EngineProvider& engines)
      : context_{context},
        registry_{registry},
        engines_{engines},
        room_{context.options.max_waiting},
        slots_{context.options.max_running} {}

  // Loads the version's bundle when it is not in memory; requests for one that is being loaded wait for it.
  // precondition when it alone needs more memory than the models may take.
  Result<std::shared_ptr<ServedModel>> model(const ModelVersion& version);
  // Borrows `batch` until it returns. exhausted, timeout.
  static Result<Answers> run(ServedModel& model, const learn::NamedArrays& batch, const Urgency& urgency);
  std::size_t loaded() const;
  std::uint64_t loaded_bytes() const;  // as estimated
  ServingMetrics& metrics() noexcept { return metrics_; }
  void write_metrics(std::string& out) const;  // text of /metrics

 private:
  struct Slot {
    std::string bundle;
    std::uint64_t bytes = 0;
    std::mutex loading;
    std::shared_ptr<ServedModel> model;  // shared with running requests, so that unloading does not pull it from under
                                         // them
  };
  Result<std::shared_ptr<ServedModel>> load(const ModelVersion& version);
  Status make_room(const Slot& wanted);

  const Context& context_;
  const Registry& registry_;
  EngineProvider& engines_;
  ServingMetrics metrics_;
  WaitingRoom room_;
  ComputeSlots slots_;
  mutable std::mutex mutex_;                // guards cache_
  std::list<std::shared_ptr<Slot>> cache_;  // most recently used first; shared with requests that load
};

// What a loaded model takes, from the size of its weights: the engine keeps its own copy in the layout of the processor
// beside what it read, and room for intermediate results (measured, docs/benchmarks/serving.md).
std::uint64_t memory_of_weights(std::uint64_t weight_bytes);
// The layer whose value a served model answers as well: "" when nothing is judged by it.
std::string wanted_embedding(const learn::Bundle& bundle, const learn::Applicability& applicability);
std::map<std::string, learn::Shape> input_shapes(
    const learn::ModelSignature& signature);  // with a free batch dimension

}  // namespace aceso::models
