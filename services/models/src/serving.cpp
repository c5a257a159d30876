#include "serving.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "aceso/learn/ensemble.hpp"
#include "aceso/learn/flip_average.hpp"
#include "aceso/learn/foreign_model.hpp"

namespace aceso::models {
namespace {

std::int64_t rows_of(const learn::NamedArrays& batch) {
  return batch.empty() || batch.begin()->second.shape.empty() ? 0 : batch.begin()->second.shape[0];
}

// Whether two requests can share a run: the same ports, types and shapes but for the number of samples.
bool alike(const learn::NamedArrays& a, const learn::NamedArrays& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    const learn::Shape &s = x.second.shape, &t = y.second.shape;
    return x.first == y.first && x.second.dtype == y.second.dtype && s.size() == t.size() && !s.empty() &&
           std::equal(s.begin() + 1, s.end(), t.begin() + 1);
  });
}

}  // namespace

learn::Array slice_rows(const learn::Array& array, std::int64_t from, std::int64_t count) {
  const std::size_t row =
      array.shape.empty() || array.shape[0] == 0 ? 0 : array.data.size() / static_cast<std::size_t>(array.shape[0]);
  learn::Array out;
  out.dtype = array.dtype;
  out.shape = array.shape;
  out.shape[0] = count;
  const auto begin = array.data.begin() + static_cast<std::ptrdiff_t>(row * static_cast<std::size_t>(from));
  out.data.assign(begin, begin + static_cast<std::ptrdiff_t>(row * static_cast<std::size_t>(count)));
  return out;
}

learn::Array join_rows(const std::vector<const learn::Array*>& parts) {
  learn::Array out;
  out.dtype = parts.front()->dtype;
  out.shape = parts.front()->shape;
  out.shape[0] = 0;
  for (const learn::Array* part : parts) {
    out.shape[0] += part->shape[0];
    out.data.insert(out.data.end(), part->data.begin(), part->data.end());
  }
  return out;
}

std::map<std::string, learn::Shape> input_shapes(const learn::ModelSignature& signature) {
  std::map<std::string, learn::Shape> out;
  for (const learn::Port& port : signature.inputs) {
    learn::Shape shape{-1};
    shape.insert(shape.end(), port.shape.begin(), port.shape.end());
    out.emplace(port.name, std::move(shape));
  }
  return out;
}

Status Gate::enter() {
  std::unique_lock lock{mutex_};
  if (inside_ >= running_) {
    if (queued_ >= waiting_) return Error{Code::exhausted, "too many predictions wait already: try again later"};
    ++queued_;
    free_.wait(lock, [&] { return inside_ < running_; });
    --queued_;
  }
  ++inside_;
  return {};
}

void Gate::leave() {
  {
    const std::scoped_lock lock{mutex_};
    --inside_;
  }
  free_.notify_one();
}

std::size_t Gate::queued() const {
  const std::scoped_lock lock{mutex_};
  return queued_;
}

// Requests gathered for one run. The first is the leader: it waits for others, runs, and wakes them.
struct ServedModel::Group {
  std::vector<const learn::NamedArrays*> requests;
  std::int64_t rows = 0;
  bool closed = false, done = false;
  std::condition_variable changed;
  std::optional<Result<Answers>> output;
};

Result<Answers> ServedModel::run_now(const learn::NamedArrays& batch, Gate& gate) {
  ACESO_TRY_OK(gate.enter());
  Result<learn::NamedArrays> outputs = session_->run(batch);
  gate.leave();
  if (!outputs) return std::move(outputs).error();
  const auto it = outputs->find("output");
  if (it == outputs->end() || it->second.dtype != learn::DType::f32 || it->second.shape.size() < 2 ||
      it->second.shape[0] != rows_of(batch))
    return Error{Code::internal, "the engine's output is not [samples, outputs, ...] of float32"};
  Answers answers{std::move(it->second), {}};
  if (const auto e = outputs->find("embedding"); e != outputs->end()) {
    if (e->second.dtype != learn::DType::f32 || e->second.shape.size() != 2 || e->second.shape[0] != rows_of(batch))
      return Error{Code::internal, "the engine's embedding is not [samples, width] of float32"};
    answers.embedding = std::move(e->second);
  }
  return answers;
}

