// How long answers of each model waited and were computed, and in runs of how many samples: for Prometheus and, as
// KServe's statistics extension, for clients of Triton. Names and versions of models only, nothing of a request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "aceso/base/json.hpp"
#include "aceso/models/models.hpp"

namespace aceso::models {

// Counts by upper bound, as Prometheus has them. Thread-safe.
template <std::size_t N>
class Histogram {
 public:
  explicit Histogram(const std::array<double, N>& bounds) : bounds_{bounds} {}
  void observe(double value) {
    std::size_t at = 0;
    while (at < N && value > bounds_[at]) ++at;
    const std::scoped_lock lock{mutex_};
    ++counts_[at];
    sum_ += value;
  }
  struct Counts {
    std::array<std::uint64_t, N + 1> below{};  // cumulative; the last: all
    double sum = 0;
  };
  Counts counts() const {
    const std::scoped_lock lock{mutex_};
    Counts out{.below = counts_, .sum = sum_};
    for (std::size_t i = 1; i <= N; ++i) out.below[i] += out.below[i - 1];
    return out;
  }
  const std::array<double, N>& bounds() const noexcept { return bounds_; }

 private:
  std::array<double, N> bounds_;
  mutable std::mutex mutex_;
  std::array<std::uint64_t, N + 1> counts_{};
  double sum_ = 0;
};

inline constexpr std::array<double, 15> kSecondsBounds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                       0.2,    0.5,   1,     2,     5,    10,   30};
inline constexpr std::array<double, 9> kRowsBounds{1, 2, 4, 8, 16, 32, 64, 128, 256};

// Of one version. Thread-safe.
struct ModelMetrics {
  Histogram<15> queue_interactive{kSecondsBounds};  // from the request's arrival at the queue to the start of its run
  Histogram<15> queue_bulk{kSecondsBounds};
  Histogram<15> compute{kSecondsBounds};  // of a run
  Histogram<9> rows{kRowsBounds};         // samples of a run
  std::atomic<std::uint64_t> answered{0}, refused{0}, late{0}, failed{0};
  std::atomic<std::int64_t> last_us{0};  // wall clock of the last answer, microseconds
};

// All versions that were asked since the start; beyond a bound the rest is counted together as "other". Thread-safe.
class ServingMetrics {
 public:
  std::shared_ptr<ModelMetrics> of(std::string_view name, int version);  // shared with the model that counts
  std::shared_ptr<const ModelMetrics> find(std::string_view name, int version) const;  // null before the first request
  void write(std::string& out) const;                                                  // text of /metrics

  std::atomic<std::uint64_t> loads{0}, unloads{0};

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::shared_ptr<ModelMetrics>> models_;
};

// One entry of "model_stats" in the statistics extension. `metrics` may be null.
Json statistics_json(std::string_view name, int version, const ModelMetrics* metrics);

}  // namespace aceso::models
