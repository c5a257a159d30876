#include "peer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "aceso/base/testing.hpp"

namespace aceso::dimse::testing {

ServerOptions open_options() {
  ServerOptions options;
  options.listeners = {{.address = "127.0.0.1", .port = 0}};
  options.ae_titles = {};
  options.admit = allow_any({}, {}, {"store", "read"});
  options.modules = ACESO_MODULE_FOLDER;
  return options;
}

TestServer::TestServer(ServerOptions options, MemoryWorklist* worklist) {
  auto started =
      Server::start(std::move(options), {.sink = &archive, .source = &archive, .worklist = worklist, .steps = worklist},
                    random, logger);
  if (!started) {
    ADD_FAILURE() << started.error().message();
    std::abort();
  }
  server = *std::move(started);
}

bool has_program(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/"}) {
    if (std::filesystem::exists(folder + name)) return true;
  }
  return false;
}

Outcome run_peer(const std::vector<std::string>& command, const std::filesystem::path& folder) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return {};
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(126);
    ::dup2(pipe_ends[1], 1);
    ::dup2(pipe_ends[1], 2);
    ::setenv("TCP_NODELAY", "1", 1);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  Outcome outcome;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  for (;;) {
    pollfd watched{pipe_ends[0], POLLIN, 0};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0 || ::poll(&watched, 1, static_cast<int>(left)) <= 0) {
      ::kill(child, SIGKILL);
      break;
    }
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(pipe_ends[0], buffer.data(), buffer.size());
    if (n <= 0) break;
    outcome.output.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(pipe_ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

std::string uid_of(int patient, int study, int series, int instance) {
  std::string uid = "1.2.826.0.1.3680043.9." + std::to_string(patient);
  for (const int part : {study, series, instance}) {
    if (part != 0) uid += "." + std::to_string(part);
  }
  return uid;
}

std::vector<std::byte> make_ct(int patient, int study, int series, int instance, int side, std::string_view syntax) {
  namespace tags = dicom::tags;
  dicom::Dataset data;
  data.set_text(tags::kSOPClassUID, "1.2.840.10008.5.1.4.1.1.2");
  data.set_text(tags::kSOPInstanceUID, uid_of(patient, study, series, instance));
  data.set_text(tags::kStudyDate, "2026011" + std::to_string(study % 10));
  data.set_text(tags::kModality, "CT");
  data.set_text(tags::kAccessionNumber, "ACC" + std::to_string(study));
  data.set_text(tags::kPatientName, "Test^Patient" + std::to_string(patient));
  data.set_text(tags::kPatientID, "PID" + std::to_string(patient));
  data.set_text(tags::kStudyInstanceUID, uid_of(patient, study));
  data.set_text(tags::kSeriesInstanceUID, uid_of(patient, study, series));
  data.set_text(tags::kInstanceNumber, std::to_string(instance));
  data.set_integer(tags::kSamplesPerPixel, 1);
  data.set_text(tags::kPhotometricInterpretation, "MONOCHROME2");
  data.set_integer(tags::kRows, side);
  data.set_integer(tags::kColumns, side);
  data.set_integer(tags::kBitsAllocated, 16);
  data.set_integer(tags::kBitsStored, 12);
  data.set_integer(tags::kHighBit, 11);
  data.set_integer(tags::kPixelRepresentation, 0);
  std::vector<std::byte> pixels(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 2);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::byte>(i * 7 + i / 256);
  data.set_bytes(tags::kPixelData, dicom::Vr::ow, std::move(pixels));
  auto file = dicom::write_part10(data, syntax);
  if (!file) {
    ADD_FAILURE() << file.error().message();
    return {};
  }
  return *std::move(file);
}

std::filesystem::path save(const TempDir& folder, const std::string& name, const std::vector<std::byte>& bytes) {
  const auto path = folder.path() / name;
  EXPECT_OK(write_file_atomic(path, bytes, {.durable = false}));
  return path;
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

}  // namespace aceso::dimse::testing
