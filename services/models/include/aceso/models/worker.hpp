// The training worker: the process that runs `aceso worker train`, and what the node knows of it.
// Protocol: the node gives a job folder with job.json; the worker writes one JSON object a line to its standard output
// (progress, epoch, log, result, error) and stops when its standard input is closed or on SIGTERM.
// docs/formats/worker.md specifies the lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/engine.hpp"

namespace aceso::models {

// A running child with a pipe from its standard output. One thread uses it; the destructor kills and reaps.
class WorkerProcess {
 public:
  WorkerProcess() = default;
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  virtual ~WorkerProcess() = default;

  // Waits at most `wait_ms` for output. 0 bytes with closed() false: nothing came yet; closed() true: the worker closed
  // its end.
  virtual Result<std::size_t> read(std::span<std::byte> out, int wait_ms) = 0;
  virtual bool closed() const noexcept = 0;
  virtual void terminate() noexcept = 0;  // SIGTERM
  virtual void kill() noexcept = 0;       // SIGKILL

  struct Exit {
    int code = -1;  // exit status, -1 when a signal ended it
    int signal = 0;
    std::string stderr_tail;  // at most 4 KiB of what it wrote to standard error
  };
  // The exit when the child ended within `wait_ms`.
  virtual std::optional<Exit> wait(int wait_ms) = 0;
};

// Thread-safe.
class WorkerLauncher {
 public:
  WorkerLauncher() = default;
  WorkerLauncher(const WorkerLauncher&) = delete;
  WorkerLauncher& operator=(const WorkerLauncher&) = delete;
  virtual ~WorkerLauncher() = default;
  virtual Result<std::unique_ptr<WorkerProcess>> launch(const std::filesystem::path& job_folder) = 0;
};

struct ProcessOptions {
  std::vector<std::string> command;  // program and its first arguments, for example {"/usr/bin/aceso", "worker",
                                     // "train"}; the job folder is appended
  std::vector<std::pair<std::string, std::string>> environment =
      {};  // added to the node's; OMP_WAIT_POLICY=PASSIVE is always set
  int nice = 10;
  std::uint64_t address_space_bytes = 0;  // RLIMIT_AS; 0: no limit
  bool append_folder = true;              // the job folder as the last argument
};
// fork and exec with PR_SET_PDEATHSIG, so that a worker never outlives the thread that runs its job.
std::unique_ptr<WorkerLauncher> make_process_launcher(ProcessOptions options);

struct WorkerEnvironment {
  const Clock* clock = nullptr;  // null: the system clock
  std::function<Result<std::unique_ptr<learn::Engine>>(std::string_view name, const std::filesystem::path& folder)>
      load_engine = {};  // empty: learn::load_engine
  int input_fd = 0;
  int output_fd = 1;
};
// main() of the worker: trains, chooses the threshold on validation data, evaluates on test data, writes the bundle
// (signed with a key that is thrown away) to <job folder>/bundle. Returns the exit status: 0 result written, 1 an error
// was written, 2 job.json is unusable. Nothing outside the job folder is written.
int run_train_worker(const std::filesystem::path& job_folder, const WorkerEnvironment& environment = {});
// main() of the worker that explains one answer: reads job.json and input.npy, writes map.npy and result.json into the
// job folder. Exit status 0: result written, 1: an error was written.
int run_explain_worker(const std::filesystem::path& job_folder, const WorkerEnvironment& environment = {});

}  // namespace aceso::models
