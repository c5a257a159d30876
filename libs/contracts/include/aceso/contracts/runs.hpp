// Where trainings say what they do, so that they stand beside the runs of other programs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::contracts {

struct TrackedRun {
  std::string id;          // 32 hexadecimal digits
  std::string experiment;  // its name; made when it is not there
  std::string name, user;
  std::string parent = {};    // run that it is a part of; "": none
  std::int64_t start_ms = 0;  // since 1970
  std::vector<std::pair<std::string, std::string>> params = {}, tags = {};
};
struct TrackedMetric {
  std::string key;
  double value = 0;  // NaN: not known, left out
  std::int64_t step = 0, time_ms = 0;
};
enum class TrackedEnd : std::uint8_t { finished, failed, cancelled };

// Thread-safe. What it cannot keep must not stop a training: the caller logs the error and goes on.
class RunSink {
 public:
  virtual ~RunSink() = default;
  virtual Status begin(const TrackedRun& run) = 0;  // once more: the run goes on
  // A value at a key and step that are there already replaces the one before.
  virtual Status metrics(std::string_view run, std::span<const TrackedMetric> metrics) = 0;
  virtual Status end(std::string_view run, TrackedEnd how, std::int64_t time_ms,
                     const std::vector<std::pair<std::string, std::string>>& tags) = 0;
};

}  // namespace aceso::contracts
