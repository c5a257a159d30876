#include "study_events.hpp"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "aceso/base/json.hpp"

namespace aceso::archive {

void StudyEvents::start() {
  const std::lock_guard lock{mutex_};
  if (std::exchange(running_, true)) return;
  stopping_ = false;
  thread_ = std::thread{[this] { run(); }};
}

void StudyEvents::stop() {
  {
    const std::lock_guard lock{mutex_};
    if (!running_) return;
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  std::list<std::shared_ptr<Listener>> left;
  {
    const std::lock_guard lock{mutex_};
    running_ = false;
    left.swap(listeners_);
  }
  for (const auto& listener : left) listener->stream->close();
}

void StudyEvents::changed(const std::string& study_uid) {
  {
    const std::lock_guard lock{mutex_};
    if (listeners_.empty()) return;
    if (dirty_.size() >= kMaxDirty && !dirty_.contains(study_uid)) {
      dirty_.clear();
      all_ = true;
    }
    if (!all_) dirty_.insert(study_uid);
  }
  wake_.notify_one();
}

Result<net::Response> StudyEvents::open() {
  {
    const std::lock_guard lock{mutex_};
    if (!running_ || stopping_) return Error{Code::unavailable, "analyses are not running"};
    if (listeners_.size() >= kMaxListeners) return Error{Code::exhausted, "too many event streams are open"};
  }
  auto listener = std::make_shared<Listener>();
  net::EventStreamBody body;
  body.on_open = [this, listener](std::shared_ptr<net::EventStream> stream) {
    std::unique_lock lock{mutex_};
    if (stopping_ || !running_) {
      lock.unlock();  // close() may call on_close at once
      stream->close();
      return;
    }
    listener->stream = std::move(stream);
    listeners_.push_back(listener);
    all_ = true;  // whatever changed between the page's last answer and now
    wake_.notify_one();
  };
  body.on_close = [this, listener] {
    const std::lock_guard lock{mutex_};
    listeners_.remove(listener);
  };
  net::Response response;
  response.headers.set("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

void StudyEvents::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    wake_.wait(lock, [&] { return stopping_ || all_ || !dirty_.empty(); });
    if (stopping_) return;
    std::vector<std::string> lines;
    if (std::exchange(all_, false)) lines.push_back(R"({"study":null})");
    for (const auto& uid : std::exchange(dirty_, {})) lines.push_back(dump_json(Json{{"study", uid}}));
    const auto concerned = listeners_;
    lock.unlock();
    for (const auto& listener : concerned) {
      for (const auto& line : lines) {
        if (!listener->stream->send("study", line)) break;  // gone or too slow: it comes back and hears "all"
      }
    }
    lock.lock();
  }
}

}  // namespace aceso::archive
