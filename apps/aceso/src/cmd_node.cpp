// aceso node, aceso worker: the process that serves, and the one that may die.
#include <memory>

#include "aceso/models/worker.hpp"
#include "context.hpp"
#include "node.hpp"

namespace aceso::app {

void add_node(CLI::App& app, Context& context) {
  auto* node = app.add_subcommand("node", "Run the node: web application, API and services");
  node->footer(
      "Stops cleanly on Ctrl-C or SIGTERM. Listens on 127.0.0.1:8420 unless aceso.yaml or the environment says "
      "otherwise.\n\nExamples:\n  aceso node\n  ACESO_NET_PORT=9000 aceso node --home /srv/aceso");
  on_run(node, context, [&context]() -> Status {
    ACESO_TRY(const Home home, prepare_home(context.home));
    ACESO_TRY(const auto running,
              Node::open(home, {.config_file = context.config_file, .program = context.program}, context.clock));
    ACESO_TRY_OK(running->start());
    const std::string token = running->services().setup_token();
    if (context.json) {
      Json ready{{"address", running->address()}, {"home", home.root.string()}, {"setup_needed", !token.empty()}};
      if (const auto dicom = running->dicom_address(); !dicom.empty()) ready["dicom"] = dicom;
      context.print_json(ready);
    } else {
      context.print("Aceso is ready at " + running->address() + "  (home " + home.root.string() + ", Ctrl-C stops)");
      if (const auto dicom = running->dicom_address(); !dicom.empty()) context.print("DICOM associations at " + dicom);
      if (!token.empty())
        context.print("First run: open " + running->address() + "/setup and enter this one-time code: " + token);
    }
    std::fflush(stdout);
    while (!context.interrupted().stop_requested())
      context.clock.sleep_until(context.clock.steady_now() + std::chrono::hours{1}, context.interrupted());
    if (!context.json && !context.quiet) context.print("stopping");
    running->stop();
    return {};
  });
}

void add_worker(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("worker", "Processes that the node starts for heavy work");
  group->group("");  // not for people
  group->require_subcommand(1);
  auto* train = group->add_subcommand("train", "Train in a job folder; speaks JSON lines");
  const auto folder = std::make_shared<std::string>();
  train->add_option("FOLDER", *folder)->required();
  train->callback([&context, folder] { context.exit_status = models::run_train_worker(*folder); });
  auto* explain = group->add_subcommand("explain", "Explain one answer in a job folder; speaks JSON lines");
  explain->add_option("FOLDER", *folder)->required();
  explain->callback([&context, folder] { context.exit_status = models::run_explain_worker(*folder); });
}

}  // namespace aceso::app
