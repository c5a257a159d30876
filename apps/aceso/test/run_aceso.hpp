// Runs the built program as a user would, with a home of its own.
#pragma once

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

namespace aceso::app {

struct Outcome {
  int status = -1;  // exit status, 128 + signal when one ended it
  std::string out;
  std::string err;
};

// Environment entries "NAME=value" are added; ACESO_HOME is `home`. Killed after `seconds`.
Outcome run_aceso(const std::filesystem::path& home, const std::vector<std::string>& arguments,
                  const std::string& input = {}, const std::vector<std::string>& environment = {}, int seconds = 400);

// A node in the background on a port the kernel chooses. stop() sends SIGTERM and waits.
class BackgroundNode {
 public:
  explicit BackgroundNode(const std::filesystem::path& home,
                          const std::vector<std::string>& arguments = {"node", "--json"});
  BackgroundNode(const BackgroundNode&) = delete;
  BackgroundNode& operator=(const BackgroundNode&) = delete;
  ~BackgroundNode();
  std::string read_line(int seconds = 200);  // the next line of its standard output, "" when it ended
  Outcome stop(int signal = SIGTERM, int seconds = 120);
  int pid() const { return pid_; }

 private:
  int pid_ = -1, out_ = -1, err_ = -1;
};

}  // namespace aceso::app
