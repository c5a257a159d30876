// aceso article: the article's program, on the article's files.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "aceso/base/file.hpp"
#include "aceso/learn/article.hpp"
#include "context.hpp"
#include "services.hpp"

namespace aceso::app {
namespace {

struct ArticleArguments {
  std::filesystem::path train, test, json_file;
  learn::ArticleOptions options;
};

Result<learn::NamedArrays> load(const std::filesystem::path& file) {
  constexpr std::uint64_t kLimit = std::uint64_t{16} << 30;
  ACESO_TRY(const auto map, MappedFile::open(file));
  auto arrays = learn::parse_npz(map.bytes(), kLimit);
  if (!arrays) {
    auto error = std::move(arrays).error();
    return std::move(error.add_context(file.filename().string()));
  }
  return std::move(*arrays);
}

std::string number(double value, const char* format = "%.4f") {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

void print_result(const Context& context, const learn::ArticleResult& r) {
  for (const auto& warning : r.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (!r.history.empty()) {
    const auto& last = r.history.back();
    context.print("Validation accuracy: " + number(last.validation_accuracy) +
                  (r.validation_leaked
                       ? "  (leaked: mirrored copies of training images; use --clean-split for an honest one)"
                       : "") +
                  " on " + std::to_string(r.validation_images) + " images");
  }
  context.print("Test loss: " + number(r.test_loss));
  context.print("Test accuracy: " + number(r.test_accuracy) + "  (95 % interval " + number(r.accuracy_interval.low) +
                " to " + number(r.accuracy_interval.high) + ", Wilson, " + std::to_string(r.test_images) + " images)");
  if (r.auroc) {
    context.print("Test AUROC: " + number(*r.auroc) +
                  (r.auroc_interval ? "  (95 % interval " + number(r.auroc_interval->low) + " to " +
                                          number(r.auroc_interval->high) + ", DeLong)"
                                    : ""));
  } else {
    context.print("Test AUROC: none, the test labels are of one class");
  }
  context.print(r.engine + ", " + std::to_string(r.training_images) + " training images, " + number(r.seconds, "%.1f") +
                " s");
}

Status run(Context& context, const ArticleArguments& a) {
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", 0);  // read when the engine is loaded: idle threads sleep instead of spinning
  ACESO_TRY(const auto train, load(a.train));
  ACESO_TRY(const auto test, load(a.test));
  ACESO_TRY(const auto engine, learn::load_engine("learn_torch", engine_folder(context.program)));
  const auto progress = context.progress();
  ACESO_TRY(const auto result,
            learn::run_article(*engine, train, test, a.options, context.clock, *progress, context.interrupted()));
  progress->finish("");
  const Json json = learn::to_json(result);
  const bool to_stdout = context.json || a.json_file == "-";
  if (!a.json_file.empty() && a.json_file != "-") ACESO_TRY_OK(write_file_atomic(a.json_file, json.dump(2) + "\n"));
  if (to_stdout)
    context.print_json(json);
  else
    print_result(context, result);
  return {};
}

}  // namespace

void add_article(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("article", "The article's program: a small CNN on arrays X and y");
  const auto a = std::make_shared<ArticleArguments>();
  command->add_option("TRAIN", a->train, ".npz with X (N x 128 x 128 x 3, 0-255) and y (0 or 1)")->required();
  command->add_option("TEST", a->test, ".npz with X and y")->required();
  command->add_option("--epochs", a->options.epochs, "Passes over the training images")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--batch", a->options.batch, "Images a step")->check(CLI::Range(1, 65536))->capture_default_str();
  command->add_option("--seed", a->options.seed, "Seed of weights, order and mirroring")->capture_default_str();
  command->add_option("--threads", a->options.threads, "Threads; 0: one a core")->capture_default_str();
  command->add_flag("--clean-split", a->options.clean_split,
                    "Validate on images apart from the training images, stratified");
  command->add_option("--json", a->json_file, "Write the result as JSON to this file; -: print it instead of the text");
  command->footer(
      "Prints test loss, test accuracy and AUROC with 95 % intervals.\n\nExample:\n  aceso article train.npz test.npz "
      "--epochs 10 --json result.json");
  on_run(command, context, [&context, a] { return run(context, *a); });
}

}  // namespace aceso::app
