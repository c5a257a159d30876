// What every command needs: where the home is, how to print, and how to reach the services.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/json.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/progress.hpp"
#include "aceso/base/result.hpp"
#include "api.hpp"
#include "exit_code.hpp"

namespace aceso::app {

class Services;

class Context {
 public:
  Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  // Set by global options before a command runs.
  std::filesystem::path home;
  std::filesystem::path config_file;
  std::filesystem::path program;  // this executable, for workers and beside it the engines
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  int exit_status = kOk;

  const SystemClock clock;

  // The services of a running node, or opened here for the life of the command. unavailable when another command owns
  // the home.
  Result<Api*> api();

  // A job to its end with progress on the terminal; Ctrl-C cancels it. The job's output, or its error.
  Result<Json> follow(const Json& accepted);

  std::stop_token interrupted() const { return stop_.get_token(); }
  std::stop_source& stop() { return stop_; }
  std::unique_ptr<ProgressSink> progress() const;  // bar or lines on stderr; none with --quiet or --json

  void print(std::string_view text) const;   // to stdout, with a newline
  void print_json(const Json& value) const;  // pretty, for --json
  void fail(const Error& error);             // message to stderr (a JSON object with --json), sets exit_status

 private:
  std::stop_source stop_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<Api> api_;
};

// A table for people: columns padded to their widest cell (UTF-8 aware for width 1 characters).
std::string format_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

// Runs `work` as the body of a subcommand: its error is printed and becomes the exit code.
void on_run(CLI::App* command, Context& context, std::function<Status()> work);

// Each adds its subcommands; main.cpp calls them in the order of --help.
void add_demo(CLI::App& app, Context& context);
void add_node(CLI::App& app, Context& context);
void add_article(CLI::App& app, Context& context);
void add_dataset(CLI::App& app, Context& context);
void add_deid(CLI::App& app, Context& context);
void add_dicom(CLI::App& app, Context& context);
void add_train(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_compare(CLI::App& app, Context& context);
void add_model(CLI::App& app, Context& context);
void add_model_import(CLI::App& group, Context& context);     // of add_model
void add_model_oversight(CLI::App& group, Context& context);  // of add_model
void add_model_improve(CLI::App& group, Context& context);    // of add_model
void add_explain(CLI::App& app, Context& context);
void add_watch(CLI::App& app, Context& context);
void add_labels(CLI::App& app, Context& context);
void add_predict(CLI::App& app, Context& context);
void add_job(CLI::App& app, Context& context);
void add_user(CLI::App& app, Context& context);
void add_audit(CLI::App& app, Context& context);
void add_archive(CLI::App& app, Context& context);
void add_config(CLI::App& app, Context& context);
void add_worker(CLI::App& app, Context& context);

}  // namespace aceso::app
