#include "script_run.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "aceso/base/text.hpp"
#include "aceso/crypto/hash.hpp"
#include "aceso/models/worker.hpp"
#include "context.hpp"
#include "object_reader.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxScript = std::uint64_t{16} << 20;
constexpr std::size_t kMaxLogged = 1000;
constexpr std::size_t kMaxLine = 500;
constexpr int kPollMs = 100;
constexpr std::chrono::seconds kSignOfLife{30};
constexpr int kGraceMs = 4000;  // less than the node gives the worker
constexpr std::size_t kMaxHistory = 10'000;

std::string log_line(const char* level, std::string_view text) {
  return dump(Json{{"type", "log"}, {"level", level}, {"message", escape_controls(text, kMaxLine)}}) + "\n";
}

// What a script prints, line by line.
class Listener {
 public:
  Listener(const std::function<void(const std::string&)>& say, const Clock& clock) : say_{say}, clock_{clock} {}

  void line(std::string_view text) {
    if (text.empty()) return;
    const Result<WorkerMessage> message = parse_worker_line(text);
    if (!message) return print(text);
    switch (message->type) {
      case WorkerMessage::Type::epoch:
        if (history.size() < kMaxHistory) history.push_back(message->epoch);
        return say_(std::string{text} + "\n");
      case WorkerMessage::Type::progress:
      case WorkerMessage::Type::log:
        return say_(std::string{text} + "\n");
      case WorkerMessage::Type::error:
        if (!error) error.emplace(message->code, message->text);
        return;
      case WorkerMessage::Type::trial:
      case WorkerMessage::Type::result:
        return;  // of our own worker; a script says it is done by ending with 0
    }
  }

  std::vector<learn::EpochRecord> history;
  std::optional<Error> error;

 private:
  void print(std::string_view text) {
    if (++printed_ > kMaxLogged + 1) {  // not kept, and still a sign of life for the node
      const SteadyTime now = clock_.steady_now();
      if (now - last_sign_ < kSignOfLife) return;
      last_sign_ = now;
      return say_(to_line(ProgressUpdate{.phase = "script", .values = {}}));
    }
    last_sign_ = clock_.steady_now();
    say_(printed_ > kMaxLogged ? log_line("warn", "the script printed more than a thousand lines: the rest is not kept")
                               : log_line("info", text));
  }
  const std::function<void(const std::string&)>& say_;
  const Clock& clock_;
  std::size_t printed_ = 0;
  SteadyTime last_sign_{};
};

Error ended(const WorkerProcess::Exit& exit) {
  if (exit.signal != 0) {
    return Error{Code::internal, "the script was ended by signal " + std::to_string(exit.signal) +
                                     (exit.signal == 9 ? ": most likely out of memory" : "")};
  }
  return Error{Code::internal, "the script ended with status " + std::to_string(exit.code) +
                                   ": what it wrote to standard error is in the job's log"};
}

// A script may close its output and go on; without a word the node ends it in time.
WorkerProcess::Exit finish(WorkerProcess& process, bool at_once, const std::stop_token& stop) {
  std::optional<WorkerProcess::Exit> exit;
  while (!at_once && !exit && !stop.stop_requested()) exit = process.wait(kPollMs);
  if (!exit) {
    process.terminate();
    exit = process.wait(kGraceMs);
  }
  if (!exit) {
    process.kill();
    exit = process.wait(60'000);
  }
  return exit ? *exit : WorkerProcess::Exit{};
}

void tell(const std::string& tail, const std::function<void(const std::string&)>& say) {
  for (std::size_t at = 0; at < tail.size();) {
    const auto end = std::min(tail.find('\n', at), tail.size());
    if (end > at) say(log_line("warn", std::string_view{tail}.substr(at, end - at)));
    at = end + 1;
  }
}

}  // namespace

Result<Script> parse_script(const Json& json, const std::string& file, const std::string& interpreter) {
  Script out;
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "script"));
  ACESO_TRY(out.name, reader.text("name", 255));
  ACESO_TRY(out.sha256, reader.text("sha256", 64));
  ACESO_TRY(out.arguments, reader.texts_or("arguments", 100, 4096));
  ACESO_TRY_OK(reader.done());
  out.file = file;
  out.interpreter = interpreter;
  if (!out.file.is_absolute()) return Error{Code::invalid, "script: an absolute path is expected"};
  return out;
}

Result<ScriptEnd> run_script(const Script& script, const ScriptPlaces& places, const Clock& clock,
                             const std::function<void(const std::string& line)>& say, const std::stop_token& stop) {
  const auto text = read_file(script.file, kMaxScript);
  if (!text) return Error{Code::not_found, "the script cannot be read: " + text.error().message()};
  if (crypto::to_hex(crypto::sha256(*text)) != script.sha256)
    return Error{Code::conflict, "the script changed since the job was made"};
  std::error_code ec;
  const fs::path output = places.job_folder / "output";
  const fs::path runs = places.job_folder / kRunsName;
  fs::create_directories(output, ec);
  if (!ec) fs::create_directories(runs, ec);
  if (ec) return Error{Code::internal, "cannot make the script's folders: " + ec.message()};
  std::vector<std::string> command;
  if (!script.interpreter.empty()) command.push_back(script.interpreter.string());
  command.push_back(script.file.string());
  command.insert(command.end(), script.arguments.begin(), script.arguments.end());
  const auto launcher = make_process_launcher({.command = std::move(command),
                                               .environment = {{"ACESO_DATASET", places.dataset_folder.string()},
                                                               {"ACESO_DATASET_NAME", places.dataset},
                                                               {"ACESO_MODEL", places.model},
                                                               {"ACESO_OUTPUT", output.string()},
                                                               {"ACESO_CHECKPOINTS", runs.string()},
                                                               {"PYTHONUNBUFFERED", "1"}},
                                               .nice = 0,
                                               .append_folder = false});
  const SteadyTime began = clock.steady_now();
  ACESO_TRY(const auto process, launcher->launch(places.job_folder));
  Listener listener{say, clock};
  LineSplitter lines;
  Status heard;
  std::array<std::byte, 16384> buffer{};
  while (!process->closed() && heard && !stop.stop_requested()) {
    ACESO_TRY(const std::size_t n, process->read(buffer, kPollMs));
    heard = lines.feed(std::span{buffer}.first(n), [&](std::string_view line) { listener.line(line); });
  }
  const WorkerProcess::Exit exit = finish(*process, !heard || stop.stop_requested(), stop);
  tell(exit.stderr_tail, say);
  if (stop.stop_requested()) return Error{Code::cancelled, "cancelled"};
  if (!heard) return Error{Code::invalid, "the script printed a line of more than 64 KiB"};
  if (listener.error) return *listener.error;
  if (exit.code != 0 || exit.signal != 0) return ended(exit);
  return ScriptEnd{std::move(listener.history), std::chrono::duration<double>(clock.steady_now() - began).count()};
}

}  // namespace aceso::models
