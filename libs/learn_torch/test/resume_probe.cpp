// A training run to be killed: trains a small network on phantoms with a checkpoint after each step, writes a byte to
// its standard output after each, and its final weights to FOLDER/weights.safetensors. FOLDER DATASET
// classes|outlines|boxes
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string_view>

#include "aceso/base/file.hpp"
#include "aceso/learn/trainer.hpp"
#include "resume_probe.hpp"

namespace {

using namespace aceso;

int fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::filesystem::path folder = argv[1];
  auto dataset = learn::Dataset::open(argv[2]);
  if (!dataset) return fail(dataset.error());
  auto engine = learn::load_engine("learn_torch", ACESO_ENGINE_FOLDER);
  if (!engine) return fail(engine.error());
  learn::ArchitectureRegistry registry;
  learn::register_builtin_architectures(registry);
  const SystemClock clock;
  const auto progress = make_callback_progress([](const ProgressUpdate&) {
    if (::write(1, ".", 1) != 1) std::_Exit(3);
  });
  const auto result = learn::train(**engine, *dataset, registry, learn_torch::test::probe_config(argv[3]), clock,
                                   *progress, {}, {}, {.file = folder / "checkpoint.safetensors", .every_seconds = 0});
  if (!result) return fail(result.error());
  const Status written =
      write_file_atomic(folder / "weights.safetensors", learn::to_safetensors(result->weights, {}), {.durable = false});
  std::fflush(stdout);
  std::_Exit(written ? 0 : 1);  // without the engine's statics
}
