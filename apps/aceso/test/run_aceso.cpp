#include "run_aceso.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace aceso::app {
namespace {

using Clock = std::chrono::steady_clock;

struct Child {
  int pid = -1, in = -1, out = -1, err = -1;
};

Child spawn(const std::filesystem::path& home, const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment) {
  std::array<int, 2> in{}, out{}, err{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0)
    return {};
  std::vector<std::string> words{ACESO_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> settings{"ACESO_HOME=" + home.string(), "ACESO_NET_PORT=0",      "NO_COLOR=1",
                                    "PATH=/usr/bin:/bin",          "HOME=" + home.string(), "LANG=C.UTF-8"};
  settings.insert(settings.end(), environment.begin(), environment.end());
  settings.emplace_back(
      "ACESO_MODELS_LIVE_NEEDS_ACCEPTANCE=false");  // unless `environment` says otherwise: the first counts
  std::vector<char*> argv, envp;
  for (auto& w : words) argv.push_back(w.data());
  for (auto& s : settings) envp.push_back(s.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const int pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  ::close(err[1]);
  return {pid, in[1], out[0], err[0]};
}

int wait_for(int pid, Clock::time_point deadline) {
  for (;;) {
    int status = 0;
    const int got = ::waitpid(pid, &status, WNOHANG);
    if (got == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (Clock::now() > deadline) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      return 128 + SIGKILL;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});  // polls a child, with a deadline
  }
}

// Reads both until they are closed or the deadline passes.
void drain(int out, int err, std::string& out_text, std::string& err_text, Clock::time_point deadline) {
  std::array<pollfd, 2> fds{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}};
  std::array<char, 65536> buffer{};
  while ((fds[0].fd >= 0 || fds[1].fd >= 0) && Clock::now() < deadline) {
    if (::poll(fds.data(), fds.size(), 100) <= 0) continue;
    for (auto& f : fds) {
      if (f.fd < 0 || f.revents == 0) continue;
      const auto n = ::read(f.fd, buffer.data(), buffer.size());
      if (n <= 0) {
        f.fd = -1;
        continue;
      }
      (f.fd == out ? out_text : err_text).append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
}

}  // namespace

Outcome run_aceso(const std::filesystem::path& home, const std::vector<std::string>& arguments,
                  const std::string& input, const std::vector<std::string>& environment, int seconds) {
  const auto deadline = Clock::now() + std::chrono::seconds{seconds};
  const Child child = spawn(home, arguments, environment);
  Outcome outcome;
  if (child.pid <= 0) return outcome;
  if (!input.empty() && ::write(child.in, input.data(), input.size()) < 0)
    outcome.err = "cannot write to the program\n";
  ::close(child.in);
  drain(child.out, child.err, outcome.out, outcome.err, deadline);
  outcome.status = wait_for(child.pid, deadline);
  ::close(child.out);
  ::close(child.err);
  return outcome;
}

BackgroundNode::BackgroundNode(const std::filesystem::path& home, const std::vector<std::string>& arguments) {
  const Child child = spawn(home, arguments, {});
  ::close(child.in);
  pid_ = child.pid;
  out_ = child.out;
  err_ = child.err;
}

BackgroundNode::~BackgroundNode() {
  if (pid_ > 0) stop(SIGKILL);
}

std::string BackgroundNode::read_line(int seconds) {
  const auto deadline = Clock::now() + std::chrono::seconds{seconds};
  std::string line;
  while (Clock::now() < deadline) {
    pollfd f{out_, POLLIN, 0};
    if (::poll(&f, 1, 100) <= 0) continue;
    char c = 0;
    if (::read(out_, &c, 1) <= 0 || c == '\n') break;
    line += c;
  }
  return line;
}

Outcome BackgroundNode::stop(int signal, int seconds) {
  Outcome outcome;
  const auto deadline = Clock::now() + std::chrono::seconds{seconds};
  ::kill(pid_, signal);
  drain(out_, err_, outcome.out, outcome.err, deadline);
  outcome.status = wait_for(pid_, deadline);
  ::close(out_);
  ::close(err_);
  pid_ = -1;
  return outcome;
}

}  // namespace aceso::app
