#include "batching.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace aceso::models {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr int kInteractiveInARow = 4;

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

double seconds_between(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
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
  std::size_t bytes = 0;
  for (const learn::Array* part : parts) bytes += part->data.size();
  out.data.reserve(bytes);
  for (const learn::Array* part : parts) {
    out.shape[0] += part->shape[0];
    out.data.insert(out.data.end(), part->data.begin(), part->data.end());
  }
  return out;
}

Lane LaneTurns::next(bool interactive_waits, bool bulk_waits) const noexcept {
  if (!interactive_waits) return Lane::bulk;
  return bulk_waits && in_a_row_ >= kInteractiveInARow ? Lane::bulk : Lane::interactive;
}

void LaneTurns::took(Lane lane, bool bulk_waits) noexcept {
  in_a_row_ = lane == Lane::interactive && bulk_waits ? in_a_row_ + 1 : 0;
}

Status WaitingRoom::enter(Lane lane) {
  const std::scoped_lock lock{mutex_};
  if (interactive_ + bulk_ >= places_ || (lane == Lane::bulk && bulk_ >= bulk_places_))
    return Error{Code::exhausted, "too many predictions wait already: try again later"};
  ++(lane == Lane::bulk ? bulk_ : interactive_);
  return {};
}

void WaitingRoom::leave(Lane lane) {
  const std::scoped_lock lock{mutex_};
  --(lane == Lane::bulk ? bulk_ : interactive_);
}

std::size_t WaitingRoom::waiting(Lane lane) const {
  const std::scoped_lock lock{mutex_};
  return lane == Lane::bulk ? bulk_ : interactive_;
}

void ComputeSlots::acquire(Lane lane) {
  std::unique_lock lock{mutex_};
  std::size_t& mine = lane == Lane::bulk ? bulk_ : interactive_;
  ++mine;
  changed_.wait(lock, [&] { return free_ > 0 && turns_.next(interactive_ > 0, bulk_ > 0) == lane; });
  --mine;
  --free_;
  turns_.took(lane, bulk_ > 0);
  if (free_ > 0) changed_.notify_all();
}

void ComputeSlots::release() {
  {
    const std::scoped_lock lock{mutex_};
    ++free_;
  }
  changed_.notify_all();
}

struct BatchQueue::Pending {
  enum class State : std::uint8_t { waiting, running, done };
  const learn::NamedArrays* batch = nullptr;
  std::int64_t rows = 0;
  Lane lane = Lane::interactive;
  SteadyClock::time_point arrival, deadline;
  State state = State::waiting;
  std::condition_variable changed;
  std::optional<Result<Answers>> answer;
};

BatchQueue::Ticket::Ticket(BatchQueue& queue, std::unique_ptr<Pending> pending)
    : queue_{&queue}, pending_{std::move(pending)} {}
BatchQueue::Ticket::Ticket(Ticket&&) noexcept = default;

BatchQueue::Ticket::~Ticket() {
  if (!pending_) return;
  std::unique_lock lock{queue_->mutex_};
  if (pending_->state == Pending::State::waiting) queue_->forget(*pending_);
  pending_->changed.wait(lock, [&] { return pending_->state == Pending::State::done; });
}

Result<Answers> BatchQueue::Ticket::wait() {
  std::unique_lock lock{queue_->mutex_};
  pending_->changed.wait_until(lock, pending_->deadline, [&] { return pending_->state != Pending::State::waiting; });
  if (pending_->state == Pending::State::waiting) {
    queue_->forget(*pending_);
    ++queue_->metrics_->late;
    return Error{Code::timeout, "the prediction waited too long for its turn: try again later"};
  }
  pending_->changed.wait(lock, [&] { return pending_->state == Pending::State::done; });
  return *std::exchange(pending_->answer, std::nullopt);
}

BatchQueue::BatchQueue(Run run, ComputeSlots& slots, WaitingRoom& room, std::shared_ptr<ModelMetrics> metrics,
                       QueueLimits limits)
    : run_{std::move(run)}, slots_{slots}, room_{room}, metrics_{std::move(metrics)}, limits_{limits}, thread_{[this] {
        loop();
      }} {}

BatchQueue::~BatchQueue() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  arrived_.notify_all();
}

Result<BatchQueue::Ticket> BatchQueue::submit(const learn::NamedArrays& batch, const Urgency& urgency) {
  auto pending = std::make_unique<Pending>();
  pending->batch = &batch;
  pending->rows = rows_of(batch);
  pending->lane = urgency.lane;
  pending->arrival = SteadyClock::now();
  const std::int64_t patience =
      urgency.timeout_us > 0 ? std::min(urgency.timeout_us, limits_.timeout_us) : limits_.timeout_us;
  pending->deadline = pending->arrival + std::chrono::microseconds{patience};
  {
    const std::scoped_lock lock{mutex_};
    Status place = interactive_.size() + bulk_.size() < limits_.max_queue
                       ? room_.enter(urgency.lane)
                       : Status{Error{Code::exhausted, "too many predictions of this model wait: try again later"}};
    if (!place) {
      ++metrics_->refused;
      return std::move(place).error();
    }
    (urgency.lane == Lane::bulk ? bulk_ : interactive_).push_back(pending.get());
  }
  arrived_.notify_all();
  return Ticket{*this, std::move(pending)};
}

