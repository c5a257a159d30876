// The command line. Wires commands to their functions; decides nothing.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <thread>

#include "completion.hpp"
#include "context.hpp"
#include "home.hpp"
#include "truth_commands.hpp"
#include "version.hpp"

namespace aceso::app {
namespace {

constexpr const char* kFooter = R"(Examples:
  aceso demo                                        from images to a diagnosis, with a page to look at
  aceso dataset import scans.npz --name scans       a data set from arrays X and y, or MedMNIST's keys
  aceso train --dataset scans --name chest          train, evaluate and register version 1
  aceso model promote chest 1 live                  serve it
  aceso predict chest image.png                     a probability with its model, version and uncertainty
  aceso node                                        the web application and the API on http://127.0.0.1:8420

Exit codes: 0 done, 1 failed, 2 wrong input or usage, 3 not found, 4 denied, 5 home in use or no answer, 130 interrupted.
Files: $ACESO_HOME/aceso.yaml (see `aceso config reference`). Output for programs: --json on any command.)";

// Ctrl-C and SIGTERM become a stop request, seen by a thread of its own: nothing runs in a signal handler.
class Interrupts {
 public:
  explicit Interrupts(std::stop_source& stop) : stop_{stop} {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
    thread_ = std::thread{[this] {
      for (;;) {
        int signal = 0;
        if (sigwait(&signals_, &signal) != 0 || signal == SIGUSR2) return;
        if (stop_.stop_requested() && signal == SIGINT) std::_Exit(kInterrupted);  // a second Ctrl-C does not wait
        stop_.request_stop();
      }
    }};
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts() {
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
  }

 private:
  std::stop_source& stop_;
  sigset_t signals_{};
  std::thread thread_;
};

void add_commands(CLI::App& app, Context& context) {
  add_demo(app, context);
  add_node(app, context);
  add_dataset(app, context);
  add_train(app, context);
  add_evaluate(app, context);
  add_compare(app, context);
  add_model(app, context);
  add_predict(app, context);
  add_watch(app, context);
  add_labels(app, context);
  add_truth(app, context);
  add_explain(app, context);
  add_deid(app, context);
  add_archive(app, context);
  add_dicom(app, context);
  add_job(app, context);
  add_article(app, context);
  add_user(app, context);
  add_audit(app, context);
  add_config(app, context);
  add_worker(app, context);

  auto* completion = app.add_subcommand("completion", "Print the completion script of a shell");
  auto shell = std::make_shared<std::string>();
  completion->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  completion->footer("Example:\n  aceso completion bash > /etc/bash_completion.d/aceso");
  on_run(completion, context, [shell, &context]() -> Status {
    ACESO_TRY(const auto script, completion_script(*shell));
    context.print(script);
    return {};
  });
  auto* version = app.add_subcommand("version", "Print the version");
  on_run(version, context, [&context]() -> Status {
    if (context.json)
      context.print_json(Json{{"name", "aceso"}, {"version", kVersion}, {"commit", kCommit}});
    else
      context.print(std::string{"aceso "} + kVersion + " (" + kCommit + ")");
    return {};
  });
}

int run(int argc, char** argv) {
  CLI::App app{
      "Aceso turns a hospital's own data into working, auditable medical AI. Research use only until validated.",
      "aceso"};
  Context context;
  std::error_code ec;
  context.program = std::filesystem::read_symlink("/proc/self/exe", ec);
  context.home = default_home();
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.get_formatter()->column_width(34);
  app.add_option("--home", context.home,
                 "Folder that holds everything (default: $ACESO_HOME, else " + context.home.string() + ")");
  app.add_option("--config", context.config_file, "Configuration file (default: aceso.yaml in the home folder)");
  app.add_flag("--json", context.json, "Print JSON, also for errors");
  app.add_flag("-q,--quiet", context.quiet, "No progress");
  app.add_flag("-v,--verbose", context.verbose, "Log what happens inside to stderr");
  app.set_version_flag("--version", std::string{"aceso "} + kVersion);
  add_commands(app, context);

  if (argc >= 2 && std::string_view{argv[1]} == "__complete") {
    const std::vector<std::string> words(argv + 2, argv + argc);
    for (const auto& candidate : complete(app, words)) std::puts(candidate.c_str());
    return kOk;
  }
  const Interrupts interrupts{context.stop()};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    if (context.json)
      context.fail(Error{Code::invalid, e.what()});
    else
      app.exit(e);
    return kUsage;
  }
  if (app.get_subcommands().empty()) std::fputs(app.help().c_str(), stdout);
  return context.exit_status;
}

}  // namespace
}  // namespace aceso::app

int main(int argc, char** argv) {
  try {
    return aceso::app::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "aceso: %s\n", e.what());
    return aceso::app::kFailed;
  }
}
