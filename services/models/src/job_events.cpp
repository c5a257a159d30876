#include "job_events.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "aceso/learn/search.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxListeners = 128;
constexpr std::size_t kPage = 1000;

Json stored(const std::string& text) {
  if (text.empty()) return nullptr;
  Result<Json> json = parse_own(text);
  return json ? *std::move(json) : Json(nullptr);
}

bool ended(store::JobState state) {
  return state == store::JobState::succeeded || state == store::JobState::failed || state == store::JobState::cancelled;
}

}  // namespace

Json job_json(const store::Job& job) {
  Json input = stored(job.input_json);
  std::string by = job.created_by;
  if (input.is_object()) {
    if (input.contains("requested_by") && input["requested_by"].is_object())
      by = input["requested_by"].value("name", by);
    for (const char* inner : {"requested_by", "source", "spooled", "init_file", "script_file", "script_interpreter"})
      input.erase(inner);
  }
  return Json{{"id", job.id},
              {"kind", job.kind},
              {"state", to_string(job.state)},
              {"input", std::move(input)},
              {"output", stored(job.output_json)},
              {"error", job.error.empty() ? Json(nullptr) : Json(job.error)},
              {"progress", stored(job.progress_json)},
              {"created_by", by},
              {"attempt", job.attempt},
              {"created", format_utc(job.created)},
              {"updated", format_utc(job.updated)}};
}

Result<Json> trials_so_far(const store::JobQueue& queue, const std::string& job_id) {
  std::map<int, learn::TrialRecord> newest;
  for (std::int64_t after = 0;;) {
    ACESO_TRY(const auto events, queue.events(job_id, after, kPage));
    for (const store::JobEvent& event : events) {
      after = event.sequence;
      if (event.json.find("\"trial\"") == std::string::npos) continue;
      auto message = parse_worker_line(event.json);
      if (message && message->type == WorkerMessage::Type::trial)
        newest.insert_or_assign(message->trial.plan.number, std::move(message->trial));
    }
    if (events.size() < kPage) break;
  }
  std::vector<learn::TrialRecord> ranked;
  ranked.reserve(newest.size());
  for (auto& [number, trial] : newest) ranked.push_back(std::move(trial));
  std::sort(ranked.begin(), ranked.end(), learn::ranks_before);
  Json list = Json::array();
  for (const learn::TrialRecord& trial : ranked) list.push_back(learn::to_json(trial));
  return list;
}

void JobEvents::start() {
  const std::scoped_lock lock{mutex_};
  if (running_) return;
  running_ = true;
  stopping_ = false;
  thread_ = std::thread{[this] { run(); }};
}

void JobEvents::stop() {
  {
    const std::scoped_lock lock{mutex_};
    if (!running_) return;
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  std::list<std::shared_ptr<Listener>> left;
  {
    const std::scoped_lock lock{mutex_};
    running_ = false;
    left.swap(listeners_);
  }
  for (const auto& listener : left) listener->stream->close();
}

void JobEvents::changed(const std::string& job_id) {
  {
    const std::scoped_lock lock{mutex_};
    if (listeners_.empty()) return;
    dirty_.insert(job_id);  // a set: a busy job takes one place however often it changes
  }
  wake_.notify_one();
}

Result<net::Response> JobEvents::open(const std::string& job_id, std::int64_t after_sequence) {
  {
    const std::scoped_lock lock{mutex_};
    if (!running_ || stopping_) return Error{Code::unavailable, "jobs are not running"};
    if (listeners_.size() >= kMaxListeners) return Error{Code::exhausted, "too many event streams are open"};
  }
  auto listener = std::make_shared<Listener>();
  listener->job_id = job_id;
  listener->after = after_sequence;
  net::EventStreamBody body;
  body.max_pending = 12'000;  // more than all events that a job keeps
  body.on_open = [this, listener](std::shared_ptr<net::EventStream> stream) {
    std::unique_lock lock{mutex_};
    if (stopping_ || !running_) {
      lock.unlock();  // close() may call on_close at once
      stream->close();
      return;
    }
    listener->stream = std::move(stream);
    listeners_.push_back(listener);
    dirty_.insert(listener->job_id);
    wake_.notify_one();
  };
  body.on_close = [this, listener] {
    const std::scoped_lock lock{mutex_};
    listeners_.remove(listener);
  };
  net::Response response;
  response.headers.set("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

void JobEvents::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    wake_.wait(lock, [&] { return stopping_ || !dirty_.empty(); });
    if (stopping_) return;
    const std::set<std::string> dirty = std::exchange(dirty_, {});
    std::list<std::shared_ptr<Listener>> concerned;
    for (const auto& listener : listeners_) {
      if (dirty.contains(listener->job_id)) concerned.push_back(listener);
    }
    lock.unlock();
    std::list<std::shared_ptr<Listener>> finished;
    for (const auto& listener : concerned) {
      if (!pump(*listener)) finished.push_back(listener);
    }
    for (const auto& listener : finished) listener->stream->close();
    lock.lock();
    for (const auto& listener : finished) listeners_.remove(listener);
  }
}

bool JobEvents::pump(Listener& l) const {
  const auto job = queue_.get(l.job_id);  // before the events: what came before this state is sent before it
  if (!job) return false;
  for (;;) {
    const auto events = queue_.events(l.job_id, l.after, kPage);
    if (!events) return false;
    for (const store::JobEvent& event : *events) {
      const Json json = stored(event.json);
      const std::string type = json.is_object() ? json.value("type", std::string{"log"}) : std::string{"log"};
      // What the queue notes of a state is short; listeners get the whole job below.
      if (type != "state" && !l.stream->send(type, event.json, std::to_string(event.sequence))) return false;
      l.after = event.sequence;
    }
    if (events->size() < kPage) break;
  }
  if (!job->progress_json.empty() && job->progress_json != l.progress) {
    l.progress = job->progress_json;
    if (!l.stream->send("progress", l.progress)) return false;
  }
  const std::string state = std::string{to_string(job->state)} + "/" + std::to_string(job->attempt);
  if (state != l.state) {
    l.state = state;
    if (!l.stream->send("state", dump(job_json(*job)), std::to_string(l.after))) return false;
  }
  return !ended(job->state);
}

}  // namespace aceso::models
