// Workers as child processes: fork, limits, exec, one pipe each way.
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "aceso/models/worker.hpp"

extern char** environ;

namespace aceso::models {
namespace {

constexpr std::size_t kStderrTail = 4096;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_{fd} {}
  Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { reset(); }
  int get() const noexcept { return fd_; }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return Error{Code::exhausted, std::string{"cannot make a pipe: "} + std::strerror(errno)};
  return Pipe{Fd{fds[0]}, Fd{fds[1]}};
}

// Everything the child needs is made before fork(): between fork and exec only async-signal-safe calls are allowed,
// because the node has threads.
struct ExecPlan {
  std::vector<char*> argv, envp;
  int nice = 0;
  std::uint64_t address_space = 0;
  pid_t parent = 0;
  int in = -1, out = -1, err = -1, failure = -1;
};

[[noreturn]] void exec_child(const ExecPlan& plan) noexcept {
  const auto fail = [&] {
    const int why = errno;
    [[maybe_unused]] const ssize_t n = ::write(plan.failure, &why, sizeof why);
    ::_exit(127);
  };
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail();
  if (::getppid() != plan.parent) ::_exit(127);  // the node died before prctl took effect
  if (::setpgid(0, 0) != 0) fail();              // Ctrl-C at a terminal reaches the node alone, which then decides
  errno = 0;
  [[maybe_unused]] const int level = ::nice(plan.nice);  // failing to be nice is no reason not to train
  if (plan.address_space > 0) {
    const rlimit limit{plan.address_space, plan.address_space};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) fail();
  }
  if (::dup2(plan.in, STDIN_FILENO) < 0 || ::dup2(plan.out, STDOUT_FILENO) < 0 || ::dup2(plan.err, STDERR_FILENO) < 0)
    fail();
  [[maybe_unused]] const int closed =
      ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);  // descriptors that a library opened without O_CLOEXEC
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int s : {SIGTERM, SIGINT, SIGPIPE, SIGHUP, SIGCHLD}) ::signal(s, SIG_DFL);
  ::execve(plan.argv[0], plan.argv.data(), plan.envp.data());
  fail();
  ::_exit(127);
}

class ChildProcess final : public WorkerProcess {
 public:
  ChildProcess(pid_t pid, Fd in, Fd out, Fd err)
      : pid_{pid}, in_{std::move(in)}, out_{std::move(out)}, err_{std::move(err)} {}
  ~ChildProcess() override {
    if (!exit_) {
      ChildProcess::kill();
      reap(0);
    }
  }

  Result<std::size_t> read(std::span<std::byte> out, int wait_ms) override {
    if (out_.get() < 0) return std::size_t{0};
    std::array<pollfd, 2> fds{pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0}};
    const int ready = ::poll(fds.data(), fds.size(), wait_ms);
    if (ready < 0 && errno != EINTR)
      return Error{Code::internal, std::string{"cannot wait for the worker: "} + std::strerror(errno)};
    if (ready <= 0) return std::size_t{0};
    if (fds[1].revents != 0) drain_stderr();
    if (fds[0].revents == 0) return std::size_t{0};
    const ssize_t n = ::read(out_.get(), out.data(), out.size());
    if (n < 0) {
      return errno == EINTR
                 ? Result<std::size_t>{std::size_t{0}}
                 : Error{Code::internal, std::string{"cannot read from the worker: "} + std::strerror(errno)};
    }
    if (n == 0) out_.reset();
    return static_cast<std::size_t>(n);
  }
  bool closed() const noexcept override { return out_.get() < 0; }
  void terminate() noexcept override { signal(SIGTERM); }
  void kill() noexcept override { signal(SIGKILL); }

  std::optional<Exit> wait(int wait_ms) override {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{wait_ms};
    while (!exit_) {
      reap(WNOHANG);
      if (exit_) break;
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
      if (left <= 0) return std::nullopt;
      if (err_.get() >= 0) {  // keeps a worker that fills its standard error from waiting for us
        pollfd fd{err_.get(), POLLIN, 0};
        if (::poll(&fd, 1, static_cast<int>(std::min<std::int64_t>(left, 20))) > 0) drain_stderr();
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds{std::min<std::int64_t>(left, 20)});
      }
    }
    drain_all_stderr();
    exit_->stderr_tail = tail_;
    return exit_;
  }

 private:
  void signal(int number) noexcept {
    if (exit_) return;  // not reaped yet: the number is still ours
    // The child leads a group of its own, with what it has started; before it has made it, it is alone.
    if (::kill(-pid_, number) != 0) ::kill(pid_, number);
  }
  void reap(int flags) noexcept {
    int status = 0;
    pid_t got = -1;
    do {
      got = ::waitpid(pid_, &status, flags);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return;
    exit_.emplace();
    if (got == pid_ && WIFEXITED(status)) exit_->code = WEXITSTATUS(status);
    if (got == pid_ && WIFSIGNALED(status)) exit_->signal = WTERMSIG(status);
  }
  // One read of what there is; false at the end or when nothing waits.
  bool drain_stderr() {
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(err_.get(), buffer.data(), buffer.size());
    if (n <= 0) {
      if (n == 0) err_.reset();
      return false;
    }
    tail_.append(buffer.data(), static_cast<std::size_t>(n));
    if (tail_.size() > kStderrTail) tail_.erase(0, tail_.size() - kStderrTail);
    return true;
  }
  void drain_all_stderr() {
    for (int i = 0; i < 64 && err_.get() >= 0 && drain_stderr(); ++i) {
    }
  }

  pid_t pid_;
  Fd in_, out_, err_;  // in_ is only held open: the worker ends when it is closed
  std::string tail_;
  std::optional<Exit> exit_;
};

