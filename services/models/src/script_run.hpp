// A user's own training script within a training job: started, listened to, ended. docs/formats/script.md says what it
// gets and what it leaves.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::models {

struct Script {
  std::filesystem::path interpreter;  // of this machine; empty: the file runs itself
  std::filesystem::path file;
  std::string name, sha256;  // of the file
  std::vector<std::string> arguments;
};
// From a job's "script", "script_file" and "script_interpreter".
Result<Script> parse_script(const Json& script, const std::string& file, const std::string& interpreter);

struct ScriptPlaces {
  std::filesystem::path dataset_folder, job_folder;
  std::string dataset, model;
};

struct ScriptEnd {
  std::vector<learn::EpochRecord> history;
  double seconds = 0;
};

// Runs it to its end. Lines of the worker's protocol (progress, epoch, log) are handed to `say` as they are, everything
// else that it prints as log lines, of which a thousand are kept. Errors: conflict (the file changed since the job was
// made), not_found, invalid (what the script says of itself), cancelled, internal (how it ended). What it wrote to
// standard error goes to `say`, never into an error.
Result<ScriptEnd> run_script(const Script& script, const ScriptPlaces& places, const Clock& clock,
                             const std::function<void(const std::string& line)>& say, const std::stop_token& stop);

}  // namespace aceso::models
