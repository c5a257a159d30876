// The lines that a worker writes: splitting with a bound, and one line's meaning. docs/formats/worker.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "aceso/base/json.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/search.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::models {

inline constexpr const char* kCheckpointName = "checkpoint.safetensors";  // in the job's folder
inline constexpr const char* kRunsName = "runs";  // folder beside it: ended runs of several, trials of a search
inline constexpr std::size_t kMaxWorkerLine = std::size_t{64} << 10;

// Cuts a byte stream into lines. too_large once a line passes the bound: the stream is then of no use.
class LineSplitter {
 public:
  Status feed(std::span<const std::byte> bytes, const std::function<void(std::string_view line)>& on_line);

 private:
  std::string pending_;
};

struct WorkerMessage {
  enum class Type : std::uint8_t { progress, epoch, trial, log, result, error } type = Type::log;
  ProgressUpdate progress;     // progress
  learn::EpochRecord epoch;    // epoch
  int trial_number = 0;        // epoch of a search: whose it is; 0: no search
  learn::TrialRecord trial;    // trial
  std::string level;           // log: debug, info, warn, error
  std::string text;            // log and error: at most 500 bytes, no control characters
  Code code = Code::internal;  // error
  std::string reason;          // error: "nan", "out_of_memory", "disk_full", "cancelled", ""
};
// invalid for anything but a well-formed line of the protocol. Numbers may be null (a NaN loss has no JSON).
Result<WorkerMessage> parse_worker_line(std::string_view line);

std::string to_line(const ProgressUpdate& update);
std::string to_line(const learn::EpochRecord& epoch, int trial = 0);
std::string to_line(const learn::TrialRecord& trial);
std::string to_line(const Error& error, std::string_view reason);
Json epoch_json(const learn::EpochRecord& epoch, int trial = 0);
Json trial_json(const learn::TrialRecord& trial);
Json progress_json(const ProgressUpdate& update);

}  // namespace aceso::models
