#include "serving.hpp"

#include <algorithm>
#include <filesystem>

#include "aceso/learn/ensemble.hpp"
#include "aceso/learn/flip_average.hpp"
#include "aceso/learn/foreign_model.hpp"

namespace aceso::models {
namespace {

std::int64_t rows_of(const learn::NamedArrays& batch) {
  return batch.empty() || batch.begin()->second.shape.empty() ? 0 : batch.begin()->second.shape[0];
}

std::uint64_t weights_on_disk(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  for (const char* file : {"model.safetensors", "model.onnx"}) {
    std::error_code ec;
    const std::uintmax_t size = std::filesystem::file_size(folder / file, ec);
    if (!ec) bytes += size;
  }
  return bytes;
}

}  // namespace

std::map<std::string, learn::Shape> input_shapes(const learn::ModelSignature& signature) {
  std::map<std::string, learn::Shape> out;
  for (const learn::Port& port : signature.inputs) {
    learn::Shape shape{-1};
    shape.insert(shape.end(), port.shape.begin(), port.shape.end());
    out.emplace(port.name, std::move(shape));
  }
  return out;
}

std::uint64_t memory_of_weights(std::uint64_t weight_bytes) {
  return 3 * weight_bytes + (std::uint64_t{20} << 20);
}

Result<Answers> run_session(learn::InferenceSession& session, const learn::NamedArrays& batch) {
  ACESO_TRY(learn::NamedArrays outputs, session.run(batch));
  const auto it = outputs.find("output");
  if (it == outputs.end() || it->second.dtype != learn::DType::f32 || it->second.shape.size() < 2 ||
      it->second.shape[0] != rows_of(batch)) {
    return Error{Code::internal, "the engine's output is not [samples, outputs, ...] of float32"};
  }
  Answers answers{std::move(it->second), {}};
  if (const auto e = outputs.find("embedding"); e != outputs.end()) {
    if (e->second.dtype != learn::DType::f32 || e->second.shape.size() != 2 || e->second.shape[0] != rows_of(batch))
      return Error{Code::internal, "the engine's embedding is not [samples, width] of float32"};
    answers.embedding = std::move(e->second);
  }
  return answers;
}

// With mutex_ held: unloads the least recently used until `wanted` fits, by number and by bytes.
Status Serving::make_room(const Slot& wanted) {
  const std::uint64_t bound = context_.options.model_memory_bytes;
  if (wanted.bytes > bound) {
    return Error{Code::precondition, "the model needs about " + std::to_string(wanted.bytes >> 20) +
                                         " MiB of memory; models.memory allows " + std::to_string(bound >> 20)};
  }
  const auto fits = [&] {
    std::uint64_t bytes = wanted.bytes;
    for (const auto& slot : cache_) bytes += slot->bytes;
    return bytes <= bound && cache_.size() < std::max<std::size_t>(context_.options.session_cache, 1);
  };
  while (!cache_.empty() && !fits()) {
    context_.log.info("model.unloaded", {{"bundle", cache_.back()->bundle}});
    ++metrics_.unloads;
    cache_.pop_back();
  }
  return {};
}

Result<std::shared_ptr<ServedModel>> Serving::model(const ModelVersion& version) {
  std::shared_ptr<Slot> slot;
  {
    const std::scoped_lock lock{mutex_};
    const auto it =
        std::find_if(cache_.begin(), cache_.end(), [&](const auto& s) { return s->bundle == version.bundle; });
    if (it != cache_.end()) {
      cache_.splice(cache_.begin(), cache_, it);
    } else {
      auto fresh = std::make_shared<Slot>();
      fresh->bundle = version.bundle;
      fresh->bytes = memory_of_weights(weights_on_disk(registry_.folder(version.bundle)));
      ACESO_TRY_OK(make_room(*fresh));
      cache_.push_front(std::move(fresh));
    }
    slot = cache_.front();
  }
  const std::scoped_lock loading{slot->loading};
  if (slot->model) return slot->model;
  Result<std::shared_ptr<ServedModel>> loaded = load(version);
  if (loaded) {
    slot->model = *loaded;
  } else {
    const std::scoped_lock lock{mutex_};
    cache_.remove(slot);
  }
  return loaded;
}

std::string wanted_embedding(const learn::Bundle& bundle, const learn::Applicability& applicability) {
  const bool members = learn::ensemble_size(bundle.network) > 0;  // their answers stand where an embedding would
  if (!applicability.embedding && !members) return {};
  return learn::embedding_layer(bundle.network, input_shapes(bundle.signature));
}

Result<std::shared_ptr<ServedModel>> Serving::load(const ModelVersion& version) {
  ACESO_TRY(const learn::Bundle read, registry_.read(version.bundle));
  ACESO_TRY(auto info, registry_.info(version.bundle));
  ACESO_TRY(learn::Applicability applicability, learn::parse_applicability(read.applicability));
  const std::string layer = wanted_embedding(read, applicability);
  ACESO_TRY(learn::Engine * engine, engines_.serving_for(read, layer));
  const Options& options = context_.options;
  ACESO_TRY(auto session,
            learn::load_bundle(*engine, read,
                               {.threads = options.inference_threads, .allow_bf16 = false, .embedding = layer}));
  context_.log.info("model.loaded",
                    {{"model", read.card.name}, {"bundle", version.bundle}, {"engine", engine->name()}});
  ++metrics_.loads;
  session = learn::with_flip_average(std::move(session), read.signature);
  return std::make_shared<ServedModel>(std::move(info), std::move(session), engine->name() + " " + engine->version(),
                                       std::move(applicability), slots_, room_,
                                       metrics_.of(version.name, version.version),
                                       QueueLimits{.max_batch = options.max_batch,
                                                   .max_delay_us = options.batch_window_us,
                                                   .max_queue = options.max_queue,
                                                   .timeout_us = options.queue_timeout_us});
}

Result<Answers> Serving::run(ServedModel& model, const learn::NamedArrays& batch, const Urgency& urgency) {
  ACESO_TRY(BatchQueue::Ticket ticket, model.queue().submit(batch, urgency));
  return ticket.wait();
}

std::size_t Serving::loaded() const {
  const std::scoped_lock lock{mutex_};
  return cache_.size();
}

std::uint64_t Serving::loaded_bytes() const {
  const std::scoped_lock lock{mutex_};
  std::uint64_t bytes = 0;
  for (const auto& slot : cache_) bytes += slot->bytes;
  return bytes;
}

void Serving::write_metrics(std::string& out) const {
  metrics_.write(out);
  out.append("# HELP aceso_models_loaded Models in memory.\n# TYPE aceso_models_loaded gauge\naceso_models_loaded ");
  out.append(std::to_string(loaded())).append("\n");
  out.append("# HELP aceso_models_memory_bytes What they take, estimated from their weights.\n");
  out.append("# TYPE aceso_models_memory_bytes gauge\naceso_models_memory_bytes ");
  out.append(std::to_string(loaded_bytes())).append("\n");
  out.append("# HELP aceso_model_waiting Requests that wait for a run.\n# TYPE aceso_model_waiting gauge\n");
  for (const auto& [name, lane] : {std::pair{"interactive", Lane::interactive}, {"bulk", Lane::bulk}}) {
    out.append("aceso_model_waiting{lane=\"").append(name).append("\"} ");
    out.append(std::to_string(room_.waiting(lane))).append("\n");
  }
}

}  // namespace aceso::models
