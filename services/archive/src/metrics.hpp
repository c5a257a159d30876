// Counters and histograms in Prometheus' text format 0.0.4. Labels come from fixed lists.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::archive {

// Thread-safe.
class Histogram {
 public:
  static constexpr std::array kSeconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0};

  void observe(double seconds) noexcept {
    const auto at = static_cast<std::size_t>(std::ranges::lower_bound(kSeconds, seconds) - kSeconds.begin());
    buckets_[at].fetch_add(1, std::memory_order_relaxed);
    micros_.fetch_add(static_cast<std::uint64_t>(seconds * 1e6), std::memory_order_relaxed);
  }
  void write(std::string& out, std::string_view name, std::string_view help) const;

 private:
  std::array<std::atomic<std::uint64_t>, kSeconds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> micros_{0};
};

struct Metrics {
  Histogram ingest;  // from the first byte to the acknowledgement
  Histogram query;
  Histogram metadata;
  Histogram frame;  // one frame, from the request to its bytes
  std::atomic<std::uint64_t> stored{0}, duplicates{0}, bytes_stored{0}, bytes_sent{0}, removed{0};
  std::array<std::atomic<std::uint64_t>, 16> refused{};  // by Code
  void refuse(Code code) noexcept { ++refused.at(static_cast<std::size_t>(code)); }
};

}  // namespace aceso::archive