class ProcessLauncher final : public WorkerLauncher {
 public:
  explicit ProcessLauncher(ProcessOptions options) : options_{std::move(options)} {}

  Result<std::unique_ptr<WorkerProcess>> launch(const std::filesystem::path& job_folder) override {
    if (options_.command.empty()) return Error{Code::internal, "no worker program is configured"};
    std::vector<std::string> arguments = options_.command;
    if (options_.append_folder) arguments.push_back(job_folder.string());
    std::vector<std::string> environment = merged_environment();
    ACESO_TRY(Pipe in, make_pipe());
    ACESO_TRY(Pipe out, make_pipe());
    ACESO_TRY(Pipe err, make_pipe());
    ACESO_TRY(Pipe failure, make_pipe());
    ::fcntl(err.read.get(), F_SETFL, O_NONBLOCK);
    ExecPlan plan;
    for (std::string& a : arguments) plan.argv.push_back(a.data());
    for (std::string& e : environment) plan.envp.push_back(e.data());
    plan.argv.push_back(nullptr);
    plan.envp.push_back(nullptr);
    plan.nice = options_.nice;
    plan.address_space = options_.address_space_bytes;
    plan.parent = ::getpid();
    plan.in = in.read.get();
    plan.out = out.write.get();
    plan.err = err.write.get();
    plan.failure = failure.write.get();
    const pid_t pid = ::fork();
    if (pid < 0) return Error{Code::exhausted, std::string{"cannot start a worker: "} + std::strerror(errno)};
    if (pid == 0) exec_child(plan);
    auto child = std::make_unique<ChildProcess>(pid, std::move(in.write), std::move(out.read), std::move(err.read));
    failure.write.reset();
    int why = 0;
    ssize_t n = 0;
    do {
      n = ::read(failure.read.get(), &why, sizeof why);  // ends with 0 once exec has closed the other side
    } while (n < 0 && errno == EINTR);
    if (n == static_cast<ssize_t>(sizeof why))
      return Error{Code::internal, std::string{"cannot run the worker program: "} + std::strerror(why)};
    return std::unique_ptr<WorkerProcess>{std::move(child)};
  }

 private:
  std::vector<std::string> merged_environment() const {
    std::vector<std::pair<std::string, std::string>> extra = options_.environment;
    extra.emplace_back("OMP_WAIT_POLICY", "PASSIVE");
    std::vector<std::string> out;
    for (char** e = environ; *e != nullptr; ++e) {
      const std::string_view entry{*e};
      bool replaced = false;
      for (const auto& [name, value] : extra)
        replaced = replaced || (entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=');
      if (!replaced) out.emplace_back(entry);
    }
    for (const auto& [name, value] : extra) out.emplace_back(name).append("=").append(value);
    return out;
  }
  ProcessOptions options_;
};

}  // namespace

std::unique_ptr<WorkerLauncher> make_process_launcher(ProcessOptions options) {
  return std::make_unique<ProcessLauncher>(std::move(options));
}

}  // namespace aceso::models
