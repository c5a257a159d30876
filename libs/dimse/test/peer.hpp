// Programs of other hands as peers, and a server of ours to call.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "aceso/base/file.hpp"
#include "aceso/base/log.hpp"
#include "aceso/dimse/server.hpp"
#include "memory_archive.hpp"
#include "memory_worklist.hpp"

namespace aceso::dimse::testing {

class MemoryLog final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock{mutex_};
    text_ += std::string{line} + "\n";
  }
  std::string text() const {
    const std::lock_guard lock{mutex_};
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// Everything is allowed unless the test says otherwise.
ServerOptions open_options();

class TestServer {
 public:
  explicit TestServer(ServerOptions options = open_options(), MemoryWorklist* worklist = nullptr);
  std::uint16_t port() const { return server->listeners().front().port; }
  std::string port_text() const { return std::to_string(port()); }

  MemoryArchive archive;
  MemoryLog log;
  SystemClock clock;
  Logger logger{clock, log, LogLevel::debug};
  SeededRandom random{7};
  std::unique_ptr<Server> server;
};

struct Outcome {
  int status = -1;     // of exit; -1 when it was killed
  std::string output;  // both streams
};
// A program of the system with TCP_NODELAY=1, killed after 60 s.
Outcome run_peer(const std::vector<std::string>& command, const std::filesystem::path& folder = {});
bool has_program(const std::string& name);

// A CT image of `side` x `side` pixels of 16 bits, part 10, explicit little endian. Equal numbers give equal bytes.
std::vector<std::byte> make_ct(int patient, int study, int series, int instance, int side = 128,
                               std::string_view syntax = dicom::kExplicitLittle);
std::string uid_of(int patient, int study = 0, int series = 0, int instance = 0);
std::filesystem::path save(const TempDir& folder, const std::string& name, const std::vector<std::byte>& bytes);

// True within 30 s.
bool eventually(const std::function<bool()>& condition);

}  // namespace aceso::dimse::testing
