// Counters in Prometheus' text format 0.0.4. Labels are methods, route patterns and status classes: bounded by the
// routes there are.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "aceso/net/http.hpp"

namespace aceso::portal {

// Thread-safe.
class Metrics {
 public:
  // `pattern` is a route's pattern, or "web" or "unknown": never a path from outside.
  void observe(net::Method method, std::string_view pattern, int status, double seconds);
  void login_failed() noexcept { ++login_failures_; }
  void login_throttled() noexcept { ++login_throttled_; }
  std::string text(std::int64_t sessions) const;

  static constexpr std::array kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};

 private:
  struct Series {
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};  // the last: longer than all bounds
    double sum = 0;
    std::uint64_t count = 0;
  };
  using Key = std::tuple<std::string, std::string, int>;  // pattern, method, status / 100

  mutable std::mutex mutex_;
  std::map<Key, Series> series_;
  std::atomic<std::uint64_t> login_failures_{0};
  std::atomic<std::uint64_t> login_throttled_{0};
};

}  // namespace aceso::portal
