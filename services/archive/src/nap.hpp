// The sleep of a thread that looks at what became due, which others may end.
#pragma once

#include <mutex>
#include <stop_token>

#include "aceso/base/clock.hpp"

namespace aceso::archive {

// Thread-safe: one thread naps, any may wake it.
class Nap {
 public:
  // Before the look at what is due: whatever wakes from here on ends the next sleep.
  void prepare() {
    const std::lock_guard lock{mutex_};
    awake_ = std::stop_source{};
  }
  // Until the deadline, a wake() since prepare(), or stop.
  void sleep_until(const Clock& clock, SteadyTime deadline, const std::stop_token& stop) {
    std::stop_source fresh;
    {
      const std::lock_guard lock{mutex_};
      fresh = awake_;
    }
    const std::stop_callback stopped{stop, [&fresh] { fresh.request_stop(); }};
    clock.sleep_until(deadline, fresh.get_token());
  }
  void wake() {
    const std::lock_guard lock{mutex_};
    awake_.request_stop();
  }

 private:
  std::mutex mutex_;
  std::stop_source awake_;
};

}  // namespace aceso::archive
