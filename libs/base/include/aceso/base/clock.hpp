// Time as a dependency: nothing in Aceso asks the operating system for the time except through a Clock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>

#include "aceso/base/result.hpp"

namespace aceso {

using UtcTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Thread safety: all members may be called from any thread.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  virtual UtcTime utc_now() const = 0;        // wall time; may step when the machine's clock is set
  virtual SteadyTime steady_now() const = 0;  // never steps back: use it for time-outs and durations

  // Waits until `deadline` or until stop is requested. True when the deadline was reached.
  virtual bool sleep_until(SteadyTime deadline, std::stop_token stop) const = 0;
};

class SystemClock final : public Clock {
 public:
  UtcTime utc_now() const override;
  SteadyTime steady_now() const override;
  bool sleep_until(SteadyTime deadline, std::stop_token stop) const override;
};

// A clock that a test moves by hand. Sleepers wake when advance() passes their deadline.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UtcTime start = UtcTime{std::chrono::seconds{1'700'000'000}});
  UtcTime utc_now() const override;
  SteadyTime steady_now() const override;
  bool sleep_until(SteadyTime deadline, std::stop_token stop) const override;

  void advance(std::chrono::nanoseconds by);    // both clocks
  void step_utc(std::chrono::microseconds by);  // wall time only, as when an operator sets the clock
  void wait_for_sleepers(int count) const;      // until that many threads wait in sleep_until

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  UtcTime utc_;
  SteadyTime steady_;
  mutable int sleepers_ = 0;
};

// RFC 3339 with microseconds and Z: 2026-03-01T09:30:00.000000Z. format_utc never fails for years 0000..9999.
std::string format_utc(UtcTime time);
Result<UtcTime> parse_utc(std::string_view text);

}  // namespace aceso
