// Delays that double: how often somebody may try before he must wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "aceso/base/clock.hpp"

namespace aceso::portal {

struct ThrottleRule {
  int free_attempts = 3;                        // before the first delay
  std::chrono::milliseconds first_delay{1000};  // doubles with each further attempt
  std::chrono::milliseconds longest_delay{15 * 60 * 1000};
  std::chrono::milliseconds forget_after{60 * 60 * 1000};  // since the last attempt, and past its delay
  std::size_t keys = 4096;                                 // table size; the key idle for longest makes room
};

// Thread-safe.
class Throttle {
 public:
  Throttle(ThrottleRule rule, const Clock& clock) : rule_{rule}, clock_{clock} {}

  // Counts an attempt before its outcome is known, so that many at once get no more than one after the other.
  // Returns zero, or how long to wait; a refused attempt does not count.
  std::chrono::milliseconds admit(const std::string& key);
  void succeeded(const std::string& key);  // forgets the key
  void refund(const std::string& key);     // takes back one admitted attempt
  std::size_t size() const;

 private:
  struct Entry {
    int attempts = 0;
    SteadyTime last;
    SteadyTime until;
  };
  void make_room(SteadyTime now);
  std::chrono::milliseconds delay_after(int attempts) const noexcept;

  const ThrottleRule rule_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

// So many events at once, then so many a second; counts what it refuses. Thread-safe.
class RateLimit {
 public:
  RateLimit(double burst, double per_second, const Clock& clock)
      : burst_{burst}, per_second_{per_second}, clock_{clock}, tokens_{burst}, last_{clock.steady_now()} {}
  // True: go on, and `refused_before` is how many were refused since the last one that was let through.
  bool admit(std::uint64_t& refused_before);

 private:
  const double burst_;
  const double per_second_;
  const Clock& clock_;
  std::mutex mutex_;
  double tokens_;
  SteadyTime last_;
  std::uint64_t refused_ = 0;
};

}  // namespace aceso::portal