void ServedModel::lead(const std::shared_ptr<Group>& group, Gate& gate, std::size_t max_batch, std::int64_t window_us) {
  std::unique_lock lock{mutex_};
  group->changed.wait_for(lock, std::chrono::microseconds{window_us},
                          [&] { return group->rows >= static_cast<std::int64_t>(max_batch); });
  group->closed = true;
  if (open_ == group) open_.reset();
  const std::vector<const learn::NamedArrays*> requests = group->requests;
  lock.unlock();
  learn::NamedArrays joined;
  for (const auto& [name, array] : *requests.front()) {
    std::vector<const learn::Array*> parts;
    for (const learn::NamedArrays* request : requests) parts.push_back(&request->find(name)->second);
    joined.emplace(name, join_rows(parts));
  }
  Result<Answers> output = run_now(joined, gate);
  lock.lock();
  group->output.emplace(std::move(output));
  group->done = true;
  group->changed.notify_all();
}

Result<Answers> ServedModel::run(learn::NamedArrays batch, Gate& gate, std::size_t max_batch, std::int64_t window_us) {
  const std::int64_t rows = rows_of(batch);
  if (window_us <= 0 || rows >= static_cast<std::int64_t>(max_batch)) return run_now(batch, gate);
  std::shared_ptr<Group> group;
  std::int64_t from = 0;
  bool leader = false;
  {
    const std::scoped_lock lock{mutex_};
    const bool fits = open_ && !open_->closed && open_->rows + rows <= static_cast<std::int64_t>(max_batch) &&
                      alike(*open_->requests.front(), batch);
    if (!fits) {
      open_ = std::make_shared<Group>();
      leader = true;
    }
    group = open_;
    from = group->rows;
    group->rows += rows;
    group->requests.push_back(&batch);
    if (group->rows >= static_cast<std::int64_t>(max_batch)) {
      group->closed = true;
      group->changed.notify_all();
    }
  }
  if (leader) lead(group, gate, max_batch, window_us);
  std::unique_lock lock{mutex_};
  group->changed.wait(lock, [&] { return group->done; });
  if (!*group->output) return group->output->error();
  const Answers& all = **group->output;
  return Answers{slice_rows(all.output, from, rows),
                 all.embedding.shape.empty() ? learn::Array{} : slice_rows(all.embedding, from, rows)};
}

Result<std::shared_ptr<ServedModel>> Serving::model(std::string_view bundle) {
  std::shared_ptr<Slot> slot;
  {
    const std::scoped_lock lock{mutex_};
    const auto it = std::find_if(slots_.begin(), slots_.end(), [&](const auto& s) { return s->bundle == bundle; });
    if (it != slots_.end()) {
      slots_.splice(slots_.begin(), slots_, it);
    } else {
      slots_.push_front(std::make_shared<Slot>());
      slots_.front()->bundle = bundle;
      if (slots_.size() > std::max<std::size_t>(context_.options.session_cache, 1)) slots_.pop_back();
    }
    slot = slots_.front();
  }
  const std::scoped_lock loading{slot->loading};
  if (slot->model) return slot->model;
  Result<std::shared_ptr<ServedModel>> loaded = load(bundle);
  if (loaded) {
    slot->model = *loaded;
  } else {
    const std::scoped_lock lock{mutex_};
    slots_.remove(slot);
  }
  return loaded;
}

Result<std::shared_ptr<ServedModel>> Serving::load(std::string_view bundle) {
  ACESO_TRY(learn::Engine * engine, engines_.serving());
  ACESO_TRY(const learn::Bundle read, registry_.read(bundle));
  ACESO_TRY(auto info, registry_.info(bundle));
  ACESO_TRY(learn::Applicability applicability, learn::parse_applicability(read.applicability));
  const bool members = learn::ensemble_size(read.network) > 0;  // their answers stand where an embedding would
  const std::string layer = applicability.embedding || members
                                ? learn::embedding_layer(read.network, input_shapes(read.signature))
                                : std::string{};
  ACESO_TRY(
      auto session,
      learn::load_bundle(*engine, read,
                         {.threads = context_.options.inference_threads, .allow_bf16 = false, .embedding = layer}));
  context_.log.info("model.loaded", {{"model", read.card.name}, {"bundle", bundle}, {"engine", engine->name()}});
  session = learn::with_flip_average(std::move(session), read.signature);
  return std::make_shared<ServedModel>(std::move(info), std::move(session), engine->name() + " " + engine->version(),
                                       std::move(applicability));
}

Result<Answers> Serving::run(ServedModel& model, learn::NamedArrays batch) {
  return model.run(std::move(batch), gate_, context_.options.max_batch, context_.options.batch_window_us);
}

std::size_t Serving::loaded() const {
  const std::scoped_lock lock{mutex_};
  return slots_.size();
}

}  // namespace aceso::models