void BatchQueue::forget(Pending& pending) {
  std::deque<Pending*>& lane = pending.lane == Lane::bulk ? bulk_ : interactive_;
  std::erase(lane, &pending);
  room_.leave(pending.lane);
  pending.state = Pending::State::done;
}

Lane BatchQueue::lane_next() const {
  return turns_.next(!interactive_.empty(), !bulk_.empty());
}

// While the run is not full, at most until the oldest request has waited max_delay.
void BatchQueue::wait_for_more(std::unique_lock<std::mutex>& lock) {
  if (limits_.max_delay_us <= 0) return;
  const auto full = [this] {
    std::int64_t rows = 0;
    for (const std::deque<Pending*>* lane : {&interactive_, &bulk_}) {
      for (const Pending* p : *lane) rows += p->rows;
    }
    return rows >= static_cast<std::int64_t>(limits_.max_batch);
  };
  const auto enough = [&] { return stopping_ || (interactive_.empty() && bulk_.empty()) || full(); };
  while (!enough()) {
    SteadyClock::time_point oldest = SteadyClock::time_point::max();
    for (const std::deque<Pending*>* lane : {&interactive_, &bulk_}) {
      if (!lane->empty()) oldest = std::min(oldest, lane->front()->arrival);
    }
    if (arrived_.wait_until(lock, oldest + std::chrono::microseconds{limits_.max_delay_us}) == std::cv_status::timeout)
      return;
  }
}

void BatchQueue::take_from(std::deque<Pending*>& lane, std::vector<Pending*>& out, std::int64_t& rows) {
  for (auto it = lane.begin(); it != lane.end();) {
    Pending* p = *it;
    const bool fits = out.empty() || (rows + p->rows <= static_cast<std::int64_t>(limits_.max_batch) &&
                                      alike(*out.front()->batch, *p->batch));
    if (!fits) {
      ++it;
      continue;
    }
    rows += p->rows;
    p->state = Pending::State::running;
    room_.leave(p->lane);
    p->changed.notify_all();
    out.push_back(p);
    it = lane.erase(it);
    if (rows >= static_cast<std::int64_t>(limits_.max_batch)) return;
  }
}

// The next run: of the lane whose turn it is; a run of bulk work that has room takes interactive requests along, not
// the other way round, since more samples would make the clinician wait.
std::vector<BatchQueue::Pending*> BatchQueue::take() {
  std::vector<Pending*> out;
  if (interactive_.empty() && bulk_.empty()) return out;
  std::int64_t rows = 0;
  const Lane lane = lane_next();
  take_from(lane == Lane::bulk ? bulk_ : interactive_, out, rows);
  if (lane == Lane::bulk && rows < static_cast<std::int64_t>(limits_.max_batch)) take_from(interactive_, out, rows);
  turns_.took(lane, !bulk_.empty());
  return out;
}

void BatchQueue::loop() {
  std::unique_lock lock{mutex_};
  for (;;) {
    arrived_.wait(lock, [&] { return stopping_ || !interactive_.empty() || !bulk_.empty(); });
    if (interactive_.empty() && bulk_.empty()) return;  // stopping: tickets hold the queue, so none is left
    wait_for_more(lock);
    const Lane lane = lane_next();
    lock.unlock();
    slots_.acquire(lane);  // what comes meanwhile shares the run
    lock.lock();
    const std::vector<Pending*> group = take();
    lock.unlock();
    if (!group.empty()) run(group);
    slots_.release();
    lock.lock();
    for (Pending* p : group) {
      p->state = Pending::State::done;
      p->changed.notify_all();
    }
  }
}

Result<Answers> BatchQueue::timed(const learn::NamedArrays& batch, std::int64_t rows) {
  const auto begin = SteadyClock::now();
  Result<Answers> answers = run_(batch);
  metrics_->compute.observe(seconds_between(begin, SteadyClock::now()));
  metrics_->rows.observe(static_cast<double>(rows));
  return answers;
}

void BatchQueue::run(const std::vector<Pending*>& group) {
  const auto begin = SteadyClock::now();
  for (const Pending* p : group) {
    (p->lane == Lane::bulk ? metrics_->queue_bulk : metrics_->queue_interactive)
        .observe(seconds_between(p->arrival, begin));
  }
  std::optional<Result<Answers>> shared;
  if (group.size() > 1) {
    learn::NamedArrays joined;
    std::int64_t rows = 0;
    for (const auto& [name, array] : *group.front()->batch) {
      std::vector<const learn::Array*> parts;
      parts.reserve(group.size());
      for (const Pending* p : group) parts.push_back(&p->batch->find(name)->second);
      joined.emplace(name, join_rows(parts));
    }
    for (const Pending* p : group) rows += p->rows;
    shared.emplace(timed(joined, rows));
  }
  std::int64_t from = 0;
  for (Pending* p : group) {
    // Where a shared run fails each runs alone, so that one request cannot spoil another's.
    if (shared && *shared) {
      const Answers& all = **shared;
      p->answer.emplace(Answers{slice_rows(all.output, from, p->rows), all.embedding.shape.empty()
                                                                           ? learn::Array{}
                                                                           : slice_rows(all.embedding, from, p->rows)});
    } else {
      p->answer.emplace(timed(*p->batch, p->rows));
    }
    ++(*p->answer ? metrics_->answered : metrics_->failed);
    from += p->rows;
  }
  metrics_->last_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
}

}  // namespace aceso::models
