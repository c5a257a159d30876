// Tells browsers which studies changed, over server-sent events: a name and no content, so that whoever listens asks
// for the study as always, with its rights and on record.
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "aceso/base/result.hpp"
#include "aceso/net/http.hpp"

namespace aceso::archive {

// Thread-safe. A thread of its own sends, so that changed() never waits for a connection.
class StudyEvents {
 public:
  StudyEvents() = default;
  StudyEvents(const StudyEvents&) = delete;
  StudyEvents& operator=(const StudyEvents&) = delete;
  ~StudyEvents() { stop(); }

  void start();
  void stop();  // ends the open streams
  void changed(const std::string& study_uid);
  // An event "study" for each change, {"study": UID}; the UID is null when so many changed at once that all may have.
  // Errors: unavailable, exhausted (too many streams).
  Result<net::Response> open();

 private:
  static constexpr std::size_t kMaxListeners = 128;
  static constexpr std::size_t kMaxDirty = 1000;
  struct Listener {
    std::shared_ptr<net::EventStream> stream;  // shared with the connection
  };
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::set<std::string> dirty_;
  bool all_ = false, running_ = false, stopping_ = false;
  std::list<std::shared_ptr<Listener>> listeners_;  // shared with the response that opens and closes each
  std::thread thread_;
};

}  // namespace aceso::archive
