// What a shadow version is asked behind the answer that was given: one thread, a bounded number of bytes that wait.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace aceso::models {

// Thread-safe. Tasks that do not fit are dropped and counted: a shadow never slows what people wait for.
class ShadowWork {
 public:
  explicit ShadowWork(std::size_t max_bytes) : max_bytes_{max_bytes}, thread_{[this] { loop(); }} {}
  ShadowWork(const ShadowWork&) = delete;
  ShadowWork& operator=(const ShadowWork&) = delete;
  ~ShadowWork();  // the task at hand is finished, others are dropped

  bool add(std::size_t bytes, std::function<void()> task);  // false: dropped
  std::size_t dropped() const;

 private:
  struct Task {
    std::size_t bytes;
    std::function<void()> run;
  };
  void loop();

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::size_t bytes_ = 0, dropped_ = 0;
  bool stopping_ = false;
  std::jthread thread_;  // last: starts when all else is there
};

}  // namespace aceso::models
